// Sends, receives and groups through the C API.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "tests/support/host_stream.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

World quiet_world(const Placement& node_of, bool shm, int timeout_ms = 60000) {
  WorldOptions options{node_of, shm};
  options.edit = [timeout_ms](int, Config& config) {
    config.env.debug = "NONE";
    config.timeout_ms = timeout_ms;
  };
  return World(options);
}

// What `from` sends to `to` as its message number `number`.
std::vector<int32_t> message(int from, int to, int number, size_t count) {
  std::vector<int32_t> data(count);
  std::iota(data.begin(), data.end(), from * 1000000 + to * 10000 + number * 100);
  return data;
}

class Transfers : public testing::TestWithParam<bool> {};

TEST_P(Transfers, OfEverySizeArrive) {
  World world = quiet_world(one_node(2), GetParam());
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    for (const size_t count : {size_t{0}, size_t{1}, size_t{333}, size_t{100003}, size_t{3000001}}) {
      std::vector<int32_t> got(count);
      if (rank == 0) {
        const std::vector<int32_t> sent = message(0, 1, 1, count);
        ASSERT_EQ(collSend(sent.data(), count, collInt32, 1, comm, nullptr), collSuccess);
        ASSERT_EQ(collRecv(got.data(), count, collInt32, 1, comm, nullptr), collSuccess);
        EXPECT_TRUE(got == message(1, 0, 2, count)) << count;
      } else {
        ASSERT_EQ(collRecv(got.data(), count, collInt32, 0, comm, nullptr), collSuccess);
        EXPECT_TRUE(got == message(0, 1, 1, count)) << count;
        const std::vector<int32_t> sent = message(1, 0, 2, count);
        ASSERT_EQ(collSend(sent.data(), count, collInt32, 0, comm, nullptr), collSuccess);
      }
    }
    collStats_t stats{};
    stats.size = sizeof(stats);
    EXPECT_EQ(collCommGetStats(comm, &stats), collSuccess);
    EXPECT_EQ(stats.calls, 10u);
    EXPECT_EQ(stats.sent_bytes, 4u * (1 + 333 + 100003 + 3000001));
  });
}

// What has been planned goes a shorter way where it is blocking, with the data in the first message or behind it; the
// other side may go the long way.
TEST_P(Transfers, MeetWhicheverWayTheyGo) {
  constexpr int kRounds = 12;
  World world = quiet_world(one_node(2), GetParam());
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    const collComm_t comm = world.handle(rank);
    const HostStream stream;
    uint64_t sent_bytes = 0;
    for (const size_t count : {size_t{1}, size_t{256}, size_t{257}, size_t{5000}, size_t{300000}}) {
      for (int round = 0; round < kRounds; ++round) {
        const collStream_t on = round % (rank == 0 ? 3 : 4) == 2 ? stream.get() : nullptr;
        const std::vector<int32_t> sent = message(rank, 1 - rank, round, count);
        std::vector<int32_t> got(count);
        ASSERT_EQ(collGroupStart(), collSuccess);
        ASSERT_EQ(collSend(sent.data(), count, collInt32, 1 - rank, comm, on), collSuccess);
        ASSERT_EQ(collRecv(got.data(), count, collInt32, 1 - rank, comm, on), collSuccess);
        ASSERT_EQ(collGroupEnd(), collSuccess);
        ASSERT_EQ(collStreamSynchronize(stream.get()), collSuccess);
        sent_bytes += 4 * count;
        EXPECT_TRUE(got == message(1 - rank, rank, round, count)) << count << " in round " << round;
      }
    }
    collStats_t stats{};
    stats.size = sizeof(stats);
    EXPECT_EQ(collCommGetStats(comm, &stats), collSuccess);
    EXPECT_EQ(stats.calls, 2u * 5 * kRounds);
    EXPECT_EQ(stats.sent_bytes, sent_bytes);
  });
}

// One call of a rank's group.
struct Item {
  bool sends;
  int peer;
  int number;  // among those of its pair and direction
  std::vector<int32_t> data;
};

size_t count_of(int from, int to, int number) {
  return static_cast<size_t>((from * 7 + to * 13 + number * 31) % 40) * (number % 5 == 0 ? 900 : 3);
}

