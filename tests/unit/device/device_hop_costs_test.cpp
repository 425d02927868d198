// How many kernels a hop of an execution takes, and how much scratch memory.
#include <gtest/gtest.h>

#include "runtime/device_hops.hpp"

namespace coll {
namespace {

struct Part {
  Wire wire;
  bool recode = false;
};

constexpr Part kNative{Wire::kNative}, kPartial{Wire::kPartial}, kCoded{Wire::kCoded}, kRecoded{Wire::kNative, true};

struct Cost {
  int hops;
  size_t scratch;
};

Cost cost_of(const std::string& spec, DataType type, const std::vector<Part>& parts, const char* outputs) {
  std::unique_ptr<Codec> codec;
  EXPECT_TRUE(make_codec(spec, &codec).ok());
  Hop hop{type, collAvg, 4, spec == "none" ? nullptr : codec.get(), {}, 1000, true};
  std::byte native, partial, coded;
  const std::string wanted = outputs;
  if (wanted.find('n') != std::string::npos) hop.native = &native;
  if (wanted.find('p') != std::string::npos) hop.partial = &partial;
  if (wanted.find('c') != std::string::npos) hop.coded = &coded;
  std::vector<Contribution> contributions;
  for (const Part& part : parts) contributions.push_back({part.wire, nullptr, part.recode});
  const DeviceHopCost known = device_hop_cost(hop, contributions);
  Cost cost{0, known.scratch_bytes};
  const auto count = [&cost](const DeviceHop&) {
    ++cost.hops;
    return Status();
  };
  EXPECT_TRUE(run_hop_on_device(hop, contributions, nullptr, count).ok());
  EXPECT_EQ(static_cast<size_t>(cost.hops), known.kernels);
  return cost;
}

TEST(CommonHops, AreOneKernelWithoutScratch) {
  const auto is_one = [](const std::string& spec, DataType type, const std::vector<Part>& parts, const char* outputs) {
    const Cost cost = cost_of(spec, type, parts, outputs);
    EXPECT_EQ(cost.hops, 1) << spec << " " << info(type).name << " to " << outputs;
    EXPECT_EQ(cost.scratch, 0u);
  };
  for (const DataType type : {collInt8, collFloat32, collBfloat16}) {
    is_one("none", type, {kNative, kNative, kNative}, "n");
    is_one("none", type, {kNative, kPartial}, "n");
    is_one("none", type, {kNative, kPartial}, "p");
    is_one("none", type, {kPartial, kNative, kPartial}, "n");
    is_one("none", type, {kPartial, kPartial}, "p");
    is_one("none", type, {kNative, kNative}, "p");
  }
  for (const DataType type : {collFloat64, collFloat32, collBfloat16}) {
    is_one("int8", type, {kCoded, kCoded, kCoded}, "n");
    is_one("int8", type, {kCoded, kCoded, kCoded}, "c");
    is_one("int8", type, {kNative, kCoded}, "n");
    is_one("int8", type, {kPartial, kCoded}, "c");
  }
  is_one("int8", collFloat32, {kNative, kCoded}, "c");
}

TEST(OtherHops, TakeFewKernels) {
  EXPECT_EQ(cost_of("int8", collBfloat16, {kNative, kCoded}, "c").hops, 2);
  EXPECT_EQ(cost_of("int8", collFloat32, {kNative, kNative}, "c").hops, 2);
  EXPECT_EQ(cost_of("none", collBfloat16, {kNative, kPartial, kPartial}, "p").hops, 2);
  EXPECT_EQ(cost_of("int8", collBfloat16, {kCoded, kRecoded, kCoded}, "c").hops, 2);
  EXPECT_EQ(cost_of("int8", collBfloat16, {kCoded, kRecoded, kCoded}, "cn").hops, 4);  // one is a copy
}

TEST(DeviceHop, OfNothingIsNothing) {
  Hop hop{collFloat32, collSum, 1, nullptr, {}};
  float element = 1;
  hop.native = reinterpret_cast<std::byte*>(&element);
  const Contribution only{Wire::kNative, hop.native};
  EXPECT_EQ(device_hop_cost(hop, {&only, 1}).kernels, 0u);
  const auto fail = [](const DeviceHop&) { return Status(collInternalError, "nothing to do"); };
  EXPECT_TRUE(run_hop_on_device(hop, {&only, 1}, nullptr, fail).ok());
}

}  // namespace
}  // namespace coll
