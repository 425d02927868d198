#include "links.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "coll/coll_mpi.h"
#include "perf/tools/buffer.hpp"

namespace coll::perf {
namespace {

using Clock = std::chrono::steady_clock;

// Pairs of ranks that are measured at the same time, and what they have together.
struct PairCost {
  double latency_us = 0;  // of a pair, on average
  double gbs = 0;         // of all pairs, one way
};

Problem problem_of(collResult_t result) {
  if (result == collSuccess) return {};
  const std::string said = collGetLastError(nullptr);
  return {said.empty() ? collGetErrorString(result) : said};
}

// Ranks that measure together.
class Members {
 public:
  explicit Members(MPI_Comm mpi) : mpi_(mpi) {}
  ~Members() {
    if (comm_ != nullptr) collCommDestroy(comm_);
    MPI_Comm_free(&mpi_);
  }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  Problem open() {
    collConfig_t config = COLL_CONFIG_INITIALIZER;
    config.codec = "none";
    config.check = 0;
    return problem_of(collCommInitMPI(&comm_, mpi_, &config));
  }

 protected:
  MPI_Comm mpi_;
  collComm_t comm_ = nullptr;
};

enum class Senders { kInTurn, kFirst };

// Two ranks, of which one sends to the other.
class Pair : public Members {
 public:
  using Members::Members;

  // Seconds of one message of that size.
  Problem time(size_t bytes, int calls, Senders senders, double* seconds) const {
    const Buffer memory(bytes);
    for (int call = -2; call < 0; ++call) {
      if (Problem p = pass(memory, bytes, call + 2)) return p;
    }
    const auto begin = Clock::now();
    for (int call = 0; call < calls; ++call) {
      if (Problem p = pass(memory, bytes, senders == Senders::kInTurn ? call % 2 : 0)) return p;
    }
    *seconds = std::chrono::duration<double>(Clock::now() - begin).count() / calls;
    return {};
  }

 private:
  Problem pass(const Buffer& memory, size_t bytes, int root) const {
    return problem_of(collBroadcast(memory.data(), memory.data(), bytes, collInt8, root, comm_, nullptr));
  }
};

// A ring of nodes: every member sends to its like on the next node, and receives from the one before.
class Ring : public Members {
 public:
  using Members::Members;

  // Seconds of one turn. Members come node by node, `per_node` of each.
  Problem time(size_t bytes, int calls, int per_node, double* seconds) const {
    int me = 0;
    int size = 1;
    MPI_Comm_rank(mpi_, &me);
    MPI_Comm_size(mpi_, &size);
    const int next = (me + per_node) % size;
    const int before = (me + size - per_node) % size;
    const Buffer out(bytes);
    const Buffer in(bytes);
    Clock::time_point begin;
    for (int call = -1; call < calls; ++call) {
      if (call == 0) begin = Clock::now();
      if (Problem p = turn(out, in, bytes, next, before)) return p;
    }
    *seconds = std::chrono::duration<double>(Clock::now() - begin).count() / calls;
    return {};
  }