// `sends` sends of every rank, spread over the ranks, itself included, and the receives that belong to them.
std::vector<Item> items_of(int rank, int nranks, int sends) {
  std::vector<Item> items;
  for (int from = 0; from < nranks; ++from) {
    for (int i = 0; i < sends; ++i) {
      const int to = (from + i) % nranks;
      const int number = i / nranks;
      if (from == rank) items.push_back({true, to, number, message(from, to, number, count_of(from, to, number))});
      if (to == rank) items.push_back({false, from, number, std::vector<int32_t>(count_of(from, to, number))});
    }
  }
  return items;
}

// In random order, but for those of one pair and direction, whose order means something.
void shuffle(std::vector<Item>* items, unsigned seed) {
  std::mt19937 random(seed);
  std::shuffle(items->begin(), items->end(), random);
  std::map<std::pair<bool, int>, int> next;
  std::map<std::pair<bool, int>, std::vector<Item>> sorted;
  for (Item& item : *items) sorted[{item.sends, item.peer}].push_back(item);
  for (auto& [lane, all] : sorted) {
    std::sort(all.begin(), all.end(), [](const Item& a, const Item& b) { return a.number < b.number; });
  }
  for (Item& item : *items) {
    const std::pair<bool, int> lane{item.sends, item.peer};
    item = sorted[lane][static_cast<size_t>(next[lane]++)];
  }
}

// `stream(i)` is that of call i; NULL: blocking.
void run_group(World& world, int rank, unsigned seed, const std::function<collStream_t(size_t)>& stream,
               const std::function<void()>& finish) {
  const collComm_t comm = world.handle(rank);
  std::vector<Item> items = items_of(rank, world.nranks(), 64);
  shuffle(&items, seed);
  ASSERT_EQ(items.size(), 128u);
  ASSERT_EQ(collGroupStart(), collSuccess);
  for (size_t i = 0; i < items.size(); ++i) {
    Item& item = items[i];
    const size_t count = item.data.size();
    const collResult_t result = item.sends ? collSend(item.data.data(), count, collInt32, item.peer, comm, stream(i))
                                           : collRecv(item.data.data(), count, collInt32, item.peer, comm, stream(i));
    ASSERT_EQ(result, collSuccess) << collGetLastError(nullptr);
  }
  ASSERT_EQ(collGroupEnd(), collSuccess) << collGetLastError(nullptr);
  finish();
  for (const Item& item : items) {
    if (item.sends) continue;
    EXPECT_TRUE(item.data == message(item.peer, rank, item.number, item.data.size()))
        << "rank " << rank << " from " << item.peer << " number " << item.number;
  }
}

TEST_P(Transfers, GroupsOf64SendsAndReceivesInRandomOrderComplete) {
  for (const int n : {1, 2, 3, 4, 8}) {
    World world = quiet_world(one_node(n), GetParam());
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      for (unsigned trial = 0; trial < 4; ++trial) {
        const unsigned seed = trial * 100 + static_cast<unsigned>(rank);
        run_group(
            world, rank, seed, [](size_t) { return nullptr; }, [] {});
        const HostStream stream;
        run_group(
            world, rank, seed, [&](size_t) { return stream.get(); },
            [&] { EXPECT_EQ(collStreamSynchronize(stream.get()), collSuccess); });
      }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Links, Transfers, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "shm" : "inproc"; });

// Collectives of two communicators, called in another order on every other rank, with sends on another stream.
TEST(Groups, MixCommunicatorsStreamsAndKindsOfCalls) {
  constexpr int kRanks = 4;
  constexpr int kCalls = 40;  // more than may be in flight
  World first = quiet_world(one_node(kRanks), true);
  World second = quiet_world(one_node(kRanks), true);
  ASSERT_TRUE(first.ok() && second.ok());
  first.run([&](int rank, Communicator&) {
    const HostStream stream;
    std::vector<std::vector<int64_t>> sums(2 * kCalls, std::vector<int64_t>(10));
    int32_t mine = rank;
    int32_t got = -1;
    const auto enter = [&](int which) {
      const collComm_t comm = (which == 0 ? first : second).handle(rank);
      for (int i = 0; i < kCalls; ++i) {
        std::vector<int64_t>& data = sums[static_cast<size_t>(which * kCalls + i)];
        std::fill(data.begin(), data.end(), i + rank + which * 100);
        const collStream_t on = i % 3 == 0 ? stream.get() : nullptr;
        ASSERT_EQ(collAllReduce(data.data(), data.data(), data.size(), collInt64, collSum, comm, on), collSuccess);
        EXPECT_EQ(data[0], i + rank + which * 100) << "nothing is issued before the end";
      }
    };
    ASSERT_EQ(collGroupStart(), collSuccess);
    enter(rank % 2);
    ASSERT_EQ(collRecv(&got, 1, collInt32, (rank + 1) % kRanks, first.handle(rank), nullptr), collSuccess);
    ASSERT_EQ(collGroupStart(), collSuccess);
    enter(1 - rank % 2);
    ASSERT_EQ(collGroupEnd(), collSuccess) << "of the inner group, which issues nothing";
    EXPECT_EQ(got, -1);
    ASSERT_EQ(collSend(&mine, 1, collInt32, (rank + kRanks - 1) % kRanks, first.handle(rank), stream.get()),
              collSuccess);
    ASSERT_EQ(collGroupEnd(), collSuccess) << collGetLastError(nullptr);
    EXPECT_EQ(got, (rank + 1) % kRanks);
    ASSERT_EQ(collStreamSynchronize(stream.get()), collSuccess);
    for (int which = 0; which < 2; ++which) {
      for (int i = 0; i < kCalls; ++i) {
        EXPECT_EQ(sums[static_cast<size_t>(which * kCalls + i)][9], kRanks * (i + which * 100) + 6)
            << which << " " << i;
      }
    }
  });
}

