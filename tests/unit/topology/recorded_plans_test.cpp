// The plans chosen on recorded machines, committed as a table: a change of choice shows as a difference here.
// REWRITE_GOLDEN=1 in the environment writes the table anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "collectives/planner.hpp"
#include "compression/codec.hpp"
#include "runtime/choice.hpp"
#include "topology/machine_file.hpp"
#include "topology/made_up.hpp"
#include "transport/shm/layout.hpp"

namespace coll {
namespace {

constexpr const char* kMachines[] = {"server_8_numa", "server_8_gpus", "laptop", "vm_without_pci"};
constexpr std::pair<int, int> kShapes[] = {{1, 2}, {1, 4}, {1, 12}, {1, 64}, {2, 4}, {4, 8}, {16, 4}};  // nodes, ranks
constexpr size_t kBytes[] = {1 << 10, 64 << 10, 1 << 20, 64 << 20};  // of the whole vector
constexpr std::pair<collFunc_t, const char*> kFuncs[] = {{collFuncAllReduce, "allreduce"},
                                                         {collFuncReduceScatter, "reduce-scatter"},
                                                         {collFuncAllGather, "allgather"},
                                                         {collFuncBroadcast, "broadcast"},
                                                         {collFuncAlltoAll, "alltoall"}};
constexpr const char* kHeader =
    "# Plans chosen on the machines of topologies/, with the default rates; see the README there.\n"
    "# machine nodes ranks-per-node collective bytes-of-the-vector codec: algorithm chunks predicted-us\n";

std::string choice(const topo::Topology& topology, collFunc_t func, size_t bytes, const char* codec) {
  PlanQuery query;
  query.func = func;
  query.count = bytes / sizeof(float) / static_cast<size_t>(has_block_per_rank(func) ? topology.nranks : 1);
  std::unique_ptr<Codec> made;
  EXPECT_TRUE(make_codec(codec, &made).ok());
  query.codec = cost_of(made.get(), query.type, topology.rates);
  if (topology.nodes.size() == 1) {
    const auto ranks = static_cast<size_t>(topology.nranks);
    query.board_bytes = shm::Layout{ranks, shm::default_ring_bytes(ranks)}.board_shape().payload_bytes;
  }
  std::vector<const Algorithm*> all;
  EXPECT_TRUE(parse_algorithms("", &all).ok());
  Plan plan;
  const Status status = choose_plan(topology, query, all, &plan);
  EXPECT_TRUE(status.ok()) << status.message();
  char time[32];
  std::snprintf(time, sizeof(time), "%.3g", plan.predicted_us);
  return text(std::string(plan.algorithm), " ", plan.chunks, " ", time);
}

std::string table() {
  std::string all = kHeader;
  for (const char* machine : kMachines) {
    topo::Node node;
    std::string warning;
    const std::string path = text(COLL_TOPOLOGIES, "/", machine, ".xml");
    const Status status = topo::read_machine_file(path, &node, &warning);
    EXPECT_TRUE(status.ok()) << status.message();
    for (const auto& [nodes, ranks] : kShapes) {
      const topo::Topology topology = topo::cluster_of(node, nodes, ranks, {});
      for (const auto& [func, name] : kFuncs) {
        for (const size_t bytes : kBytes) {
          for (const char* codec : {"none", "int8", "int4"}) {
            const bool only_exact = func == collFuncBroadcast || func == collFuncAlltoAll;
            if (only_exact && codec != std::string("none")) continue;
            all += text(machine, " ", nodes, " ", ranks, " ", name, " ", bytes, " ", codec, ": ",
                        choice(topology, func, bytes, codec), "\n");
          }
        }
      }
    }
  }
  return all;
}

TEST(RecordedPlans, AreThoseCommitted) {
  const std::string now = table();
  if (std::getenv("REWRITE_GOLDEN") != nullptr) std::ofstream(COLL_GOLDEN_PLANS) << now;
  std::ifstream file(COLL_GOLDEN_PLANS);
  std::istringstream chosen(now);
  std::string before;
  std::string line;
  int differing = 0;
  while (std::getline(chosen, line)) {
    std::getline(file, before);
    if (line == before || ++differing > 20) continue;
    ADD_FAILURE() << "committed: " << before << "\n      now: " << line;
  }
  EXPECT_EQ(differing, 0) << "where this is meant, REWRITE_GOLDEN=1 writes tests/golden/plans.txt anew";
  EXPECT_FALSE(std::getline(file, before)) << "the table is longer than it should be: " << before;
}

}  // namespace
}  // namespace coll
