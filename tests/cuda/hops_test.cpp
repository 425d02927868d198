// Every kernel on the device against the host's code, byte for byte.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "base/float.hpp"
#include "cuda/machine.hpp"
#include "runtime/hop.hpp"
#include "support/device_hops.hpp"

namespace coll {
namespace {

class Kernels : public ::testing::TestWithParam<std::string> {};

TEST_P(Kernels, MakeTheHostsBytes) {
  for (int type = 0; type < collNumTypes; ++type) {
    const auto data_type = static_cast<DataType>(type);
    if (GetParam() != "none" && !info(data_type).is_float) continue;
    for (const test::HopCase& hop : test::hop_cases(GetParam(), data_type, 40)) {
      ASSERT_EQ(test::compare_with_host(hop, test::run_on_machine), "") << test::describe(hop);
    }
  }
}

TEST_P(Kernels, MakeTheSameBytesWithLateAddresses) {
  for (const DataType type : {collFloat32, collBfloat16}) {
    for (test::HopCase hop : test::hop_cases(GetParam(), type, 40)) {
      hop.offset = 0;
      ASSERT_EQ(test::compare_with_host(hop, test::run_late_on_machine), "") << test::describe(hop);
    }
  }
}

// More work than the grid has warps, so that each has many turns.
TEST_P(Kernels, MakeTheHostsBytesOfLongBuffers) {
  for (const int messages : {0, 1, 2, 3}) {
    for (const bool coded : {false, true}) {
      if (messages == 0 && !coded) continue;
      test::HopCase hop{GetParam(), collFloat32};
      hop.count = 12'345'677;
      hop.messages = messages;
      hop.coded = coded;
      hop.data = test::HopData::kHardFew;
      hop.seed = 5;
      ASSERT_EQ(test::compare_with_host(hop, test::run_on_machine), "") << test::describe(hop);
    }
  }
}

// One encoding and its decoding, of float32 elements.
void check_round_trip(const std::string& spec, const std::vector<float>& elements) {
  std::unique_ptr<Codec> codec;
  ASSERT_TRUE(make_codec(spec, &codec).ok());
  const CodecTraits& traits = codec->traits();
  const size_t count = elements.size();
  std::vector<std::byte> expected(codec->max_bytes(count)), message(expected.size());
  std::vector<float> decoded(count), on_device(count);
  codec->encode(elements.data(), {0, count, count}, {}, expected.data());
  codec->decode(expected.data(), {0, count, count}, decoded.data());
  DeviceHop hop{traits.name, traits.block, collFloat32, collSum, count};
  hop.own = elements.data();
  hop.coded = message.data();
  ASSERT_TRUE(test::run_on_machine(hop).ok());
  ASSERT_TRUE(message == expected) << spec;
  const void* const only = expected.data();
  hop.own = nullptr;
  hop.coded = nullptr;
  hop.messages = {&only, 1};
  hop.native = on_device.data();
  ASSERT_TRUE(test::run_on_machine(hop).ok());
  ASSERT_EQ(std::memcmp(on_device.data(), decoded.data(), count * sizeof(float)), 0) << spec;
}

TEST_P(Kernels, MakeTheHostsBytesOfTheShippedData) {
  for (const char* const name : {"gradient.rank0.f32", "weights.f32", "vorticity.rank0.f32"}) {
    std::ifstream file(std::string(COLL_DATA_FOLDER) + "/" + name, std::ios::binary);
    ASSERT_TRUE(file) << name;
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::vector<float> elements(bytes.size() / sizeof(float));
    std::memcpy(elements.data(), bytes.data(), elements.size() * sizeof(float));
    check_round_trip(GetParam(), elements);
  }
}

INSTANTIATE_TEST_SUITE_P(Specs, Kernels, ::testing::ValuesIn(test::hop_specs()), [](const auto& test) {
  std::string label = test.param;
  for (char& c : label) c = c == ':' || c == '=' || c == ',' ? '_' : c;
  return label;
});

// The device converts in hardware: every code, and floats of every exponent and of all roundings.
TEST(Casts, AreTheHostsForEveryCodeAndForFloatsOfEveryKind) {
  for (const char* const spec : {"fp16", "bf16"}) {
    std::vector<uint16_t> codes(65536);
    for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint16_t>(i);
    std::unique_ptr<Codec> codec;
    ASSERT_TRUE(make_codec(spec, &codec).ok());
    std::vector<float> expected(codes.size()), decoded(codes.size());
    codec->decode(reinterpret_cast<const std::byte*>(codes.data()), {0, codes.size(), codes.size()}, expected.data());
    DeviceHop hop{spec, 1, collFloat32, collSum, codes.size()};
    const void* const only = codes.data();
    hop.messages = {&only, 1};
    hop.native = decoded.data();
    ASSERT_TRUE(test::run_on_machine(hop).ok());
    ASSERT_EQ(std::memcmp(decoded.data(), expected.data(), codes.size() * sizeof(float)), 0) << spec;
    std::vector<float> floats(size_t{1} << 23);
    for (size_t i = 0; i < floats.size(); ++i) floats[i] = bits_float(static_cast<uint32_t>(i * 509 + i % 7));
    check_round_trip(spec, floats);
  }
}

}  // namespace
}  // namespace coll