TEST(Groups, OnAStreamReturnAtOnce) {
  World world = quiet_world(one_node(2), false);
  ASSERT_TRUE(world.ok()) << world.why();
  const HostStream stream;
  int32_t got = 0;
  ASSERT_EQ(collGroupStart(), collSuccess);
  ASSERT_EQ(collRecv(&got, 1, collInt32, 1, world.handle(0), stream.get()), collSuccess);
  ASSERT_EQ(collGroupEnd(), collSuccess);
  EXPECT_EQ(collStreamQuery(stream.get()), collInProgress);
  std::thread other([&] {
    const int32_t sent = 7;
    EXPECT_EQ(collSend(&sent, 1, collInt32, 0, world.handle(1), nullptr), collSuccess);
  });
  EXPECT_EQ(collStreamSynchronize(stream.get()), collSuccess);
  EXPECT_EQ(got, 7);
  other.join();
}

TEST(Groups, RefusalsSpoilTheGroup) {
  World world = quiet_world(one_node(1), false);
  ASSERT_TRUE(world.ok()) << world.why();
  const collComm_t comm = world.handle(0);
  float x = 1;
  float y = 0;
  EXPECT_EQ(collGroupEnd(), collInvalidUsage) << "none is open";
  ASSERT_EQ(collGroupStart(), collSuccess);
  ASSERT_EQ(collAllReduce(&x, &y, 1, collFloat32, collSum, comm, nullptr), collSuccess);
  EXPECT_EQ(collSend(&x, 1, collFloat32, 5, comm, nullptr), collInvalidArgument);
  EXPECT_EQ(collGroupEnd(), collInvalidArgument);
  EXPECT_NE(std::string(collGetLastError(nullptr)).find("peer is 5"), std::string::npos) << collGetLastError(nullptr);
  EXPECT_EQ(y, 0) << "nothing was issued";
  EXPECT_EQ(collAllReduce(&x, &y, 1, collFloat32, collSum, comm, nullptr), collSuccess) << "the next calls are whole";
  EXPECT_EQ(y, 1);
}

TEST(Groups, SelfTransfersNeedTheirCounterpart) {
  World world = quiet_world(one_node(1), false);
  ASSERT_TRUE(world.ok()) << world.why();
  const collComm_t comm = world.handle(0);
  const float x[2] = {3, 4};
  float y[2] = {};
  EXPECT_EQ(collSend(x, 1, collFloat32, 0, comm, nullptr), collInvalidUsage) << "outside a group";
  const auto group = [&](size_t sent, size_t received, int receives) {
    EXPECT_EQ(collGroupStart(), collSuccess);
    EXPECT_EQ(collSend(x, sent, collFloat32, 0, comm, nullptr), collSuccess);
    for (int i = 0; i < receives; ++i) {
      EXPECT_EQ(collRecv(y, received, collFloat32, 0, comm, nullptr), collSuccess);
    }
    return collGroupEnd();
  };
  EXPECT_EQ(group(2, 2, 0), collInvalidUsage);
  EXPECT_EQ(group(2, 2, 2), collInvalidUsage);
  EXPECT_EQ(group(2, 1, 1), collInvalidUsage);
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(group(2, 2, 1), collSuccess);
  EXPECT_EQ(y[1], 4);
}

