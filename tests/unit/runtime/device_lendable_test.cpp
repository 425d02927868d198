// Which messages are lent where they lie in the program's buffers, and which are copied first.
#include "runtime/device_lendable.hpp"

#include <gtest/gtest.h>

#include "runtime/device_layout.hpp"
#include "tests/unit/collectives/shapes.hpp"
#include "transport/inproc/inproc.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 4;
constexpr size_t kCount = 1 << 20;

// Addresses that nobody touches.
std::byte* somewhere(size_t offset = 0) { return reinterpret_cast<std::byte*>((uintptr_t{1} << 40) + offset); }

struct Buffers {
  std::byte* send = somewhere();
  std::byte* recv = somewhere(size_t{1} << 30);
  bool published = true;
};

// Rank 0's exact allreduce, in a node.
class Lendable : public testing::Test {
 protected:
  Lendable() {
    fabric_.add(make_inproc(std::make_shared<inproc::Hub>(kRanks), 0), 0);
    peers_.emplace(fabric_, 0, kRanks);
  }

  DeviceLayout layout(const char* algorithm, const Buffers& buffers, size_t count = kCount, size_t chunk_bytes = 0) {
    Call call{Function::kAllReduce, buffers.send, buffers.recv, count, collFloat32};
    if (buffers.published) call.on_device.send_memory = {0, buffers.send - (1 << 20)};
    if (buffers.published) call.on_device.recv_memory = {1, buffers.recv};
    PlanQuery query = shapes::exact(collFuncAllReduce, count);
    query.chunk_bytes = chunk_bytes;
    return {call,
            std::make_shared<Plan>(shapes::named(algorithm).plan(shapes::even(1, kRanks), query)),
            {.peers = &*peers_}};
  }
  // Of a chunk's steps that hand something on, those that lend it where it lies, and the others.
  struct Count {
    int there = 0, copied = 0;
    bool operator==(const Count&) const = default;
  };
  static Count count(const DeviceLayout& layout, size_t chunk = 0) {
    Count count;
    for (const DeviceStep& step : layout.chunk(chunk, {}).steps) {
      if (step.step->to.count > 0) ++(step.lies_there ? count.there : count.copied);
    }
    return count;
  }

 private:
  Fabric fabric_{kRanks};
  std::optional<DevicePeers> peers_;
};

Buffers in_place() { return {somewhere(), somewhere()}; }

TEST_F(Lendable, AreTheInputAndTheResult) {
  const DeviceLayout direct = layout("direct", {});
  EXPECT_EQ(count(direct), (Count{kRanks, 0}));  // the parts of the others, and the result of its own
  EXPECT_EQ(direct.room().shared, 0U);
  EXPECT_EQ(count(layout("ring", {})).there,
            1 + 1 + kRanks - 2);  // what it begins with, its result, and results that it sends on
  EXPECT_EQ(count(layout("oneshot", {})), (Count{1, 0}));
}

TEST_F(Lendable, SayWhereTheyLie) {
  const DeviceLayout direct = layout("direct", {});
  const DeviceChunk chunk = direct.chunk(0, {});
  for (const DeviceStep& step : chunk.steps) {
    if (step.step->to.count == 0) continue;
    ASSERT_EQ(step.copied_to(), nullptr);  // it does not have to be copied anywhere
    const bool is_result = step.step->to_output;
    const std::byte* const buffer = is_result ? Buffers().recv : Buffers().send;
    ASSERT_EQ(step.lent.data(), buffer + step.part.offset * sizeof(float));
    const DeviceLoan loan = step.loan();
    EXPECT_EQ(loan.share, is_result ? 1U : 0U);
    EXPECT_EQ(loan.offset, (is_result ? 0 : 1 << 20) + step.part.offset * sizeof(float));
    EXPECT_EQ(loan.bytes, step.part.count * sizeof(float));
  }
}

// In place the result is written where the input was, and what others still read has to be somewhere else.
TEST_F(Lendable, AreNotWrittenOverBeforeTheyHaveBeenRead) {
  EXPECT_EQ(count(layout("direct", in_place())), (Count{kRanks, 0}));  // each part goes to the one that reduces it
  EXPECT_EQ(count(layout("ring", in_place())).there, 1 + 1 + kRanks - 2);
  EXPECT_EQ(count(layout("oneshot", in_place())), (Count{0, 1}));  // all read it, at any time
  EXPECT_EQ(count(layout("doubling", in_place())).there, 0);       // it is reduced here, too
}

