// The GPU that is none is as asynchronous, as ordered and as strict as its users' tests rely on.
#include "support/async_device.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <numeric>
#include <thread>

#include "compression/codec.hpp"
#include "device/late.hpp"

namespace coll::test {
namespace {

constexpr size_t kCount = 1000;
constexpr size_t kBytes = kCount * sizeof(float);
constexpr std::chrono::milliseconds kLong{5};  // what does not wait is done by then
using Floats = std::vector<float>;

class AsyncDeviceTest : public ::testing::Test {
 protected:
  AsyncDeviceTest() {
    std::iota(values_.begin(), values_.end(), 1.0f);
    EXPECT_TRUE(device_.make_stream(&stream_).ok());
    EXPECT_TRUE(device_.make_stream(&other_).ok());
    for (auto* const memory : {&a_, &b_, &c_}) EXPECT_TRUE(device_.allocate(kBytes, memory).ok());
    void* word = nullptr;
    EXPECT_TRUE(device_.allocate_pinned(2 * sizeof(uint32_t), &word).ok());
    flag_ = static_cast<uint32_t*>(word);
    device_.upload(a_, values_.data(), kBytes);
  }
  ~AsyncDeviceTest() override {
    EXPECT_EQ(device_.live(), 6u);
    EXPECT_TRUE(device_.release_pinned(flag_).ok());
    for (void* const memory : {a_, b_, c_}) EXPECT_TRUE(device_.release(memory).ok());
    EXPECT_TRUE(device_.drop_stream(other_).ok());
    EXPECT_TRUE(device_.drop_stream(stream_).ok());
    EXPECT_EQ(device_.live(), 0u);
  }

  Floats content(const void* memory) {
    Floats all(kCount);
    device_.download(all.data(), memory, kBytes);
    return all;
  }
  // to = from + from
  Status doubled(void* to, const void* from, collStream_t stream) {
    const std::array<const void*, 1> messages{from};
    DeviceHop hop{.codec = "none", .count = kCount, .own = from, .messages = messages, .native = to};
    return device_.run(hop, stream);
  }
  Status copied(void* to, const void* from, collStream_t stream) {
    const DeviceHop hop{.codec = "none", .count = kCount, .own = from, .native = to};
    return device_.run(hop, stream);
  }
  static uint64_t address_of(const void* memory) { return reinterpret_cast<uintptr_t>(memory); }
  Status failure_of(const Status& queued, collStream_t stream) {
    EXPECT_TRUE(queued.ok()) << queued.message();
    return device_.synchronize(stream);
  }
  Status encoded(void* to, const char* codec, size_t block) {
    const DeviceHop hop{.codec = codec, .block = block, .count = kCount, .own = a_, .coded = to};
    return failure_of(device_.run(hop, stream_), stream_);
  }

