// How a plan's steps are laid out for a device: which messages may be loans, and where late addresses are told.
#include "runtime/device_layout.hpp"

#include <gtest/gtest.h>

#include <set>

#include "runtime/execution.hpp"
#include "tests/unit/collectives/shapes.hpp"
#include "transport/inproc/inproc.hpp"

namespace coll::test {

namespace {

// Rank 0 of a node.
class Layouts {
 public:
  explicit Layouts(int nranks) : fabric_(nranks), nranks_(nranks) {
    fabric_.add(make_inproc(std::make_shared<inproc::Hub>(nranks), 0), 0);
  }

  // An exact allreduce by messages between all.
  DeviceLayout of(size_t count, bool lends = true, size_t chunk_bytes = 0) {
    Call call{Function::kAllReduce};
    call.count = count;
    call.type = collFloat32;
    call.on_device.lends = lends;
    PlanQuery query = shapes::exact(collFuncAllReduce, count);
    query.chunk_bytes = chunk_bytes;
    return {call, std::make_shared<Plan>(shapes::named("direct").plan(shapes::even(1, nranks_), query)), &peers()};
  }
  const DevicePeers& peers() {
    if (!peers_) peers_.emplace(fabric_, 0, nranks_);
    return *peers_;
  }

 private:
  Fabric fabric_;
  int nranks_;
  std::optional<DevicePeers> peers_;
};

constexpr size_t kCount = 1 << 20;

// Of all messages that come, and all values that are handed on.
std::vector<uint64_t*> words_of(const DeviceChunk& chunk) {
  std::vector<uint64_t*> words;
  for (const DeviceChunk::Place& place : chunk.places) {
    if (place.told != nullptr) words.push_back(place.told);
  }
  for (const DeviceStep& step : chunk.steps) {
    if (step.told != nullptr) words.push_back(step.told);
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
    EXPECT_LE(turns * layout.room().orders, DeviceLine::kMostOrders) << nranks;
  }
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