 private:
  Problem turn(const Buffer& out, const Buffer& in, size_t bytes, int next, int before) const {
    collGroupStart();
    const Problem sent = problem_of(collSend(out.data(), bytes, collInt8, next, comm_, nullptr));
    const Problem received = problem_of(collRecv(in.data(), bytes, collInt8, before, comm_, nullptr));
    const Problem ended = problem_of(collGroupEnd());
    return sent ? sent : received ? received : ended;
  }
};

// All pairs at the same time; the others sleep. All begin to transfer together: where they take turns on few cores, one
// may be through before another has begun, and each would have the link to itself.
Problem measure_pairs(const Ranks& ranks, const std::vector<std::vector<int>>& pairs, const LinkEffort& effort,
                      PairCost* cost) {
  double latency_s = 0, transfer_s = 0;
  Problem problem;
  std::optional<Pair> mine;
  for (const std::vector<int>& pair : pairs) {
    const MPI_Comm comm = ranks.group(pair);
    if (comm != MPI_COMM_NULL) mine.emplace(comm);
  }
  if (mine) problem = mine->open();
  if (mine && !problem) problem = mine->time(8, effort.small_calls, Senders::kInTurn, &latency_s);
  if (Problem p = ranks.agree(problem)) return p;
  // One way, or pairs that share a link would fill both of its directions.
  if (mine) problem = mine->time(effort.large_bytes, effort.large_calls, Senders::kFirst, &transfer_s);
  if (Problem p = ranks.agree(problem)) return p;
  // Both ranks of a pair report the same.
  cost->latency_us = ranks.sum(latency_s) * 1e6 / static_cast<double>(2 * pairs.size());
  // Until the last pair is done: one that is ahead leaves the link to the others.
  cost->gbs = static_cast<double>(pairs.size() * effort.large_bytes) / ranks.most(transfer_s) / 1e9;
  return {};
}

Problem measure_shm(const Ranks& ranks, const topo::Topology& topology, const LinkEffort& effort, LinkFindings* found) {
  const auto shared = std::find_if(topology.nodes.begin(), topology.nodes.end(),
                                   [](const topo::Node& node) { return node.ranks.size() > 1; });
  if (shared == topology.nodes.end()) return {};
  PairCost cost;
  if (Problem p = measure_pairs(ranks, {{shared->ranks[0], shared->ranks[1]}}, effort, &cost)) return p;
  found->shm_us = cost.latency_us;
  found->shm_gbs = cost.gbs;
  return {};
}

Problem measure_net(const Ranks& ranks, const topo::Topology& topology, const LinkEffort& effort, LinkFindings* found) {
  if (topology.nodes.size() < 2) return {};
  const std::vector<int>& here = topology.nodes[0].ranks;
  const std::vector<int>& there = topology.nodes[1].ranks;
  std::vector<std::vector<int>> pairs = {{here[0], there[0]}};
  PairCost cost;
  if (Problem p = measure_pairs(ranks, pairs, effort, &cost)) return p;
  found->net_us = cost.latency_us;
  found->net_gbs = found->net_together_gbs = cost.gbs;
  for (size_t i = 1; i < std::min(here.size(), there.size()); ++i) pairs.push_back({here[i], there[i]});
  if (pairs.size() == 1) return {};
  if (Problem p = measure_pairs(ranks, pairs, effort, &cost)) return p;
  found->net_together_gbs = cost.gbs;
  return {};
}

// What the cores can move when nobody waits for a link: with few ranks it is the links that are busy.
Problem measure_all(const Ranks& ranks, const topo::Topology& topology, const LinkEffort& effort, LinkFindings* found) {
  if (topology.nodes.size() < 2) return {};
  size_t per_node = topology.nodes[0].ranks.size();
  for (const topo::Node& node : topology.nodes) per_node = std::min(per_node, node.ranks.size());
  std::vector<int> members;
  int of_machine = 0;  // rank 0's
  for (const topo::Node& node : topology.nodes) {
    members.insert(members.end(), node.ranks.begin(), node.ranks.begin() + static_cast<std::ptrdiff_t>(per_node));
    if (node.machine == topology.nodes[static_cast<size_t>(topology.node_of[0])].machine) {
      of_machine += static_cast<int>(per_node);
    }
  }
  double seconds = 0;
  Problem problem;
  if (const MPI_Comm comm = ranks.group(members); comm != MPI_COMM_NULL) {
    Ring ring(comm);
    problem = ring.open();
    if (!problem) problem = ring.time(effort.large_bytes, effort.large_calls, static_cast<int>(per_node), &seconds);
  }
  if (Problem p = ranks.agree(problem)) return p;
  const double bytes = static_cast<double>(effort.large_bytes) / 1e9 / ranks.most(seconds);
  const int pus = topology.machine_of(0).pus;
  found->net_all_gbs = static_cast<double>(per_node) * bytes;
  found->net_cpu_gbs = 2 * of_machine * bytes / (pus > 0 ? std::min(pus, of_machine) : of_machine);
  // On a node of its own a core may wait for the link; it has moved what the first pair did.
  if (of_machine == static_cast<int>(per_node)) found->net_cpu_gbs = std::max(found->net_cpu_gbs, found->net_gbs);
  return {};
}

// The rate of one of two parts of a job that are done one after the other, from the whole's and the other's.
double without(double whole_gbs, double other_gbs) {
  constexpr double kMostGain = 8;  // where the other part would take nearly all of the time
  return 1 / std::max(1 / whole_gbs - 1 / other_gbs, 1 / (kMostGain * whole_gbs));
}

}  // namespace

Problem measure_links(const Ranks& ranks, const topo::Topology& topology, const LinkEffort& effort,
                      LinkFindings* found) {
  if (Problem p = measure_shm(ranks, topology, effort, found)) return p;
  if (Problem p = measure_net(ranks, topology, effort, found)) return p;
  return measure_all(ranks, topology, effort, found);
}

topo::LinkOverrides link_costs_of(const LinkFindings& found, topo::Rates* rates) {
  topo::LinkOverrides links;
  if (found.shm_gbs > 0) {
    links[static_cast<size_t>(topo::LinkKind::kSharedMemory)] =
        topo::LinkCost{found.shm_us, without(found.shm_gbs, rates->copy_gbs)};
  }
  if (found.net_gbs <= 0) return links;
  // Where several ranks reach clearly more than two do, these two were held up by their cores, not by the link.
  constexpr double kClearly = 1.3;
  if (found.net_together_gbs > kClearly * found.net_gbs) {
    rates->network_cpu_gbs = std::min(rates->network_cpu_gbs, without(found.net_gbs, rates->copy_gbs));
  }
  const double link_gbs = std::max(found.net_gbs, found.net_together_gbs);
  // Where all ranks together leave a good part of their links idle, it is the cores that move no more.
  if (found.net_all_gbs > 0 && kClearly * found.net_all_gbs < link_gbs) {
    const double received_is_copied_gbs = 2 * rates->copy_gbs;  // half of the bytes
    rates->network_cpu_gbs = std::min(rates->network_cpu_gbs, without(found.net_cpu_gbs, received_is_copied_gbs));
  }
  links[static_cast<size_t>(topo::LinkKind::kNetwork)] = topo::LinkCost{found.net_us, link_gbs};
  return links;
}

}  // namespace coll::perf
