// One suite for every algorithm (and the free choice among them) with every codec, on every transport that threads can
// use, for many shapes. What an algorithm does not serve is counted; nothing may be served nowhere.
#include <map>

#include "tests/conformance/cases.hpp"
#include "tests/support/device_buffer.hpp"
#include "tests/support/late_transport.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/two_packages.hpp"

namespace coll::test {

namespace {

// late: inproc, and rank 0 sends late. What follows is shm: mapped: the buffers are of collMemAlloc(); staged: they are
// a device's, and calls run on the host; device: ... on the device; mixed: they are a device's on some ranks.
enum class Links { kInproc, kShm, kLate, kMapped, kStaged, kDevice, kMixed };
constexpr std::string_view kLinkNames[] = {"inproc", "shm", "late", "mapped", "staged", "device", "mixed"};

struct Service {
  std::string algorithm;  // "": the planner chooses
  Links links;
  bool few;
};

std::string name_of(const Service& service) {
  return text(kLinkNames[static_cast<size_t>(service.links)], "_",
              service.algorithm.empty() ? "any" : service.algorithm);
}

void PrintTo(const Service& service, std::ostream* out) { *out << name_of(service); }

struct Shape {
  std::string name;
  Placement node_of;
  bool packages = false;   // each node has two, and its ranks are bound to them in turn
  std::string switches{};  // COLL_SWITCH
};

std::vector<Shape> shapes(bool few) {
  if (few)
    return {{"1", one_node(1)},
            {"2", one_node(2)},
            {"3", one_node(3)},
            {"2+2", blocks({2, 2})},
            {"1+2", blocks({1, 2})},
            {"4 in packages", one_node(4), true},
            {"1+2+1 on switches", blocks({1, 2, 1}), false, "2/1GBs"}};
  std::vector<Shape> all;
  for (int n = 1; n <= 16; ++n) all.push_back({text(n), one_node(n)});
  all.push_back({"2+2", blocks({2, 2})});
  all.push_back({"2+2+2+2", blocks({2, 2, 2, 2})});
  all.push_back({"3+1", blocks({3, 1})});
  all.push_back({"1+2+3", blocks({1, 2, 3})});
  all.push_back({"1+1+1", blocks({1, 1, 1})});
  all.push_back({"8+8", blocks({8, 8})});
  all.push_back({"6 round robin on 2", round_robin(6, 2)});
  all.push_back({"7 round robin on 3", round_robin(7, 3)});
  all.push_back({"5 in packages", one_node(5), true});
  all.push_back({"8 in packages", one_node(8), true});
  all.push_back({"4+3 in packages", blocks({4, 3}), true});
  all.push_back({"1+4+4 in packages, on switches", blocks({1, 4, 4}), true, "2/1GBs"});
  all.push_back({"1+2+3+2 on switches", blocks({1, 2, 3, 2}), false, "2/1GBs"});
  return all;
}

std::unique_ptr<Transport> late_on_rank_0(int rank, std::unique_ptr<Transport> real) {
  if (rank != 0) return real;
  return std::make_unique<LateTransport>(std::move(real));
}

WorldOptions options_for(const Placement& node_of, const Service& service) {
  WorldOptions options{node_of, service.links != Links::kInproc && service.links != Links::kLate};
  if (service.links == Links::kLate) options.wrap = late_on_rank_0;
  return options;
}

Memory memory_of(Links links) {
  switch (links) {
    case Links::kMapped:
      return Memory::kMapped;
    case Links::kStaged:
    case Links::kDevice:
      return Memory::kDevice;
    case Links::kMixed:
      return Memory::kMixed;
    default:
      return Memory::kOrdinary;
  }
}

std::vector<Case> with_memory(std::vector<Case> cases, const Service& service) {
  for (Case& each : cases) each.memory = memory_of(service.links);
  return cases;
}

std::unique_ptr<TestDevices> devices_for(const Service& service) {
  const Memory memory = memory_of(service.links);
  const bool needed = memory == Memory::kDevice || memory == Memory::kMixed;
  return needed ? std::make_unique<TestDevices>() : nullptr;
}

// Everything runs on the device that can, or nothing.
void set_staging(const Service& service, Config& config) {
  config.env.staged_bytes = service.links == Links::kStaged ? size_t{1} << 40 : 0;
}

class Collectives : public testing::TestWithParam<Service> {};

TEST_P(Collectives, Hold) {
  const Service& service = GetParam();
  const std::vector<SharedCodec> codecs = all_codecs();
  constexpr size_t kChunkBytes[] = {0, 512, 8192};  // 0: as the planner likes; small ones make many chunks
  constexpr const char* kSlowLinks = "shm=1us/1MBs,net=1us/1MBs";  // codecs that choose compress then
  std::map<std::string, Tally> total;
  size_t index = 0;
  const bool few = service.few || kSanitized;
  const TwoPackages packages;
  const std::unique_ptr<TestDevices> devices = devices_for(service);
  for (const Shape& shape : shapes(few)) {
    if (shape.packages && !packages.possible()) continue;
    WorldOptions options = options_for(shape.node_of, service);
    options.edit = [&](int rank, Config& config) {
      if (shape.packages) packages.place(rank, config);
      config.env.topo_switch = shape.switches;
      set_staging(service, config);
      config.env.algo = service.algorithm;
      config.env.chunk_bytes = kChunkBytes[index % std::size(kChunkBytes)];
      config.check = index % 2 == 0 ? 2 : 1;
      if (index % 3 == 0) config.env.topo_links = kSlowLinks;
    };
    ++index;
    World world(options);
    ASSERT_TRUE(world.ok()) << world.why();
    for (const SharedCodec& codec : codecs) {
      SCOPED_TRACE(text("ranks ", shape.name, ", codec ", codec_name(codec)));
      const Tally tally = run_cases(world, codec, with_memory(cases_for(codec, world.nranks(), few), service));
      Tally& sum = total[codec_name(codec)];
      sum.served += tally.served;
      sum.unserved += tally.unserved;
      sum.bounded += tally.bounded;
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(total["none"].served, 0u) << "no case is served by this algorithm";
  for (const auto& [codec, tally] : total) {
    RecordProperty(text(codec, " served"), text(tally.served));
    RecordProperty(text(codec, " unserved"), text(tally.unserved));
    if (!service.algorithm.empty()) continue;
    EXPECT_EQ(tally.unserved, 0u) << codec;
    EXPECT_GT(tally.bounded, 0u) << codec << " was never compared with a bound";
  }
}

class LongCollectives : public testing::TestWithParam<Service> {};

// Messages that are longer than a transport takes at once, so that sends are still on their way while results arrive.
TEST_P(LongCollectives, Hold) {
  const std::vector<Case> cases = {
      {Function::kAllReduce, 300007, collFloat32, collSum, 0, {}, true},
      {Function::kBroadcast, 300007, collFloat32, collSum, 1, {}, true},
      {Function::kReduceScatter, 70001, collFloat32, collSum, 0, {}, true},
      {Function::kAllGather, 70001, collFloat32, collSum, 0, {}, true},
  };
  const std::vector<Case> exact_cases = {
      {Function::kReduce, 300007, collFloat32, collSum, 1, {}, true},
      {Function::kAllToAll, 70001, collFloat32, collSum, 0, {}, true},
      {Function::kGather, 70001, collFloat32, collSum, 2, {}, true},
      {Function::kScatter, 70001, collFloat32, collSum, 1, {}, true},
  };
  const std::vector<SharedCodec> codecs = all_codecs();
  const std::unique_ptr<TestDevices> devices = devices_for(GetParam());
  for (const Placement& node_of : {one_node(3), blocks({2, 2})}) {
    WorldOptions options = options_for(node_of, GetParam());
    options.edit = [&](int, Config& config) {
      set_staging(GetParam(), config);
      config.env.algo = GetParam().algorithm;
      config.env.chunk_bytes = size_t{4} << 20;
    };
    World world(options);
    ASSERT_TRUE(world.ok()) << world.why();
    run_cases(world, nullptr, with_memory(exact_cases, GetParam()));
    for (const SharedCodec& codec : {codecs[0], codecs[3]}) {
      SCOPED_TRACE(text(world.nranks(), " ranks, codec ", codec_name(codec)));
      run_cases(world, codec, with_memory(cases, GetParam()));
    }
  }
}

std::vector<Service> services(const std::vector<Links>& kinds, bool few) {
  std::vector<Service> all;
  for (const Links links : kinds) {
    all.push_back({"", links, few});
    for (const Algorithm& algorithm : algorithm_registry()) all.push_back({std::string(algorithm.name), links, few});
  }
  return all;
}

// All shapes: every algorithm over shared memory, which has the same plans as messages between threads and more ways.
std::vector<Service> full_services() {
  std::vector<Service> all = services({Links::kShm}, false);
  all.push_back({"", Links::kInproc, false});
  return all;
}

// Fewer shapes, for slow builds too: every algorithm over messages between threads, the ways through shared memory.
std::vector<Service> few_services() {
  std::vector<Service> all = services({Links::kInproc, Links::kLate}, true);
  for (const Links links : {Links::kShm, Links::kMapped}) {
    for (const char* algorithm : {"", "direct"}) all.push_back({algorithm, links, true});
  }
  return all;
}

// On a device: algorithms of every kind whose steps run there; bundles and the board are staged, that is, run by the
// host as ever.
std::vector<Service> device_services() {
  std::vector<Service> all;
  for (const char* algorithm : {"", "direct", "ring", "hier_direct"}) all.push_back({algorithm, Links::kDevice, true});
  for (const char* algorithm : {"", "hier_direct"}) all.push_back({algorithm, Links::kMixed, true});
  all.push_back({"", Links::kStaged, true});
  return all;
}

std::vector<Service> long_services() {
  if (!kSanitized) return services({Links::kInproc, Links::kShm, Links::kMapped, Links::kDevice}, false);
  std::vector<Service> all = services({Links::kShm}, true);
  for (const Links links : {Links::kInproc, Links::kMapped}) {
    for (const char* algorithm : {"", "direct"}) all.push_back({algorithm, links, true});
  }
  return all;
}

const auto kTestName = [](const auto& tested) { return name_of(tested.param); };

INSTANTIATE_TEST_SUITE_P(All, Collectives, testing::ValuesIn(full_services()), kTestName);
INSTANTIATE_TEST_SUITE_P(Few, Collectives, testing::ValuesIn(few_services()), kTestName);
INSTANTIATE_TEST_SUITE_P(Device, Collectives, testing::ValuesIn(device_services()), kTestName);
INSTANTIATE_TEST_SUITE_P(All, LongCollectives, testing::ValuesIn(long_services()), kTestName);

}  // namespace

}  // namespace coll::test
