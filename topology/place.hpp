// Where a thread of the library runs beside the ranks.
#pragma once

#include <string>
#include <string_view>

#include "topology/topology.hpp"

namespace coll::topo {

// Binds the calling thread to hardware threads outside of `taken`: to those of the NUMA node it runs on where there are
// such, else to any. False where there are none that the system allows, or `taken` is empty: it stays where it may run.
bool run_apart_from(const PuSet& taken);

// "0-3,8": a list as Linux writes it. Numbers that a PuSet does not hold are left out.
PuSet parse_pus(std::string_view list);
// The same list of a set.
std::string list_text(const PuSet& pus);

}  // namespace coll::topo
