// How a plan's steps are laid out for a device: which messages may be loans, and where late addresses are told.
#include "runtime/device_layout.hpp"

#include <gtest/gtest.h>

#include <set>

#include "device/late.hpp"
#include "runtime/device_hops.hpp"
#include "runtime/execution.hpp"
#include "tests/support/node_transport.hpp"
#include "tests/unit/collectives/shapes.hpp"
#include "transport/inproc/inproc.hpp"

namespace coll::test {

namespace {

// Rank 0 of a node.
class Layouts {
 public:
  explicit Layouts(int nranks, bool direct = false) : Layouts(nranks, direct, nranks) {}
  // So many ranks are those of the node.
  Layouts(int nranks, bool direct, int of_node) : fabric_(nranks), nranks_(nranks) {
    auto transport = make_inproc(std::make_shared<inproc::Hub>(nranks), 0);
    fabric_.add(std::make_unique<NodeTransport>(std::move(transport), [=](int rank) { return rank < of_node; }), 0);
    Config config{};
    config.env.device_direct = direct ? 1 : 0;
    direct_.emplace(fabric_, nranks, config, Log());
  }

  // An exact allreduce by messages between all, which are ranks of a node.
  DeviceLayout of(size_t count, bool lends = true, size_t chunk_bytes = 0) {
    return laid_out(count, lends, chunk_bytes, {&peers(), &*direct_});
  }
  // ... or of as many nodes.
  DeviceLayout between_nodes(size_t count, size_t chunk_bytes = 0) {
    return laid_out(count, true, chunk_bytes, {nullptr, &*direct_});
  }
  DevicePeers& peers() {
    if (!peers_) peers_.emplace(fabric_, 0, nranks_);
    return *peers_;
  }

 private:
  DeviceLayout laid_out(size_t count, bool lends, size_t chunk_bytes, const DeviceWays& ways) const {
    Call call{Function::kAllReduce};
    call.count = count;
    call.type = collFloat32;
    call.on_device.lends = lends;
    PlanQuery query = shapes::exact(collFuncAllReduce, count);
    query.chunk_bytes = chunk_bytes;
    return {call, std::make_shared<Plan>(shapes::named("direct").plan(shapes::even(1, nranks_), query)), ways};
  }

