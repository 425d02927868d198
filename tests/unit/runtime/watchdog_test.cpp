// When the watchdog takes a peer for ended: not before it has been waited for once more, and only where it is awaited.
#include "runtime/watchdog.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace coll::test {

namespace {

constexpr int kRanks = 4;
constexpr int kTimeoutMs = 60000;

// Reaches everybody and moves nothing.
class StillTransport final : public Transport {
 public:
  explicit StillTransport(const std::set<int>& ended) : ended_(ended) {}
  std::string_view name() const override { return "still"; }
  bool reaches(int) const override { return true; }
  Status send(int, uint32_t, std::span<const std::byte>, Request*) override { return {}; }
  Status receive(int, uint32_t, std::span<std::byte>, Request*) override { return {}; }
  Status progress(bool*) override { return {}; }
  bool has_ended(int peer) const override { return ended_.contains(peer); }
  Status send_control(int, const Control&) override { return {}; }
  bool poll_control(Control*) override { return false; }
  bool abandon() override { return false; }

 private:
  const std::set<int>& ended_;
};

class Waiting : public testing::Test {
 protected:
  Waiting() { fabric_.add(std::make_unique<StillTransport>(ended_), 0); }

  // One look at a call that has not moved, after so long without one.
  Status look_after(std::chrono::milliseconds gap) {
    patience_.since -= gap;
    patience_.probed -= gap;
    return watchdog_.look(patience_, [this] { return WaitingCall{7, "allreduce", awaited_}; });
  }

  static constexpr std::chrono::milliseconds kNoTime{0}, kLong{500};
  std::set<int> ended_;
  std::vector<int> awaited_{1, 2};
  Fabric fabric_{kRanks};
  Log log_;
  Watchdog watchdog_{fabric_, log_, 0, kRanks, kTimeoutMs};
  Patience patience_;
};

TEST_F(Waiting, ForAPeerThatHasEndedFailsAtTheSecondLook) {
  ended_ = {2};
  EXPECT_TRUE(look_after(kLong).ok()) << "what it sent before may still arrive";
  const Status status = look_after(kNoTime);
  EXPECT_EQ(status.code(), collRemoteError);
  for (const char* part : {"allreduce #7", "rank 2 has ended"}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
}

TEST_F(Waiting, GoesOnWhereTheEndedPeersLastMessageCame) {
  ended_ = {2};
  EXPECT_TRUE(look_after(kLong).ok());
  awaited_ = {1};
  for (int look = 0; look < 5; ++look) EXPECT_TRUE(look_after(kLong).ok());
}

TEST_F(Waiting, StartsAnewWhereSomethingMoved) {
  ended_ = {2};
  EXPECT_TRUE(look_after(kLong).ok());
  patience_ = {};
  EXPECT_TRUE(look_after(kNoTime).ok());
  EXPECT_TRUE(look_after(kLong).ok());
  EXPECT_EQ(look_after(kNoTime).code(), collRemoteError);
}

TEST_F(Waiting, NamesTheNextOneAfterAMessageOfTheFirst) {
  ended_ = {1, 2};
  EXPECT_TRUE(look_after(kLong).ok());
  awaited_ = {2};
  EXPECT_TRUE(look_after(kNoTime).ok());
  const Status status = look_after(kNoTime);
  EXPECT_NE(status.message().find("rank 2 has ended"), std::string::npos) << status.message();
}

TEST_F(Waiting, DoesNotMindPeersThatAreNotAwaited) {
  ended_ = {3};
  for (int look = 0; look < 5; ++look) EXPECT_TRUE(look_after(kLong).ok());
}

TEST_F(Waiting, IsShortWithoutAProbe) {
  ended_ = {2};
  for (int look = 0; look < 1000; ++look) EXPECT_TRUE(look_after(kNoTime).ok());
  EXPECT_EQ(patience_.lost, -1);
}

TEST_F(Waiting, ForTheLivingIsATimeOut) {
  EXPECT_TRUE(look_after(std::chrono::milliseconds(kTimeoutMs / 2)).ok());
  EXPECT_EQ(look_after(std::chrono::milliseconds(kTimeoutMs / 2)).code(), collTimeout);
}

}  // namespace

}  // namespace coll::test
