// What links cost, as calls of the library see them: broadcasts between two ranks, on a node and between nodes; and
// what cores move through the network when all of them do so at once.
#pragma once

#include "ranks.hpp"
#include "topology/links.hpp"
#include "topology/rates.hpp"

namespace coll::perf {

struct LinkEffort {
  int small_calls = 2000;  // for a latency
  size_t large_bytes = size_t{16} << 20;
  int large_calls = 10;
};

// What two ranks reach; and all ranks of two nodes, pair by pair at the same time.
struct LinkFindings {
  double shm_us = 0, shm_gbs = 0;  // 0 where no node has two ranks
  double net_us = 0, net_gbs = 0;  // 0 where there is one node
  double net_together_gbs = 0;
  // All ranks send to the next node and receive from the one before.
  double net_all_gbs = 0;  // of a node, one way
  double net_cpu_gbs = 0;  // of a core of rank 0's machine, both ways together
};

// Collective over all ranks, which all get what was found.
Problem measure_links(const Ranks& ranks, const topo::Topology& topology, const LinkEffort& effort,
                      LinkFindings* found);

// The cost model's figures for what was found: what it charges to the cores beside the link is taken off. `rates` are
// the cores'; their network_cpu_gbs, which was measured without a network, is corrected where the cores were the limit.
topo::LinkOverrides link_costs_of(const LinkFindings& found, topo::Rates* rates);

}  // namespace coll::perf
