#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/directory.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

using Json = nlohmann::json;

constexpr collFunc_t kFuncs[] = {collFuncAllReduce, collFuncReduceScatter, collFuncAllGather,
                                 collFuncBroadcast, collFuncReduce,        collFuncAlltoAll,
                                 collFuncGather,    collFuncScatter,       collFuncSendRecv};

World world_of(const Placement& node_of, const std::string& algorithm, bool shm = true, size_t chunk_bytes = 0) {
  WorldOptions options{node_of, shm};
  options.edit = [=](int, Config& config) {
    config.env.algo = algorithm;
    config.env.chunk_bytes = chunk_bytes;
  };
  return World(options);
}

// Ranks on a machine for which the algorithm was made.
World world_for(const std::string& algorithm) {
  if (algorithm == "board") return world_of(one_node(4), algorithm, true);  // all ranks share memory
  if (algorithm != "hier_levels") return world_of(blocks({2, 2}), algorithm, false);
  WorldOptions options{blocks({1, 1, 1, 1})};  // a level more than nodes
  options.edit = [=](int, Config& config) {
    config.env.algo = algorithm;
    config.env.topo_switch = "2/1GBs";
  };
  return World(options);
}

class CodecHandle {
 public:
  explicit CodecHandle(const char* spec) { EXPECT_EQ(collCodecCreate(&handle_, spec), collSuccess) << spec; }
  ~CodecHandle() { EXPECT_EQ(collCodecDestroy(handle_), collSuccess); }
  CodecHandle(const CodecHandle&) = delete;
  CodecHandle& operator=(const CodecHandle&) = delete;
  collCodec_t get() const { return handle_; }

 private:
  collCodec_t handle_ = nullptr;
};

Json query(collComm_t comm, collFunc_t func, size_t count, collCodec_t codec = nullptr) {
  size_t needed = 0;
  EXPECT_EQ(collCommQueryPlan(comm, func, count, collFloat32, codec, nullptr, 0, &needed), collSuccess);
  EXPECT_GT(needed, 1u);
  std::vector<char> json(needed, 'x');
  EXPECT_EQ(collCommQueryPlan(comm, func, count, collFloat32, codec, json.data(), needed, &needed), collSuccess);
  EXPECT_EQ(needed, json.size());
  EXPECT_EQ(json.back(), '\0');
  EXPECT_EQ(std::string(json.data()).size() + 1, needed);
  Json parsed = Json::parse(json.data(), nullptr, false);
  EXPECT_FALSE(parsed.is_discarded()) << json.data();
  return parsed;
}

TEST(QueryPlan, HasEveryPromisedKey) {
  World world = world_of(blocks({2, 2}), "");
  ASSERT_TRUE(world.ok()) << world.why();
  for (const collFunc_t func : kFuncs) {
    for (int rank = 0; rank < 4; ++rank) {
      const Json plan = query(world.handle(rank), func, 100000);
      EXPECT_TRUE(plan["algorithm"].is_string());
      EXPECT_TRUE(plan["transports"].is_array());
      EXPECT_GE(plan["chunks"].get<int>(), 1);
      EXPECT_EQ(plan["quantisations"].get<int>(), 0);
      EXPECT_GT(plan["predicted_us"].get<double>(), 0);
      EXPECT_TRUE(plan["steps"].is_array());
      EXPECT_GT(plan["steps"].size(), 0u);
      const std::set<std::string> transports = plan["transports"];
      EXPECT_EQ(transports, (std::set<std::string>{"shm", "inproc"}));
    }
  }
}

TEST(QueryPlan, NamesTheAlgorithmThatWasAskedFor) {
  for (const Algorithm& algorithm : algorithm_registry()) {
    const bool on_board = algorithm.name == "board";
    World world = world_for(std::string(algorithm.name));
    ASSERT_TRUE(world.ok()) << world.why();
    bool served = false;
    for (const collFunc_t func : kFuncs) {
      size_t needed = 0;
      const collResult_t result =
          collCommQueryPlan(world.handle(1), func, 5000, collFloat32, nullptr, nullptr, 0, &needed);
      if (result == collUnsupported) {
        const std::string words = collGetLastError(nullptr);
        EXPECT_NE(words.find(algorithm.name), std::string::npos) << words;
        EXPECT_NE(words.find("COLL_ALGO"), std::string::npos) << words;
        continue;
      }
      const Json plan = query(world.handle(1), func, 5000);
      if (func == collFuncSendRecv) {  // there is one way for two ranks alone
        EXPECT_EQ(plan["algorithm"], "pair");
        served |= algorithm.name == "pair";
        continue;
      }
      served = true;
      EXPECT_EQ(plan["algorithm"], algorithm.name);
      EXPECT_EQ(plan["transports"], Json::array({on_board ? "shm" : "inproc"}));
    }
    EXPECT_TRUE(served) << algorithm.name;
  }
}

TEST(QueryPlan, TellsQuantisationsAndChunks) {
  World world = world_of(one_node(4), "direct", true, 4096);
  ASSERT_TRUE(world.ok()) << world.why();
  const CodecHandle int8("int8");
  const CodecHandle none("none");
  EXPECT_EQ(query(world.handle(0), collFuncAllReduce, 100000, int8.get())["quantisations"], 2);
  EXPECT_EQ(query(world.handle(0), collFuncReduceScatter, 100000, int8.get())["quantisations"], 1);
  EXPECT_EQ(query(world.handle(0), collFuncAllGather, 100000, int8.get())["quantisations"], 1);
  EXPECT_EQ(query(world.handle(0), collFuncAllReduce, 100000, none.get())["quantisations"], 0);
  EXPECT_GT(query(world.handle(0), collFuncAllReduce, 100000)["chunks"], 50);
  EXPECT_EQ(query(world.handle(0), collFuncAllReduce, 10)["chunks"], 1);
}