TEST(Groups, HoldTheirCommunicators) {
  World world = quiet_world(one_node(1), false);
  ASSERT_TRUE(world.ok()) << world.why();
  float x = 1;
  ASSERT_EQ(collGroupStart(), collSuccess);
  ASSERT_EQ(collAllReduce(&x, &x, 1, collFloat32, collSum, world.handle(0), nullptr), collSuccess);
  EXPECT_EQ(collCommDestroy(world.handle(0)), collInvalidUsage);
  EXPECT_EQ(collGroupEnd(), collSuccess);
}

TEST(Mismatch, GivesAnErrorOnBothSides) {
  for (const bool type_differs : {false, true}) {
    for (const bool grouped : {false, true}) {
      World world = quiet_world(one_node(2), true, 20000);
      ASSERT_TRUE(world.ok()) << world.why();
      world.run([&](int rank, Communicator&) {
        const collComm_t comm = world.handle(rank);
        std::vector<float> data(200000, 1);
        const auto begun = std::chrono::steady_clock::now();
        if (grouped) static_cast<void>(collGroupStart());
        collResult_t result = rank == 0 ? collSend(data.data(), data.size(), collFloat32, 1, comm, nullptr)
                                        : collRecv(data.data(), type_differs ? data.size() : 100,
                                                   type_differs ? collInt32 : collFloat32, 0, comm, nullptr);
        if (grouped) result = collGroupEnd();
        EXPECT_EQ(result, rank == 0 ? collRemoteError : collInvalidUsage);
        const std::string words = collGetLastError(nullptr);
        EXPECT_NE(words.find("rank 0 sends 200000 float to rank 1, which receives"), std::string::npos) << words;
        EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15)) << "no time-out";
        float x = 0;
        EXPECT_EQ(collAllReduce(&x, &x, 1, collFloat32, collSum, comm, nullptr), result) << "poisoned";
      });
    }
  }
}

collResult_t send_or_receive(World& world, int rank, size_t count) {
  std::vector<float> data(count, 1);
  return rank == 0 ? collSend(data.data(), count, collFloat32, 1, world.handle(rank), nullptr)
                   : collRecv(data.data(), count, collFloat32, 0, world.handle(rank), nullptr);
}

// The sender of a short one is through by then, and hears of it in the next call.
TEST(Mismatch, OfShortOnesThatHaveBeenPlannedIsFoundToo) {
  constexpr size_t kLittle = 10, kMore = 12, kInTwoMessages = 300;
  constexpr std::pair<size_t, size_t> kCounts[] = {
      {kLittle, kMore}, {kMore, kLittle}, {kLittle, kInTwoMessages}, {kInTwoMessages, kLittle}};
  for (const auto& [sent, received] : kCounts) {
    World world = quiet_world(one_node(2), true, 20000);
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&, in = sent, out = received](int rank, Communicator&) {
      for (const size_t count : {in, out, in, out}) ASSERT_EQ(send_or_receive(world, rank, count), collSuccess);
      const collResult_t result = send_or_receive(world, rank, rank == 0 ? in : out);
      EXPECT_EQ(result, rank == 0 ? collSuccess : collInvalidUsage) << in << " to " << out;
      const std::string words = collGetLastError(nullptr);
      EXPECT_TRUE(rank == 0 || words.find(text("rank 0 sends ", in, " float to rank 1")) != std::string::npos) << words;
      float x = 0;
      const collResult_t next = collRecv(&x, 1, collFloat32, 1 - rank, world.handle(rank), nullptr);
      EXPECT_EQ(next, rank == 0 ? collRemoteError : collInvalidUsage);
    });
  }
}

TEST(Mismatch, ALostCounterpartIsNamed) {
  for (const bool planned : {false, true}) {
    World world = quiet_world(one_node(2), planned, 1000);
    ASSERT_TRUE(world.ok()) << world.why();
    world.run([&](int rank, Communicator&) {
      for (int i = 0; i < 2 && planned; ++i) ASSERT_EQ(send_or_receive(world, rank, 1), collSuccess);
      if (rank == 0) return;
      EXPECT_EQ(send_or_receive(world, rank, 1), collTimeout);
      const std::string words = collGetLastError(nullptr);
      EXPECT_NE(words.find("recv timed out after 1000 ms: rank 0 has not sent"), std::string::npos) << words;
    });
  }
}

}  // namespace

}  // namespace coll::test
