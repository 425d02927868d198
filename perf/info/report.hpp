// What coll_info shows, gathered once and then written as text or as JSON.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/env.hpp"
#include "topology/topology.hpp"

namespace coll::inspect {

struct Entry {
  std::string name;
  std::string text;
};

struct Setting {
  const EnvVariable* variable;
  std::string value;
  bool from_environment;
};

struct Report {
  std::vector<Entry> versions;    // "libcoll", "hwloc", "MPI", ...
  std::vector<Entry> codecs;      // name and keys
  std::vector<Entry> algorithms;  // name and summary
  std::vector<Entry> devices;     // "0", ...: what CUDA says about them
  std::vector<std::string> transports;
  std::vector<Setting> settings;
  topo::Topology topology;            // of this process alone, with the rates and links it would plan with
  std::string tuning_file;            // where these come from; "" the defaults
  std::vector<std::string> warnings;  // unknown variables, what discovery missed
  std::vector<std::string> errors;    // settings that no communicator would accept
};

// `ranks` above 0: the topology as if so many ranks ran on this node, each bound to its share of the cores.
Report gather(int ranks);

std::string as_text(const Report& report);
std::string as_json(const Report& report);
// The variables alone: name, value, default, where the value comes from, scope.
std::string env_text(const Report& report);
std::string env_json(const Report& report);
// docs/environment.md; the same in every environment.
std::string env_markdown();

}  // namespace coll::inspect
