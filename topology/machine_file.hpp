// COLL_TOPO_FILE: a machine that was written down, in place of what is discovered.
#pragma once

#include <span>
#include <string>

#include "base/status.hpp"
#include "topology/exchange.hpp"
#include "topology/topology.hpp"

namespace coll::topo {

// The machine that the file describes, hwloc's XML, with its devices, all hardware threads, and the name it has there.
// What is wrong with the file is collInvalidArgument, with what to do about it. `*warning` as in discover_node().
Status read_machine_file(const std::string& path, Node* node, std::string* warning);

// The node that this process runs on, as the file describes it; "" is no file, and it is discovered. Rates of network
// devices that the file does not know are this machine's, and so are all of them where it names none.
Status find_node(const std::string& path, Node* node, std::string* warning);

// Whether these ranks can run on the node as the file has it: those that are bound are bound to hardware threads that
// it has.
Status check_fit(const std::string& path, const Node& node, std::span<const int> ranks,
                 std::span<const RankCard> cards);

}  // namespace coll::topo