  Fabric fabric_;
  int nranks_;
  std::optional<DevicePeers> peers_;
  std::optional<DeviceDirect> direct_;
};

constexpr size_t kCount = 1 << 20;

// Of all messages that come, and all values that are handed on.
std::vector<uint64_t*> words_of(const DeviceChunk& chunk) {
  std::vector<uint64_t*> words;
  for (const DeviceChunk::Place& place : chunk.places) {
    if (place.told != nullptr) words.push_back(place.told);
  }
  for (const DeviceStep& step : chunk.steps) {
    for (uint64_t* const word : {step.told, step.read, step.told_again}) {
      if (word != nullptr) words.push_back(word);
    }
  }
  return words;
}

TEST(DeviceLayout, TellsEachMessageAndValueByAWordOfItsOwn) {
  Layouts layouts(4);
  const DeviceLayout layout = layouts.of(kCount);
  const DeviceRoom& room = layout.room();
  std::vector<uint64_t> words(room.words);
  std::vector<std::byte> pinned(room.pinned), device(room.device), shared(room.shared);
  const DeviceChunk chunk = layout.chunk(0, {words.data(), pinned.data(), device.data(), shared.data()});
  const std::vector<uint64_t*> told = words_of(chunk);
  EXPECT_EQ(told.size(), room.words);
  EXPECT_EQ(std::set<uint64_t*>(told.begin(), told.end()).size(), room.words);
  for (const uint64_t* word : told) EXPECT_TRUE(word >= words.data() && word < words.data() + words.size());
  EXPECT_EQ(told.size(), chunk.places.size() + 4);  // 3 shards of the others', and the result of its own
  for (const DeviceStep& step : chunk.steps) EXPECT_EQ(step.lent.empty(), step.told == nullptr);
}

TEST(DeviceLayout, HasMessagesOfOtherNodesInMemoryOfTheirOwn) {
  Layouts layouts(4, true);
  const DeviceLayout layout = layouts.between_nodes(kCount);
  const DeviceRoom& room = layout.room();
  EXPECT_EQ(room.pinned, 0U);
  EXPECT_EQ(room.words, 0U);
  std::vector<std::byte> device(room.device), direct(room.direct);
  const DeviceChunk chunk = layout.chunk(0, {.device = device.data(), .direct = direct.data()});
  const auto is_direct = [&direct](std::span<const std::byte> message) {
    return message.data() >= direct.data() && message.data() + message.size() <= direct.data() + direct.size();
  };
  EXPECT_FALSE(chunk.places.empty());
  for (const DeviceChunk::Place& place : chunk.places) EXPECT_TRUE(is_direct(place.memory));
  for (const DeviceStep& step : chunk.steps) EXPECT_TRUE(step.sent.empty() || is_direct(step.sent));
}

// The last chunk's messages are short ones; they go the ways of the others, or need less.
void expect_enough_for_every_chunk(const DeviceLayout& layout) {
  const DeviceRoom& room = layout.room();
  std::vector<uint64_t> words(room.words);
  std::vector<std::byte> pinned(room.pinned), device(room.device), shared(room.shared), direct(room.direct);
  const DeviceMemory memory{words.data(), pinned.data(), device.data(), shared.data(), direct.data()};
  const auto is_within = [](std::span<const std::byte> piece, const std::vector<std::byte>& all) {
    return piece.data() >= all.data() && piece.data() + piece.size() <= all.data() + all.size();
  };
  size_t shortest = SIZE_MAX;
  for (size_t i = 0; i < layout.plan().chunks; ++i) {
    const DeviceChunk chunk = layout.chunk(i, memory);
    for (const DeviceChunk::Place& place : chunk.places) {
      EXPECT_TRUE(is_within(place.memory, direct) || is_within(place.memory, pinned)) << i;
    }
    for (const DeviceStep& step : chunk.steps) {
      EXPECT_TRUE(step.sent.empty() || is_within(step.sent, direct) || is_within(step.sent, pinned)) << i;
      EXPECT_TRUE(step.lent.empty() || is_within(step.lent, shared)) << i;
      if (!step.sent.empty()) shortest = std::min(shortest, step.sent.size());
    }
    for (const uint64_t* const word : words_of(chunk)) EXPECT_LT(word, words.data() + words.size()) << i;
  }
  EXPECT_LT(shortest, kLeastDirect);
}

TEST(DeviceLayout, ReservesWhatEveryChunkNeeds) {
  Layouts of_nodes(2, true), of_both(4, true, 2);
  expect_enough_for_every_chunk(of_nodes.between_nodes(520448, 16384));
  expect_enough_for_every_chunk(of_both.of(747840, true, 32768));
}

TEST(DeviceLayout, HasMessagesOfTheNodeAndWhatIsNotAskedForElsewhere) {
  Layouts asked(4, true), unasked(4);
  EXPECT_EQ(asked.of(kCount).room().direct, 0U);
  EXPECT_EQ(unasked.between_nodes(kCount).room().direct, 0U);
  EXPECT_GT(unasked.between_nodes(kCount).room().pinned, 0U);
}

TEST(DeviceLayout, TakesLoansWhereItMakesNone) {
  Layouts layouts(4);
  const DeviceRoom room = layouts.of(kCount, false).room();
  EXPECT_EQ(room.shared, 0u);
  EXPECT_GT(room.words, 0u);
  EXPECT_LT(room.words, layouts.of(kCount).room().words);
}

TEST(DeviceLayout, HasNoLoansOfShortMessages) {
  Layouts layouts(4);
  constexpr size_t kOfAll = 4 * kLeastLoan / sizeof(float);  // a quarter of it is a message
  EXPECT_EQ(layouts.of(kOfAll / 2).room().words, 0u);
  EXPECT_GT(layouts.of(2 * kOfAll).room().words, 0u);
}

TEST(DeviceLayout, HasNoMoreOrdersThanAStreamTakes) {
  for (const int nranks : {2, 4}) {
    Layouts layouts(nranks);
    const DeviceLayout layout = layouts.of((size_t{256} << 20) / sizeof(float));
    const size_t turns = (layout.plan().chunks + kChunksInFlight - 1) / kChunksInFlight;
    EXPECT_LE(turns * layout.room().orders, kMostDeviceOrders) << nranks;
  }
}

// The result of its own shard goes to ranks of both kinds.
TEST(DeviceLayout, CopiesWhatIsLentForThoseWhoCannotReadItThere) {
  Layouts layouts(4, false, 2);
  const DeviceLayout layout = layouts.of(kCount);
  const DeviceRoom& room = layout.room();
  std::vector<uint64_t> words(room.words);
  std::vector<std::byte> pinned(room.pinned), device(room.device), shared(room.shared);
  const DeviceChunk chunk = layout.chunk(0, {words.data(), pinned.data(), device.data(), shared.data()});
  size_t orders = 1, copied = 0;  // the end of the last step is an order, too
  for (const DeviceStep& step : chunk.steps) {
    if (!step.has_work()) continue;
    orders += size_t{1} + (step.copy ? 1 : 0) + (step.again ? 1 : 0);
    if (step.hop) orders += device_hop_cost(*step.hop, step.contributions).kernels;
    if (!step.again) continue;
    ++copied;
    EXPECT_EQ(step.again->from, step.lent.data());
    EXPECT_EQ(step.again->bytes, step.sent.size());
    EXPECT_EQ(step.again->to, late(step.told_again));
  }
  EXPECT_EQ(copied, 1U);
  EXPECT_EQ(room.orders, orders);
}

TEST(DeviceLayout, HasNoneWhereAGateHasNoWordsForThem) {
  constexpr int kMany = 300;
  Layouts layouts(kMany);
  const DeviceLayout layout = layouts.of(kMany * kLeastLoan, true, kMany * kLeastLoan);
  const DeviceRoom& room = layout.room();
  EXPECT_EQ(layout.legs_of_loans(), 0u);
  EXPECT_EQ(room.words, 0u);
  EXPECT_EQ(room.shared, 0u);
  EXPECT_GT(room.pinned, 0u);
}

}  // namespace

}  // namespace coll::test
