// collCodecEncode and collCodecDecode on device memory, over a device that is none.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "api/handles.hpp"
#include "support/fake_device.hpp"

namespace coll {
namespace {

constexpr size_t kCount = 1000;
const collStream_t kStream = reinterpret_cast<collStream_t>(uintptr_t{1} << 40);  // even, as CUDA's are

class CodecOnDevice : public ::testing::TestWithParam<std::string> {
 protected:
  CodecOnDevice() {
    EXPECT_EQ(collCodecCreate(&codec_, GetParam().c_str()), collSuccess);
    auto fake = std::make_unique<test::FakeDevice>(&log_);
    fake_ = fake.get();
    codec_->devices = std::make_shared<DevicePort>(std::move(fake));
    std::iota(elements_.begin(), elements_.end(), -500.0f);
    EXPECT_EQ(collCodecMaxBytes(codec_, kCount, collFloat32, &bytes_), collSuccess);
    message_.resize(bytes_);
    decoded_.resize(kCount);
  }
  ~CodecOnDevice() override { collCodecDestroy(codec_); }

  void own_all(int device) {
    fake_->own(elements_.data(), kCount * sizeof(float), device);
    fake_->own(message_.data(), message_.size(), device);
    fake_->own(decoded_.data(), kCount * sizeof(float), device);
  }
  collResult_t encode(collStream_t stream, std::vector<std::byte>* to) {
    size_t bytes = 0;
    const collResult_t result =
        collCodecEncode(codec_, elements_.data(), kCount, collFloat32, to->data(), to->size(), &bytes, stream);
    EXPECT_EQ(bytes, result == collSuccess ? bytes_ : bytes);
    return result;
  }
  collResult_t decode(collStream_t stream, size_t bytes) {
    return collCodecDecode(codec_, message_.data(), bytes, decoded_.data(), kCount, collFloat32, stream);
  }

  test::FakeDevice::Log log_;
  test::FakeDevice* fake_ = nullptr;
  collCodec_t codec_ = nullptr;
  size_t bytes_ = 0;
  std::vector<float> elements_ = std::vector<float>(kCount);
  std::vector<std::byte> message_;
  std::vector<float> decoded_;
};

TEST_P(CodecOnDevice, MakesTheHostsBytesOnTheStreamAndDeviceOfTheBuffers) {
  std::vector<std::byte> expected(bytes_);
  ASSERT_EQ(encode(nullptr, &expected), collSuccess);
  EXPECT_EQ(log_.hops + log_.copies, 0);  // host memory
  codec_->calls = 0;                      // what is drawn depends on it
  own_all(1);
  ASSERT_EQ(encode(kStream, &message_), collSuccess) << collGetLastError(nullptr);
  EXPECT_EQ(message_, expected);
  EXPECT_EQ(codec_->calls, GetParam() == "none" ? 0u : 1u);
  EXPECT_EQ(log_.ran_on, 1);
  EXPECT_EQ(log_.stream, kStream);
  ASSERT_EQ(decode(kStream, bytes_), collSuccess) << collGetLastError(nullptr);
  EXPECT_EQ(log_.hops + log_.copies, 2);
  EXPECT_EQ(log_.current, 0);  // as before
  const std::vector<float> on_device = decoded_;
  collCodec_t host = nullptr;
  ASSERT_EQ(collCodecCreate(&host, GetParam().c_str()), collSuccess);
  ASSERT_EQ(collCodecDecode(host, expected.data(), bytes_, decoded_.data(), kCount, collFloat32, nullptr), collSuccess);
  EXPECT_EQ(decoded_, on_device);
  collCodecDestroy(host);
}

TEST_P(CodecOnDevice, RefusesBuffersInTwoPlacesAndTheWrongStream) {
  fake_->own(elements_.data(), kCount * sizeof(float), 0);
  EXPECT_EQ(encode(nullptr, &message_), collInvalidArgument);
  fake_->own(message_.data(), message_.size(), 1);
  EXPECT_EQ(encode(nullptr, &message_), collInvalidArgument);
  EXPECT_NE(std::string(collGetLastError(nullptr)).find("device 1"), std::string::npos);
  own_all(0);
  EXPECT_EQ(encode(nullptr, &message_), collSuccess);  // the default stream
  collStream_t host_stream = nullptr;
  ASSERT_EQ(collStreamCreate(&host_stream), collSuccess);
  EXPECT_EQ(encode(host_stream, &message_), collInvalidArgument);
  EXPECT_EQ(collStreamDestroy(host_stream), collSuccess);
  EXPECT_EQ(decode(nullptr, bytes_ - 1), collCorruptData);
}

TEST_P(CodecOnDevice, PinnedMemoryIsTheHosts) {
  fake_->own(elements_.data(), kCount * sizeof(float), -1, MemoryKind::kPinned);
  EXPECT_EQ(encode(nullptr, &message_), collSuccess);
  EXPECT_EQ(log_.hops + log_.copies, 0);
  EXPECT_EQ(encode(kStream, &message_), collUnsupported);
}

INSTANTIATE_TEST_SUITE_P(Specs, CodecOnDevice,
                         ::testing::Values("none", "fp16", "bf16", "fp8e4m3", "fp8e5m2", "int8", "int6", "int4",
                                           "bf16:rounding=stochastic", "int6:rounding=stochastic,seed=2"));

TEST(DevicePort, SaysWhyThereIsNone) {
  DevicePort port;
  std::string why_not;
  if (port.operations(&why_not) == nullptr) {
    EXPECT_FALSE(why_not.empty());
  }
  std::unique_ptr<DeviceOperations> operations;
  const Status status = open_devices(&operations);
  EXPECT_EQ(status.ok(), operations != nullptr);
  if (!status.ok()) {
    EXPECT_EQ(status.code(), collUnsupported);
    EXPECT_FALSE(status.message().empty());
  }
}

}  // namespace
}  // namespace coll
