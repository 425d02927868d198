#include "runtime/agreement.hpp"

#include <gtest/gtest.h>

#include "tests/support/world.hpp"

namespace coll::test {

namespace {

constexpr uint32_t kTag = 40;

Fingerprint usual(int rank) {
  Call call{Function::kAllReduce};
  call.count = 1234;
  call.type = collFloat32;
  call.op = collMax;
  return fingerprint_of(call, 7, rank);
}

std::unique_ptr<Fabric> fabric_of(const std::shared_ptr<inproc::Hub>& hub, int rank) {
  auto fabric = std::make_unique<Fabric>(hub->nranks());
  fabric->add(make_inproc(hub, rank), rank);
  return fabric;
}

// What every rank learns when rank r speaks `prints[r]`: the verdict, and the largest magnitude.
std::vector<Status> verdicts(const std::vector<Fingerprint>& prints, std::vector<float>* largest = nullptr) {
  const auto n = static_cast<int>(prints.size());
  const auto hub = std::make_shared<inproc::Hub>(n);
  std::vector<Status> all(prints.size());
  if (largest != nullptr) largest->resize(prints.size());
  run_threads(n, [&](int rank) {
    const auto fabric = fabric_of(hub, rank);
    Agreement agreement(*fabric, prints[static_cast<size_t>(rank)], n, kTag);
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    bool done = false;
    while (!done && Clock::now() < deadline) {
      bool moved = false;
      ASSERT_TRUE(fabric->progress(&moved).ok());
      const Status status = agreement.advance(&moved, &done);
      ASSERT_TRUE(status.ok()) << status.message();
      if (!moved) std::this_thread::yield();
    }
    ASSERT_TRUE(done) << "rank " << rank << " waits for rank " << agreement.waiting_for();
    EXPECT_EQ(agreement.waiting_for(), -1);
    all[static_cast<size_t>(rank)] = agreement.verdict();
    if (largest != nullptr) (*largest)[static_cast<size_t>(rank)] = agreement.largest_magnitude();
  });
  return all;
}

TEST(Agreement, AlikeForAnyNumberOfRanks) {
  for (int n = 1; n <= 17; ++n) {
    std::vector<Fingerprint> prints;
    for (int rank = 0; rank < n; ++rank) prints.push_back(usual(rank));
    for (const Status& status : verdicts(prints)) EXPECT_TRUE(status.ok()) << n << " ranks: " << status.message();
  }
}

TEST(Agreement, TheLargestMagnitudeReachesAllWhoeverHasIt) {
  for (int n = 1; n <= 9; ++n) {
    for (int holder = 0; holder < n; ++holder) {
      std::vector<Fingerprint> prints;
      for (int rank = 0; rank < n; ++rank) {
        prints.push_back(usual(rank));
        prints.back().magnitude = rank == holder ? 100.0f : static_cast<float>(rank);
      }
      std::vector<float> largest;
      for (const Status& status : verdicts(prints, &largest)) EXPECT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(largest, std::vector<float>(prints.size(), 100)) << "rank " << holder << " of " << n;
    }
  }
}

TEST(Agreement, OneThatDiffersIsReportedOnAllRanksWithBothCalls) {
  for (int n = 2; n <= 17; ++n) {
    for (int odd = 0; odd < n; ++odd) {
      std::vector<Fingerprint> prints;
      for (int rank = 0; rank < n; ++rank) prints.push_back(usual(rank));
      prints[static_cast<size_t>(odd)].count = 99;
      const int other = odd == 0 ? 1 : odd;  // beside rank 0
      for (const Status& status : verdicts(prints)) {
        EXPECT_EQ(status.code(), collInvalidUsage);
        EXPECT_NE(status.message().find(prints[0].words()), std::string::npos) << status.message();
        EXPECT_NE(status.message().find(prints[static_cast<size_t>(other)].words()), std::string::npos)
            << status.message();
      }
    }
  }
}

TEST(Agreement, AllRanksTellTheSameWhereSeveralDiffer) {
  std::vector<Fingerprint> prints;
  for (int rank = 0; rank < 11; ++rank) {
    prints.push_back(usual(rank));
    prints.back().count = static_cast<uint64_t>(rank / 4);
  }
  const std::vector<Status> all = verdicts(prints);
  for (const Status& status : all) EXPECT_EQ(status.message(), all[0].message());
  EXPECT_NE(all[0].message().find("rank 0"), std::string::npos) << all[0].message();
  EXPECT_NE(all[0].message().find("rank 4"), std::string::npos) << all[0].message();
}

struct Difference {
  const char* name;
  void (*make)(Fingerprint&);
  const char* usual_words;
  const char* other_words;
};

const Difference kDifferences[] = {
    {"sequence", [](Fingerprint& p) { p.sequence = 8; }, "#7", "#8"},
    {"count", [](Fingerprint& p) { p.count = uint64_t{5} << 33; }, "of 1234 ", "of 42949672960 "},
    {"function", [](Fingerprint& p) { p.function = static_cast<uint8_t>(Function::kBroadcast); }, "allreduce",
     "broadcast"},
    {"type", [](Fingerprint& p) { p.type = collInt64; }, "float", "int64"},
    {"op", [](Fingerprint& p) { p.op = collAvg; }, "max", "avg"},
    {"root", [](Fingerprint& p) { p.root = 2; }, "root 0", "root 2"},
    {"codec", [](Fingerprint& p) { std::snprintf(p.codec, sizeof(p.codec), "int8:block=64"); }, "codec none",
     "codec int8:block=64"},
};

TEST(Agreement, EveryFieldCountsAndIsNamed) {
  for (const Difference& difference : kDifferences) {
    std::vector<Fingerprint> prints = {usual(0), usual(1), usual(2), usual(3)};
    difference.make(prints[2]);
    for (const Status& status : verdicts(prints)) {
      EXPECT_EQ(status.code(), collInvalidUsage) << difference.name;
      for (const char* part : {"rank 0 ", "rank 2 ", difference.usual_words, difference.other_words}) {
        EXPECT_NE(status.message().find(part), std::string::npos) << difference.name << ": " << status.message();
      }
    }
  }
}

TEST(Agreement, DamagedNewsAreCorruptData) {
  const auto hub = std::make_shared<inproc::Hub>(2);
  const auto stranger = make_inproc(hub, 1);
  const std::byte few[10] = {};
  Request sent;
  ASSERT_TRUE(stranger->send(0, kTag, few, &sent).ok());
  const auto fabric = fabric_of(hub, 0);
  Agreement agreement(*fabric, usual(0), 2, kTag);
  Status status;
  bool done = false;
  for (int i = 0; i < 100 && status.ok() && !done; ++i) {
    bool moved = false;
    ASSERT_TRUE(fabric->progress(&moved).ok());
    status = agreement.advance(&moved, &done);
  }
  EXPECT_EQ(status.code(), collCorruptData);
  EXPECT_NE(status.message().find("rank 1"), std::string::npos) << status.message();
}

TEST(Agreement, SaysWhomItWaitsFor) {
  const auto hub = std::make_shared<inproc::Hub>(3);
  const auto fabric = fabric_of(hub, 1);
  Agreement agreement(*fabric, usual(1), 3, kTag);
  bool moved = false;
  bool done = false;
  ASSERT_TRUE(agreement.advance(&moved, &done).ok());
  EXPECT_FALSE(done);
  EXPECT_TRUE(moved);
  EXPECT_EQ(agreement.waiting_for(), 0);
}

// Through whole communicators: with check=1 a mismatch fails on every rank, and the communicator stays failed.
TEST(Agreement, MismatchedCallsPoisonEveryRank) {
  WorldOptions options{blocks({2, 1})};
  options.edit = [](int, Config& config) { config.env.debug = "NONE"; };
  World world(options);
  ASSERT_TRUE(world.ok()) << world.why();
  world.run([&](int rank, Communicator&) {
    std::vector<float> data(100, 1);
    const size_t count = rank == 1 ? 50 : 100;
    const collComm_t comm = world.handle(rank);
    EXPECT_EQ(collAllReduce(data.data(), data.data(), count, collFloat32, collSum, comm, nullptr), collInvalidUsage);
    const std::string words = collGetLastError(comm);
    for (const char* part : {"collAllReduce", "rank 0 ", "rank 1 ", "of 100 ", "of 50 "}) {
      EXPECT_NE(words.find(part), std::string::npos) << words;
    }
    EXPECT_EQ(collBarrier(comm, nullptr), collInvalidUsage) << "poisoned";
  });
}

}  // namespace

}  // namespace coll::test
