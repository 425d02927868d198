// The C API on device memory.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "coll/coll.h"
#include "cuda/machine.hpp"

namespace coll {
namespace {

class Api : public ::testing::TestWithParam<const char*> {};

TEST_P(Api, EncodesAndDecodesDeviceMemoryAsOnTheHost) {
  constexpr size_t kCount = 100'003;
  std::vector<float> elements(kCount), decoded(kCount), expected(kCount);
  for (size_t i = 0; i < kCount; ++i) elements[i] = static_cast<float>(i % 1000) - 321.5f;
  collCodec_t codec = nullptr, host = nullptr;  // two, as what is drawn depends on the calls made with a handle
  ASSERT_EQ(collCodecCreate(&codec, GetParam()), collSuccess);
  ASSERT_EQ(collCodecCreate(&host, GetParam()), collSuccess);
  size_t capacity = 0, bytes = 0;
  ASSERT_EQ(collCodecMaxBytes(codec, kCount, collFloat32, &capacity), collSuccess);
  std::vector<std::byte> message(capacity), from_device(capacity);
  ASSERT_EQ(collCodecEncode(host, elements.data(), kCount, collFloat32, message.data(), capacity, &bytes, nullptr),
            collSuccess);
  ASSERT_EQ(collCodecDecode(host, message.data(), bytes, expected.data(), kCount, collFloat32, nullptr), collSuccess);

  test::DeviceCopy in, coded, out;
  ASSERT_TRUE(in.make(elements.data(), kCount * sizeof(float)).ok());
  ASSERT_TRUE(coded.make(from_device.data(), capacity).ok());
  ASSERT_TRUE(out.make(decoded.data(), kCount * sizeof(float)).ok());
  ASSERT_EQ(collCodecEncode(codec, in.data(), kCount, collFloat32, coded.data(), capacity, &bytes, nullptr),
            collSuccess)
      << collGetLastError(nullptr);
  ASSERT_EQ(collCodecDecode(codec, coded.data(), bytes, out.data(), kCount, collFloat32, nullptr), collSuccess)
      << collGetLastError(nullptr);
  ASSERT_TRUE(coded.copy_back(from_device.data()).ok());
  ASSERT_TRUE(out.copy_back(decoded.data()).ok());
  EXPECT_TRUE(from_device == message);
  EXPECT_EQ(std::memcmp(decoded.data(), expected.data(), kCount * sizeof(float)), 0);
  EXPECT_EQ(collCodecEncode(codec, in.data(), kCount, collFloat32, message.data(), capacity, &bytes, nullptr),
            collInvalidArgument);  // one buffer here, one there
  EXPECT_EQ(collCodecDestroy(codec), collSuccess);
  EXPECT_EQ(collCodecDestroy(host), collSuccess);
}

INSTANTIATE_TEST_SUITE_P(Specs, Api,
                         ::testing::Values("none", "fp16", "bf16", "fp8e4m3", "fp8e5m2", "int8", "int6", "int4",
                                           "int8:rounding=stochastic"));

TEST(Device, SaysWhatItIs) {
  std::vector<DeviceFacts> devices;
  ASSERT_TRUE(test::machine_operations()->devices(&devices).ok());
  ASSERT_FALSE(devices.empty());
  EXPECT_GE(devices[0].compute_capability, 80);
  EXPECT_GT(devices[0].processors, 0);
}

}  // namespace
}  // namespace coll