  AsyncDevice device_;
  collStream_t stream_ = nullptr, other_ = nullptr;
  void *a_ = nullptr, *b_ = nullptr, *c_ = nullptr;
  uint32_t* flag_ = nullptr;
  Floats values_ = Floats(kCount);
};

TEST_F(AsyncDeviceTest, QueuesWithoutWaitingAndDoesItInOrder) {
  const Floats untouched = content(c_);
  EXPECT_NE(untouched[0], 0);  // new memory is not cleared
  ASSERT_TRUE(failure_of(device_.zero(c_, kBytes / 2, stream_), stream_).ok());
  EXPECT_EQ(content(c_)[kCount / 2 - 1], 0);
  EXPECT_EQ(content(c_)[kCount / 2], untouched[0]);
  const Floats before = content(c_);
  device_.hold_all(true);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(doubled(b_, i == 0 ? a_ : c_, stream_).ok());
    EXPECT_TRUE(device_.copy(c_, b_, kBytes, stream_).ok());
  }
  std::this_thread::sleep_for(kLong);
  EXPECT_EQ(device_.query(stream_).code(), collInProgress);
  EXPECT_EQ(content(c_), before);
  for (float& value : values_) value = -value;
  device_.upload(a_, values_.data(), kBytes);  // sources are read when it is their turn
  device_.hold_all(false);
  EXPECT_TRUE(device_.synchronize(stream_).ok());
  EXPECT_TRUE(device_.query(stream_).ok());
  for (float& value : values_) value *= 1024;
  EXPECT_EQ(content(c_), values_);
  EXPECT_EQ(device_.hops(), 10);
  EXPECT_EQ(device_.copies(), 10);
  EXPECT_EQ(device_.copied_bytes(), 10 * kBytes);
}

TEST_F(AsyncDeviceTest, StreamsWaitForMarksAsTheyWereSet) {
  std::unique_ptr<DeviceMark> mark;
  ASSERT_TRUE(device_.make_mark(&mark).ok());
  EXPECT_TRUE(failure_of(mark->hold(other_), other_).ok());  // never set
  EXPECT_TRUE(device_.await_flag(stream_, flag_, 1).ok());
  EXPECT_TRUE(device_.copy(b_, a_, kBytes, stream_).ok());
  EXPECT_TRUE(mark->set(stream_).ok());
  EXPECT_TRUE(mark->hold(other_).ok());
  EXPECT_TRUE(device_.copy(c_, b_, kBytes, other_).ok());
  EXPECT_TRUE(failure_of(mark->set(device_.user_stream(0)), device_.user_stream(0)).ok());  // is another moment
  mark.reset();
  std::this_thread::sleep_for(kLong);
  EXPECT_EQ(device_.query(other_).code(), collInProgress);
  EXPECT_TRUE(device_.query(nullptr).ok());
  __atomic_store_n(flag_, 1, __ATOMIC_RELEASE);
  EXPECT_TRUE(device_.synchronize(other_).ok());
  EXPECT_EQ(content(c_), values_);
}

TEST_F(AsyncDeviceTest, FlagsOrderHostAndStreamBothWays) {
  *flag_ = 0xfffffffe;
  EXPECT_TRUE(device_.await_flag(stream_, flag_, 1).ok());  // beyond the end of their numbers
  EXPECT_TRUE(device_.copy(flag_ + 1, flag_, sizeof(uint32_t), stream_).ok());
  EXPECT_TRUE(device_.copy(b_, a_, kBytes, stream_).ok());
  EXPECT_TRUE(device_.set_flag(stream_, flag_, 7).ok());
  std::this_thread::sleep_for(kLong);
  EXPECT_EQ(__atomic_load_n(flag_, __ATOMIC_ACQUIRE), 0xfffffffe);
  __atomic_store_n(flag_, 2, __ATOMIC_RELEASE);
  while (__atomic_load_n(flag_, __ATOMIC_ACQUIRE) != 7) std::this_thread::yield();
  EXPECT_EQ(flag_[1], 2u);
  EXPECT_EQ(content(b_), values_);
  EXPECT_EQ(failure_of(device_.set_flag(stream_, static_cast<uint32_t*>(a_), 1), stream_).code(),
            collUnhandledCudaError);
}

TEST_F(AsyncDeviceTest, TheHostTouchesNoDeviceMemory) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const auto refused = [&](void* memory) {
    const bool unreadable = ::write(ends[1], memory, 1) == -1 && errno == EFAULT;
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    const bool unwritable = ::read(ends[0], memory, 1) == -1 && errno == EFAULT;
    char sent = 0;
    EXPECT_EQ(unwritable ? ::read(ends[0], &sent, 1) : 1, 1);
    return unreadable && unwritable;
  };
  EXPECT_TRUE(refused(a_));
  EXPECT_FALSE(refused(flag_));
  void* memory = nullptr;
  void* next = nullptr;
  ASSERT_TRUE(device_.allocate(1, &memory).ok());
  ASSERT_TRUE(device_.release(memory).ok());
  EXPECT_TRUE(refused(memory));
  ASSERT_TRUE(device_.allocate(1, &next).ok());
  EXPECT_NE(next, memory);  // what still has the old address is found out
  ASSERT_TRUE(device_.release(next).ok());
  EXPECT_EQ(device_.allocations(), 8);
  EXPECT_FALSE(device_.release(memory).ok());
  for (const int end : ends) ::close(end);
}

