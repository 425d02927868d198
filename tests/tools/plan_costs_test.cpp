// What every algorithm is predicted to take on recorded machines, committed as a table: why the plans of plans.txt are
// chosen. REWRITE_GOLDEN=1 in the environment writes the table anew.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "perf/plan/cluster.hpp"
#include "perf/plan/sheet.hpp"

namespace coll::plan_tool {
namespace {

constexpr const char* kMachines[] = {"server_8_numa", "server_8_gpus", "laptop", "vm_without_pci"};
constexpr std::pair<int, int> kShapes[] = {{1, 4}, {4, 8}, {16, 4}};  // nodes, ranks
constexpr collFunc_t kFuncs[] = {collFuncAllReduce, collFuncAllGather, collFuncBroadcast};
constexpr const char* kHeader =
    "# Predicted times in us of all algorithms on the machines of topologies/, with the default rates; a star marks\n"
    "# what is taken. See the README there.\n"
    "# machine nodes ranks-per-node collective bytes-of-the-vector codec: algorithm us ...\n";

Question question(collFunc_t func) {
  Question all;
  all.func = func;
  all.sizes = {1 << 10, 64 << 10, 1 << 20, 64 << 20};
  for (const char* spec : {"none", "int8"}) {
    std::unique_ptr<Codec> codec;
    EXPECT_TRUE(make_codec(spec, &codec).ok());
    all.codecs.push_back(std::move(codec));
  }
  EXPECT_TRUE(parse_algorithms("", &all.algorithms).ok());
  return all;
}

std::string table() {
  std::string all = kHeader;
  for (const char* machine : kMachines) {
    for (const auto& [nodes, ranks] : kShapes) {
      Description description;
      description.machine = fmt::format("{}/{}.xml", COLL_TOPOLOGIES, machine);
      description.nodes = nodes;
      description.ranks_per_node = ranks;
      Cluster cluster;
      EXPECT_TRUE(build(description, &cluster).ok());
      for (const collFunc_t func : kFuncs) {
        std::vector<Line> lines;
        EXPECT_TRUE(predict_all(cluster.topology, question(func), &lines).ok());
        for (const Line& line : lines) {
          for (const Entry& entry : line.entries) {
            all += fmt::format("{} {} {} {} {} {}:", machine, nodes, ranks, func_names()[func], line.size_bytes,
                               entry.codec);
            for (const Option& option : entry.options) {
              const bool taken = &option == &entry.choice();
              all += fmt::format(" {} {:.3g}{}", option.algorithm, option.cost.us, taken ? "*" : "");
            }
            all += "\n";
          }
        }
      }
    }
  }
  return all;
}

TEST(RecordedCosts, AreThoseCommitted) {
  const std::string now = table();
  if (std::getenv("REWRITE_GOLDEN") != nullptr) std::ofstream(COLL_GOLDEN_COSTS) << now;
  std::ifstream file(COLL_GOLDEN_COSTS);
  std::istringstream predicted(now);
  std::string before;
  std::string line;
  int differing = 0;
  while (std::getline(predicted, line)) {
    std::getline(file, before);
    if (line == before || ++differing > 20) continue;
    ADD_FAILURE() << "committed: " << before << "\n      now: " << line;
  }
  EXPECT_EQ(differing, 0) << "where this is meant, REWRITE_GOLDEN=1 writes tests/golden/costs.txt anew";
  EXPECT_FALSE(std::getline(file, before)) << "the table is longer than it should be: " << before;
}

}  // namespace
}  // namespace coll::plan_tool
