// Runs the tests on the first device; without one, ends with 77.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "cuda/machine.hpp"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  // Ranks that are threads share the process's queues to the device, 8 unless it is asked for more: a stream that waits
  // for another rank would hold up that rank's where they share one.
  ::setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  ::testing::InitGoogleTest(&argc, argv);
  std::unique_ptr<coll::DeviceOperations> operations;
  const coll::Status status = coll::open_devices(&operations);
  if (status.code() == collUnsupported) {
    std::printf("skipped, there is no GPU: %s\n", status.message().c_str());
    return kSkipped;
  }
  if (!status.ok()) {
    std::printf("%s\n", status.message().c_str());
    return 1;
  }
  coll::test::machine_operations() = operations.get();
  return RUN_ALL_TESTS();
}
