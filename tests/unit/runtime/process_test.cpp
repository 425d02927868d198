#include "runtime/process.hpp"

#include <gtest/gtest.h>

#include "tests/support/world.hpp"

namespace coll::test {

namespace {

TEST(Process, LivesAsLongAsSomebodyHoldsIt) {
  std::weak_ptr<Process> seen;
  {
    const std::shared_ptr<Process> one = Process::acquire();
    const std::shared_ptr<Process> other = Process::acquire();
    EXPECT_EQ(one, other);
    seen = one;
  }
  EXPECT_TRUE(seen.expired());
  EXPECT_NE(Process::acquire(), nullptr);
}

TEST(Process, CommunicatorsAndStreamsHoldIt) {
  std::weak_ptr<Process> seen;
  collStream_t stream = nullptr;
  {
    const World world({one_node(2)});
    seen = Process::acquire();
    EXPECT_FALSE(seen.expired());
    ASSERT_EQ(collStreamCreate(&stream), collSuccess);
  }
  EXPECT_FALSE(seen.expired()) << "the stream is still there";
  EXPECT_EQ(collStreamDestroy(stream), collSuccess);
  EXPECT_TRUE(seen.expired());
}

// Memory of devices that others may have open is handed on, and never freed.
TEST(Process, LeavesTheWayToTheDevicesToTheNext) {
  std::weak_ptr<Process> seen = Process::acquire();
  EXPECT_TRUE(seen.expired());
  const DevicePort* const devices = &Process::acquire()->devices();
  EXPECT_EQ(&Process::acquire()->devices(), devices);
}

TEST(Process, ThreadsGetTheSameOne) {
  const std::shared_ptr<Process> held = Process::acquire();
  run_threads(8, [&](int) { EXPECT_EQ(Process::acquire(), held); });
}

}  // namespace

}  // namespace coll::test
