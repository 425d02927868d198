// How ranks learn from each other which of them share a node, and what the nodes hold: three small allgathers.
//
// First every rank hands in a RankCard, from which all work out the same nodes. Then the first rank of each node, its
// leader, discovers the node and hands in a NodeCard, first its length, then the card without its zeros.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.hpp"
#include "topology/cards.hpp"
#include "topology/topology.hpp"
#include "topology/tuning.hpp"

namespace coll::topo {

// Gathers the same number of bytes from all ranks of the communicator: all[r * mine.size()) is rank r's.
using Allgather = std::function<Status(std::span<const std::byte> mine, std::byte* all)>;

// The nodes that the ranks form, ordered by their lowest rank, with their ranks and machines; the rest is not known
// yet.
Topology group(std::span<const RankCard> cards);

// Whether no earlier node is on the same machine: its leader speaks about what the machine lacks.
bool first_of_machine(const Topology& groups, size_t node);

// The whole topology: `nodes` as their leaders found them, in the order of group(), and rank 0's tuning.
Topology assemble(std::span<const RankCard> cards, std::span<const Node> nodes, const Tuning& tuning);

// The device that a rank's thread is at.
struct RankDevice {
  PciAddress gpu;
  size_t staged_bytes = 0;  // up to which its calls on device memory run on the host
};

// What one rank brings.
struct Joining {
  Joining(std::string key, int own_rank, int all_ranks) : host_key(std::move(key)), rank(own_rank), nranks(all_ranks) {}

  std::string host_key;  // ranks with equal ones share a node
  int rank;
  int nranks;
  Tuning tuning;               // rank 0's counts
  std::string topo_file;       // of a node its leader's counts; "" where the node is to be discovered
  std::string simulated_host;  // the name of the host in a simulator, where nothing is to be discovered; else ""
  std::optional<RankDevice> device;
};

// The card of this process.
RankCard make_rank_card(const Joining& own);

// Collective over all ranks; every rank ends with the same topology. A tuning that rank 0 had to refuse, or a file that
// a leader had to, is every rank's collInvalidArgument.
// `*warning` is set on one rank of a machine about which something could not be found out.
Status exchange(const Joining& own, const Allgather& allgather, Topology* topology, std::string* warning);

}  // namespace coll::topo
