// What rank 0 brings to the planning of all ranks.
#pragma once

#include <string>

#include "topology/links.hpp"
#include "topology/rates.hpp"

namespace coll::topo {

struct Tuning {
  LinkOverrides measured;   // of the tuning file
  LinkOverrides overrides;  // of COLL_LINKS, which win
  Switches switches;        // of COLL_SWITCH
  Rates rates;
  std::string refused;  // why the file that was asked for by name cannot be used; "" where it can
};

}  // namespace coll::topo
