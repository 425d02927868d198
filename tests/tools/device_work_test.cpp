// codec_perf's work on device memory, over a device that is none: buffers in turn, results, and what it counts as
// wrong.
#include <gtest/gtest.h>

#include "perf/codec/device_work.hpp"
#include "support/fake_device.hpp"

namespace coll::perf {
namespace {

TEST(DeviceWork, MakesWhatTheHostMakesInEveryTurn) {
  test::FakeDevice::Log log;
  const test::FakeDevice device(&log);
  for (const collDataType_t type : {collFloat32, collBfloat16}) {
    const Input input(type, collSum);
    for (const std::string spec :
         {"none", "fp16", "bf16", "fp8e5m2", "int8", "int6:rounding=stochastic", "int4:block=32"}) {
      Subject subject;
      ASSERT_FALSE(make_subject(spec, best_isa(), type, &subject));
      DeviceWork work(device, input, 3, 20000);
      for (const size_t count : {size_t{1000}, size_t{33}}) {
        ASSERT_TRUE(work.take(subject, count).ok());
        for (const DeviceOperation operation : device_operations_of(subject)) {
          for (int turn = 0; turn < 5; ++turn) {
            uint64_t wrong = 1;
            ASSERT_TRUE(work.judge(operation, &wrong).ok());
            const bool rounds_between = operation == DeviceOperation::kSeparate && type != collFloat32;
            if (!rounds_between) {
              ASSERT_EQ(wrong, 0u) << spec << " " << name(operation);
            }
            ASSERT_TRUE(work.copy(work.moved_bytes(operation) / 2).ok());
          }
        }
      }
    }
  }
}

TEST(DeviceWork, CountsBytesThatAreRead) {
  test::FakeDevice::Log log;
  const test::FakeDevice device(&log);
  const Input input(collFloat32, collSum);
  Subject subject;
  ASSERT_FALSE(make_subject("bf16", best_isa(), collFloat32, &subject));
  DeviceWork work(device, input, 2, 1);
  ASSERT_TRUE(work.take(subject, 100).ok());
  EXPECT_EQ(work.moved_bytes(DeviceOperation::kEncode), 600u);
  EXPECT_EQ(work.moved_bytes(DeviceOperation::kDecodeReduce), 800u);
  EXPECT_EQ(work.moved_bytes(DeviceOperation::kFused), 600u);
  EXPECT_EQ(work.moved_bytes(DeviceOperation::kSeparate), 600u + 2400u);  // two decoded, one sum, each written and read
}

}  // namespace
}  // namespace coll::perf