TEST(QueryPlan, DefaultCodecIsThatOfTheCommunicator) {
  WorldOptions options{one_node(3), true};
  options.edit = [](int, Config& config) { config.codec = "int4"; };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  EXPECT_GT(query(world.handle(0), collFuncAllReduce, 9000)["quantisations"], 0);
  std::string json(100000, ' ');
  ASSERT_EQ(collCommQueryPlan(world.handle(0), collFuncAllReduce, 9000, collInt32, nullptr, json.data(), json.size(),
                              nullptr),
            collSuccess);
  EXPECT_EQ(Json::parse(json.c_str())["quantisations"], 0) << "integers stay exact";
}

TEST(QueryPlan, IsTheSameAgainAndOnOneRankAlone) {
  World world = world_of(one_node(1), "");
  ASSERT_TRUE(world.ok()) << world.why();
  const Json first = query(world.handle(0), collFuncAllReduce, 77);
  EXPECT_EQ(first, query(world.handle(0), collFuncAllReduce, 77));
  EXPECT_EQ(first["transports"], Json::array());
}

TEST(QueryPlan, ManyShapesDoNotPileUp) {
  World world = world_of(one_node(2), "");
  ASSERT_TRUE(world.ok()) << world.why();
  for (size_t count = 1; count < 1000; ++count) {
    ASSERT_EQ(collCommQueryPlan(world.handle(0), collFuncAllReduce, count, collFloat32, nullptr, nullptr, 0, nullptr),
              collSuccess);
  }
}

// One rank asks, the other does not: their calls of nothing, and those after them, still meet.
TEST(QueryPlan, OfNothingChangesNoCall) {
  World world = world_of(one_node(2), "");
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    std::vector<float> data(2000, 1), sums(2000);
    const auto sum = [&](size_t count) {
      return collAllReduce(data.data(), sums.data(), count, collFloat32, collSum, comm, nullptr);
    };
    for (int i = 0; i < 20; ++i) ASSERT_EQ(sum(1), collSuccess);  // later calls are not compared with one another
    if (rank == 0) query(comm, collFuncAllReduce, 0);
    if (rank == 0) query(comm, collFuncSendRecv, 0);
    for (const size_t count : {size_t{0}, size_t{5}, size_t{2000}}) {
      ASSERT_EQ(sum(count), collSuccess);
      EXPECT_EQ(std::count(sums.begin(), sums.end(), 2.0F), static_cast<std::ptrdiff_t>(std::max(count, size_t{1})));
      std::vector<float> got(count);
      if (rank == 0) {
        ASSERT_EQ(collSend(sums.data(), count, collFloat32, 1, comm, nullptr), collSuccess);
      } else {
        ASSERT_EQ(collRecv(got.data(), count, collFloat32, 0, comm, nullptr), collSuccess);
        EXPECT_TRUE(std::equal(got.begin(), got.end(), sums.begin()));
      }
    }
  });
}

TEST(QueryPlan, RefusesWhatItCannotDo) {
  World world = world_of(one_node(2), "");
  ASSERT_TRUE(world.ok()) << world.why();
  const collComm_t comm = world.handle(0);
  char little[10] = "untouched";
  size_t needed = 0;
  EXPECT_EQ(collCommQueryPlan(comm, collFuncAllReduce, 5, collFloat32, nullptr, little, sizeof(little), &needed),
            collInvalidArgument);
  EXPECT_GT(needed, sizeof(little)) << "tells what it takes";
  EXPECT_STREQ(little, "untouched");
  EXPECT_EQ(collCommQueryPlan(comm, static_cast<collFunc_t>(15), 5, collFloat32, nullptr, nullptr, 0, &needed),
            collInvalidArgument);
  EXPECT_EQ(collCommQueryPlan(nullptr, collFuncAllReduce, 5, collFloat32, nullptr, nullptr, 0, &needed),
            collInvalidArgument);
  const CodecHandle int8("int8");
  EXPECT_EQ(collCommQueryPlan(comm, collFuncAllReduce, 5, collInt32, int8.get(), nullptr, 0, &needed), collUnsupported);
  EXPECT_EQ(collCommQueryPlan(comm, collFuncReduce, 5, collFloat32, int8.get(), nullptr, 0, &needed), collUnsupported);
  EXPECT_EQ(collCommQueryPlan(comm, collFuncAlltoAll, 5, collFloat32, int8.get(), nullptr, 0, &needed),
            collUnsupported);
}

TEST(DumpTopology, WritesTheCommunicatorsNodes) {
  World world = world_of(blocks({2, 1}), "");
  ASSERT_TRUE(world.ok()) << world.why();
  const Directory folder;
  const std::string path = folder.path() / "topology.json";
  ASSERT_EQ(collCommDumpTopology(world.handle(2), path.c_str()), collSuccess) << collGetLastError(nullptr);
  std::ifstream file(path);
  const Json topology = Json::parse(file, nullptr, false);
  ASSERT_FALSE(topology.is_discarded());
  EXPECT_EQ(topology["nranks"], 3);
  EXPECT_EQ(topology["nodes"][1]["ranks"], std::vector<int>{2});
  EXPECT_EQ(collCommDumpTopology(world.handle(0), (path + ".doc").c_str()), collInvalidArgument);
  EXPECT_EQ(collCommDumpTopology(world.handle(0), nullptr), collInvalidArgument);
  EXPECT_EQ(collCommDumpTopology(nullptr, path.c_str()), collInvalidArgument);
}

}  // namespace

}  // namespace coll::test