TEST_F(AsyncDeviceTest, KnowsWhoseMemoryItIs) {
  DevicePlace before, ignored;
  ASSERT_TRUE(device_.use(1, &before).ok());
  void* memory = nullptr;
  ASSERT_TRUE(device_.allocate(kBytes, &memory).ok());
  const auto owner = [this](const void* address) {
    MemoryOwner found;
    EXPECT_TRUE(device_.owner_of(address, &found).ok());
    return std::pair(found.kind, found.device);
  };
  EXPECT_EQ(owner(a_), std::pair(MemoryKind::kDevice, 0));
  EXPECT_EQ(owner(static_cast<std::byte*>(memory) + kBytes - 1), std::pair(MemoryKind::kDevice, 1));
  EXPECT_EQ(owner(static_cast<std::byte*>(memory) + kBytes), std::pair(MemoryKind::kHost, -1));
  EXPECT_EQ(owner(flag_), std::pair(MemoryKind::kPinned, -1));
  device_.own(values_.data(), kBytes, MemoryKind::kManaged, 1);
  EXPECT_EQ(owner(&values_[1]), std::pair(MemoryKind::kManaged, 1));
  EXPECT_FALSE(doubled(memory, memory, stream_).ok());  // of device 0
  EXPECT_TRUE(failure_of(doubled(memory, values_.data(), nullptr), nullptr).ok());
  EXPECT_EQ(content(memory)[2], 6.0f);
  EXPECT_FALSE(failure_of(doubled(memory, a_, nullptr), nullptr).ok());  // device 1's default stream
  ASSERT_TRUE(device_.release(memory).ok());
  ASSERT_TRUE(device_.leave(before).ok());
  EXPECT_TRUE(failure_of(doubled(b_, a_, nullptr), nullptr).ok());  // device 0's
  EXPECT_FALSE(device_.use(2, &ignored).ok());
}

TEST_F(AsyncDeviceTest, KnowsWhichDevicesHaveContexts) {
  AsyncDevice fresh;
  std::thread([&fresh] {
    int device = -1;
    MemoryOwner owner;
    DevicePlace before;
    EXPECT_TRUE(fresh.current(&device).ok());
    EXPECT_EQ(device, 0);
    EXPECT_TRUE(fresh.owner_of(&fresh, &owner).ok());
    EXPECT_TRUE(fresh.contexts().empty());  // neither needs one
    EXPECT_TRUE(fresh.use(1, &before).ok());
    EXPECT_TRUE(fresh.synchronize(nullptr).ok());
    EXPECT_TRUE(fresh.leave(before).ok());
    EXPECT_FALSE(AsyncDevice::is_thread_at_a_device());
    EXPECT_EQ(fresh.contexts(), std::set<int>({1}));
    EXPECT_TRUE(fresh.synchronize(nullptr).ok());  // nowhere: that is device 0
    EXPECT_EQ(fresh.contexts(), std::set<int>({0, 1}));
  }).join();
}

TEST_F(AsyncDeviceTest, RefusesPageableMemoryAndKeepsTheFailure) {
  const Floats untouched = content(c_);
  const Status failure = failure_of(device_.copy(b_, values_.data(), kBytes, stream_), stream_);
  EXPECT_EQ(failure.code(), collUnhandledCudaError);
  std::unique_ptr<DeviceMark> mark;
  ASSERT_TRUE(device_.make_mark(&mark).ok());
  EXPECT_TRUE(device_.copy(c_, a_, kBytes, stream_).ok());
  EXPECT_TRUE(mark->set(stream_).ok());
  EXPECT_TRUE(device_.set_flag(stream_, flag_, 1).ok());
  EXPECT_EQ(device_.synchronize(stream_).message(), failure.message());
  EXPECT_EQ(device_.query(stream_).message(), failure.message());
  EXPECT_EQ(content(c_), untouched);
  EXPECT_EQ(*flag_, 0u);
  EXPECT_EQ(failure_of(mark->hold(other_), other_).message(), failure.message());  // who waits for it fails too
  device_.own(values_.data(), kBytes, MemoryKind::kPinned, -1);
  EXPECT_TRUE(
      failure_of(device_.copy(b_, values_.data(), kBytes, device_.user_stream(0)), device_.user_stream(0)).ok());
  EXPECT_EQ(content(b_), values_);
  device_.disown(values_.data());
  EXPECT_FALSE(failure_of(doubled(b_, values_.data(), device_.user_stream(0)), device_.user_stream(0)).ok());
}

TEST_F(AsyncDeviceTest, HopsStayWithinTheirMemory) {
  std::unique_ptr<Codec> codec;
  ASSERT_TRUE(make_codec("int8:block=64", &codec).ok());
  const size_t bytes = codec->max_bytes(kCount);
  std::vector<std::byte> expected(bytes), made(bytes);
  codec->encode(values_.data(), {0, kCount, kCount}, {}, expected.data());
  void *enough = nullptr, *short_of = nullptr;
  ASSERT_TRUE(device_.allocate(bytes, &enough).ok());
  ASSERT_TRUE(device_.allocate(bytes - 1, &short_of).ok());
  EXPECT_TRUE(encoded(enough, "int8", 64).ok());
  device_.download(made.data(), enough, bytes);
  EXPECT_EQ(made, expected);
  EXPECT_EQ(encoded(short_of, "int8", 64).code(), collUnhandledCudaError);
  ASSERT_TRUE(device_.release(enough).ok());
  ASSERT_TRUE(device_.release(short_of).ok());
}

