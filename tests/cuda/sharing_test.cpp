// Device memory that other devices of the process, and other processes, reach.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <numeric>

#include "cuda/machine.hpp"

namespace coll {
namespace {

constexpr size_t kCount = 1000;
constexpr size_t kBytes = kCount * sizeof(float);
constexpr const char* kGiven = "COLL_TEST_SHARE";  // the share, from a process to the one that it starts
using Floats = std::vector<float>;

DeviceOperations& machine() { return *test::machine_operations(); }

Floats values(float first) {
  Floats all(kCount);
  std::iota(all.begin(), all.end(), first);
  return all;
}

void write_to(void* memory, const Floats& all) {
  ASSERT_TRUE(machine().copy(memory, all.data(), kBytes, nullptr).ok());
  ASSERT_TRUE(machine().synchronize(nullptr).ok());
}

Floats content(const void* memory) {
  Floats all(kCount);
  EXPECT_TRUE(machine().copy(all.data(), memory, kBytes, nullptr).ok());
  EXPECT_TRUE(machine().synchronize(nullptr).ok());
  return all;
}

class Sharing : public ::testing::Test {
 protected:
  Sharing() { EXPECT_TRUE(machine().use(0, &before_).ok()); }
  ~Sharing() override { EXPECT_TRUE(machine().leave(before_).ok()); }
  DevicePlace before_;
};

// Two allocations that CUDA may well have in one block.
TEST_F(Sharing, ReachesTheMemoryFromEveryDeviceOfTheProcess) {
  std::vector<DeviceFacts> devices;
  ASSERT_TRUE(machine().devices(&devices).ok());
  for (const int round : {0, 1}) {
    void *other = nullptr, *memory = nullptr;
    ASSERT_TRUE(machine().allocate(kBytes, &other).ok());
    ASSERT_TRUE(machine().allocate(kBytes, &memory).ok());
    write_to(memory, values(0));
    DeviceShare share;
    const Status shared = machine().share(memory, &share);
    ASSERT_TRUE(shared.ok()) << shared.message();
    for (int device = 0; device < static_cast<int>(devices.size()); ++device) {
      DevicePlace before;
      ASSERT_TRUE(machine().use(device, &before).ok());
      void *first = nullptr, *second = nullptr;
      const Status opened = machine().open_shared(share, &first);
      if (opened.ok()) {
        ASSERT_TRUE(machine().open_shared(share, &second).ok());
        EXPECT_TRUE(machine().close_shared(first).ok());
        EXPECT_EQ(content(second), values(static_cast<float>(device)));
        write_to(second, values(static_cast<float>(device + 1)));
        EXPECT_TRUE(machine().close_shared(second).ok());
        EXPECT_FALSE(machine().close_shared(second).ok());
      } else {
        EXPECT_TRUE(device != 0 && opened.code() == collUnsupported) << round << ": " << opened.message();
      }
      ASSERT_TRUE(machine().leave(before).ok());
      write_to(memory, values(static_cast<float>(device + 1)));
    }
    EXPECT_TRUE(machine().release(memory).ok());
    EXPECT_TRUE(machine().release(other).ok());
  }
}

TEST_F(Sharing, RefusesWhatIsNoDeviceMemory) {
  void* pinned = nullptr;
  DeviceShare share;
  ASSERT_TRUE(machine().allocate_pinned(kBytes, &pinned).ok());
  EXPECT_EQ(machine().share(pinned, &share).code(), collUnsupported);
  EXPECT_EQ(machine().share(&share, &share).code(), collUnsupported);
  EXPECT_EQ(machine().share(nullptr, &share).code(), collUnsupported);
  EXPECT_TRUE(machine().release_pinned(pinned).ok());
}

std::string as_text(const DeviceShare& share) {
  std::string letters;
  for (const std::byte byte : share.bytes) {
    const auto value = std::to_integer<int>(byte);
    letters += {static_cast<char>('a' + value / 16), static_cast<char>('a' + value % 16)};
  }
  return letters;
}

DeviceShare from_text(const char* letters) {
  DeviceShare share;
  for (std::byte& byte : share.bytes) {
    byte = static_cast<std::byte>((letters[0] - 'a') * 16 + letters[1] - 'a');
    letters += 2;
  }
  return share;
}

// The other process: finds the values, twice, and leaves others.
void use_what_is_given(const DeviceShare& share) {
  void *first = nullptr, *second = nullptr;
  const Status opened = machine().open_shared(share, &first);
  ASSERT_TRUE(opened.ok()) << opened.message();
  ASSERT_TRUE(machine().open_shared(share, &second).ok());
  EXPECT_EQ(content(first), values(1));
  EXPECT_TRUE(machine().close_shared(first).ok());
  EXPECT_EQ(content(second), values(1));
  write_to(second, values(2));
  EXPECT_TRUE(machine().close_shared(second).ok());
  EXPECT_FALSE(machine().close_shared(second).ok());
}

// Runs this test alone in a new process.
int run_again(const DeviceShare& share) {
  char program[] = "/proc/self/exe", filter[] = "--gtest_filter=Sharing.ReachesTheMemoryFromAnotherProcess";
  char* const arguments[] = {program, filter, nullptr};
  pid_t child = -1;
  int status = -1;
  ::setenv(kGiven, as_text(share).c_str(), 1);
  const int started = ::posix_spawn(&child, program, nullptr, nullptr, arguments, environ);
  ::unsetenv(kGiven);
  return started == 0 && ::waitpid(child, &status, 0) == child ? status : -1;
}

TEST_F(Sharing, ReachesTheMemoryFromAnotherProcess) {
  if (const char* const given = std::getenv(kGiven)) return use_what_is_given(from_text(given));
  void *other = nullptr, *memory = nullptr;
  ASSERT_TRUE(machine().allocate(kBytes, &other).ok());
  ASSERT_TRUE(machine().allocate(kBytes, &memory).ok());
  write_to(other, values(7));
  write_to(memory, values(1));
  DeviceShare share;
  ASSERT_TRUE(machine().share(memory, &share).ok());
  EXPECT_EQ(run_again(share), 0);
  EXPECT_EQ(content(memory), values(2));
  EXPECT_EQ(content(other), values(7));
  EXPECT_TRUE(machine().release(memory).ok());
  EXPECT_TRUE(machine().release(other).ok());
}

}  // namespace
}  // namespace coll