// A rank's steps of an allreduce of one shard: its input goes to these ranks; the result comes, and perhaps the input
// is used once more.
Plan handing_on(std::vector<int> receivers, bool uses_it_again) {
  Plan plan;
  plan.nranks = kRanks;
  plan.shards = {{0, kCount}};
  plan.piece = kCount;
  plan.lists = {std::make_shared<const std::vector<int>>(std::vector<int>{0}),
                std::make_shared<const std::vector<int>>(receivers)};
  Step send{};
  send.shard = {0, 0, 1};
  send.local = Local::kInput;
  send.to = {1, 0, static_cast<int>(receivers.size())};
  Step recv{};
  recv.shard = send.shard;
  recv.from = {1, 0, 1};
  recv.to_output = true;
  recv.local = uses_it_again ? Local::kInput : Local::kNone;
  recv.reduce = uses_it_again;
  plan.steps = {send, recv};
  return plan;
}

TEST_F(Lendable, AreReadBeforeAnyResultCanHaveCome) {
  Call call{Function::kAllReduce, somewhere(), somewhere(), kCount, collFloat32};
  call.on_device.send_memory = call.on_device.recv_memory = {0, somewhere()};
  const auto lends = [&call](const Plan& plan) {
    return LendableParts(call, plan, 0).input(plan.steps[0], 0, plan.shards[0]).at != nullptr;
  };
  EXPECT_TRUE(lends(handing_on({1}, false)));
  EXPECT_TRUE(lends(handing_on({1, 0}, false)));   // which is this rank itself
  EXPECT_FALSE(lends(handing_on({1, 2}, false)));  // the result may hold what one of them has read
  EXPECT_FALSE(lends(handing_on({1}, true)));
  call.function = Function::kBroadcast;  // whose result is nobody's sum
  EXPECT_FALSE(lends(handing_on({1}, false)));
}

TEST_F(Lendable, AreNotInMemoryThatNobodyHasBeenToldOf) {
  Buffers buffers;
  buffers.published = false;
  const DeviceLayout direct = layout("direct", buffers);
  EXPECT_EQ(count(direct), (Count{0, kRanks}));
  EXPECT_GT(direct.room().shared, 0U);
}

// Kernels move whole words of what they are only told of later.
TEST_F(Lendable, BeginWhereALineDoes) {
  Buffers odd;
  odd.send += 4;
  EXPECT_EQ(count(layout("direct", odd)), (Count{1, kRanks - 1}));  // the result
}

// All chunks' messages lie where the first one's do.
TEST_F(Lendable, AreTheSameInEveryChunk) {
  for (const char* const algorithm : {"direct", "ring", "doubling", "double_tree", "oneshot"}) {
    for (const size_t chunk_bytes : {size_t{1} << 20, (size_t{1} << 20) + 4 * 16 * kRanks}) {
      for (const Buffers& buffers : {Buffers(), in_place()}) {
        const DeviceLayout all = layout(algorithm, buffers, kCount, chunk_bytes);
        ASSERT_GT(all.plan().chunks, 2U);
        for (size_t chunk = 1; chunk + 1 < all.plan().chunks; ++chunk) EXPECT_EQ(count(all, chunk), count(all));
      }
    }
  }
}

TEST(Stretches, CountsThoseThatShareBytes) {
  Stretches stretches;
  for (const size_t at : {300, 0, 100}) stretches.add(somewhere(at), 100);
  stretches.sort();
  EXPECT_EQ(stretches.meet(somewhere(0), 100), 1U);
  EXPECT_EQ(stretches.meet(somewhere(50), 100), 2U);
  EXPECT_EQ(stretches.meet(somewhere(200), 100), 0U);
  EXPECT_EQ(stretches.meet(somewhere(200), 101), 1U);
  EXPECT_EQ(stretches.meet(somewhere(0), 400), 3U);
}

}  // namespace

}  // namespace coll::test