TEST_F(AsyncDeviceTest, ReadsLateAddressesWhenTheHopRuns) {
  std::array<uint64_t, 2> words{};
  device_.own(words.data(), sizeof words, MemoryKind::kPinned, -1);
  EXPECT_TRUE(device_.await_flag(stream_, flag_, 1).ok());
  EXPECT_TRUE(doubled(late(&words[1]), late(&words[0]), stream_).ok());
  EXPECT_TRUE(device_.await_flag(stream_, flag_, 2).ok());
  EXPECT_TRUE(copied(late(&words[0]), late(&words[1]), stream_).ok());
  std::this_thread::sleep_for(kLong);
  words = {address_of(a_), address_of(b_)};
  __atomic_store_n(flag_, 1, __ATOMIC_RELEASE);
  while (device_.hops_done() < 1) std::this_thread::yield();
  words[0] = address_of(c_);  // another's turn
  __atomic_store_n(flag_, 2, __ATOMIC_RELEASE);
  ASSERT_TRUE(device_.synchronize(stream_).ok());
  EXPECT_EQ(content(a_), values_);
  for (float& value : values_) value *= 2;
  EXPECT_EQ(content(b_), values_);
  EXPECT_EQ(content(c_), values_);
  device_.disown(words.data());
}

TEST_F(AsyncDeviceTest, RefusesLateAddressesThatItCannotHave) {
  void* more = nullptr;
  ASSERT_TRUE(device_.allocate(kBytes + 16, &more).ok());
  std::array<uint64_t, 3> words{address_of(a_), address_of(more) + 16, address_of(values_.data())};
  auto refused = [&, i = 0](const void* from) mutable {
    const collStream_t stream = device_.user_stream(++i);  // streams keep their failures
    return failure_of(doubled(b_, from, stream), stream).code();
  };
  EXPECT_EQ(refused(late(words.data())), collUnhandledCudaError);  // pageable words
  EXPECT_EQ(refused(late(static_cast<const uint64_t*>(a_))), collUnhandledCudaError);
  device_.own(words.data(), sizeof words, MemoryKind::kPinned, -1);
  EXPECT_EQ(refused(late(words.data())), collSuccess);
  EXPECT_EQ(refused(late(&words[1])), collInternalError);       // within a line
  EXPECT_EQ(refused(late(&words[2])), collUnhandledCudaError);  // of pageable memory
  device_.disown(words.data());
  ASSERT_TRUE(device_.release(more).ok());
}

TEST_F(AsyncDeviceTest, KeepsWhatTheKernelsRefuse) { EXPECT_EQ(encoded(b_, "zip", 1).code(), collUnsupported); }

TEST_F(AsyncDeviceTest, FailsWhereATestWantsIt) {
  device_.fail_next("a broken wire");
  EXPECT_TRUE(device_.await_flag(stream_, flag_, 0).ok());
  EXPECT_EQ(failure_of(doubled(b_, a_, stream_), stream_).message(), "a broken wire");
  EXPECT_TRUE(failure_of(doubled(b_, a_, other_), other_).ok());
  bool captured = true;
  EXPECT_TRUE(device_.is_captured(other_, &captured).ok() && !captured);
  device_.capture(other_, true);
  EXPECT_TRUE(device_.is_captured(other_, &captured).ok() && captured);
}

TEST_F(AsyncDeviceTest, AStreamThatIsDroppedEndsItsWork) {
  collStream_t stream = nullptr;
  ASSERT_TRUE(device_.make_stream(&stream).ok());
  EXPECT_TRUE(device_.await_flag(stream, flag_, 1).ok());
  EXPECT_TRUE(device_.set_flag(stream, flag_, 2).ok());
  EXPECT_TRUE(device_.drop_stream(stream).ok());
  EXPECT_FALSE(device_.query(stream).ok());
  EXPECT_FALSE(device_.copy(b_, a_, kBytes, stream).ok());
  __atomic_store_n(flag_, 1, __ATOMIC_RELEASE);
  while (__atomic_load_n(flag_, __ATOMIC_ACQUIRE) != 2) std::this_thread::yield();
  EXPECT_TRUE(device_.await_flag(other_, flag_, 9).ok());  // never comes: dropped with the device
}

}  // namespace
}  // namespace coll::test
