// The device's kernels on the host, lane by lane, against what the host's own code makes of the same hops.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "device/late.hpp"
#include "support/device_hops.hpp"
#include "support/emulated_kernels.hpp"
#include "support/late_hop.hpp"
#include "unit/compression/test_data.hpp"

namespace coll {
namespace {

class Kernels : public ::testing::TestWithParam<std::string> {};

TEST_P(Kernels, MakeTheHostsBytes) {
  const std::string spec = GetParam();
  for (int type = 0; type < collNumTypes; ++type) {
    const auto data_type = static_cast<DataType>(type);
    if (spec != "none" && !info(data_type).is_float) continue;
    for (const test::HopCase& hop : test::hop_cases(spec, data_type, 80)) {
      // Grids of few and of many warps, so that tails meet busy and idle ones.
      const test::EmulatedGrid grid{1 + hop.seed % 3, 1 + hop.seed % 4};
      const auto machine = [&grid](const DeviceHop& device) { return test::run_emulated(device, grid); };
      ASSERT_EQ(test::compare_with_host(hop, machine), "") << test::describe(hop);
    }
  }
}

// All addresses late, and some of them.
TEST_P(Kernels, MakeTheSameBytesWithLateAddresses) {
  const std::string spec = GetParam();
  for (int type = 0; type < collNumTypes; ++type) {
    const auto data_type = static_cast<DataType>(type);
    if (spec != "none" && !info(data_type).is_float) continue;
    for (test::HopCase hop : test::hop_cases(spec, data_type, 40)) {
      hop.offset = 0;
      for (const uint64_t which : {~uint64_t{0}, uint64_t{1} << hop.seed % 5, uint64_t{hop.seed}}) {
        const auto machine = [&](const DeviceHop& device) {
          std::vector<uint64_t> words(test::LateHop::kFixed + device.messages.size());
          return test::run_emulated(test::LateHop(device, words.data(), which).hop());
        };
        ASSERT_EQ(test::compare_with_host(hop, machine), "") << test::describe(hop) << " late " << which;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Specs, Kernels, ::testing::ValuesIn(test::hop_specs()), [](const auto& test) {
  std::string label = test.param;
  for (char& c : label) c = c == ':' || c == '=' || c == ',' ? '_' : c;
  return label;
});

// NaN keep their bits, as in a copy.
TEST(KernelDispatch, CopiesToAndFromLateAddresses) {
  for (const DataType type : {collFloat16, collFloat32, collFloat64, collInt8}) {
    for (const size_t count : {size_t{1}, size_t{37}, size_t{5000}}) {
      const std::vector<std::byte> from = test::make_elements(type, count, test::HopData::kAnyBits, 3);
      for (const uint64_t which : {1, 2, 3}) {
        testing::GuardedBuffer own(from.size()), native(from.size());
        std::memcpy(own.data(), from.data(), from.size());
        DeviceHop hop{"none", 1, type, collSum, count};
        hop.own = own.data();
        hop.native = native.data();
        std::array<uint64_t, test::LateHop::kFixed> words{};
        ASSERT_TRUE(test::run_emulated(test::LateHop(hop, words.data(), which).hop()).ok());
        EXPECT_EQ(test::first_difference(from, native.data()), "") << info(type).name << " " << count;
        EXPECT_TRUE(native.guards_intact());
      }
    }
  }
}

// A sum, and a copy.
TEST(KernelDispatch, WritesNowhereWhereNobodyWantsIt) {
  constexpr size_t kCount = 5003;
  constexpr size_t kBytes = kCount * sizeof(float);
  const std::vector<std::byte> from = test::make_elements(collFloat32, kCount, test::HopData::kGradients, 3);
  const std::vector<std::byte> zeroes(kBytes);
  const void* const message = from.data();
  for (const bool sums : {false, true}) {
    for (const bool wanted : {false, true}) {
      testing::GuardedBuffer native(kBytes), also(kBytes);
      std::memset(native.data(), 0, kBytes);
      std::memset(also.data(), 0, kBytes);
      DeviceHop hop{"none", 1, collFloat32, collSum, kCount};
      hop.own = from.data();
      if (sums) hop.messages = {&message, 1};
      uint64_t nowhere = 0;
      hop.native = wanted ? native.data() : late(&nowhere);
      hop.also = wanted ? late(&nowhere) : nullptr;
      ASSERT_TRUE(test::run_emulated(hop).ok());
      EXPECT_EQ(test::first_difference(zeroes, native.data()) != "", wanted) << sums;
      EXPECT_EQ(test::first_difference(zeroes, also.data()), "") << sums;
    }
  }
}

TEST(KernelDispatch, RefusesWhatHasNoKernel) {
  float element = 1;
  const void* const message = &element;
  DeviceHop hop{"int8", 128, collInt32, collSum, 1};
  hop.own = &element;
  hop.coded = &element;
  EXPECT_EQ(test::run_emulated(hop).code(), collUnsupported);  // lossy codecs carry floats
  hop.type = collFloat32;
  hop.op = collProd;
  EXPECT_EQ(test::run_emulated(hop).code(), collUnsupported);
  hop.op = collSum;
  hop.native = &element;
  EXPECT_EQ(test::run_emulated(hop).code(), collInternalError);  // one result
  hop.native = nullptr;
  hop.also = &element;
  EXPECT_EQ(test::run_emulated(hop).code(), collInternalError);  // a message goes to one place
  hop.also = nullptr;
  hop.type = collBfloat16;
  hop.messages = {&message, 1};
  EXPECT_EQ(test::run_emulated(hop).code(), collUnsupported);
  const std::vector<const void*> many(257, message);
  hop.own = nullptr;
  hop.messages = many;
  EXPECT_EQ(test::run_emulated(hop).code(), collUnsupported);
  hop.codec = "zip";
  EXPECT_EQ(test::run_emulated(hop).code(), collUnsupported);
}

}  // namespace
}  // namespace coll
