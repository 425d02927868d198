// Whose notices a fabric of several transports finds: by the transport that reaches the rank, its own by the first that
// has some.
#include "runtime/fabric.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <utility>

#include "tests/support/forwarding_transport.hpp"
#include "transport/inproc/inproc.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 5;
constexpr int kOwn = 0;

std::shared_ptr<inproc::Hub> make_hub() { return std::make_shared<inproc::Hub>(kRanks); }

// Reaches some of the hub's ranks.
class PartialTransport : public ForwardingTransport {
 public:
  PartialTransport(const std::shared_ptr<inproc::Hub>& hub, std::set<int> peers)
      : ForwardingTransport(make_inproc(hub, kOwn)), peers_(std::move(peers)) {}
  bool reaches(int peer) const override { return peers_.contains(peer); }
  std::span<std::byte> notices(int rank) override {
    return rank == kOwn || reaches(rank) ? real().notices(rank) : std::span<std::byte>();
  }

 private:
  std::set<int> peers_;
};

class WithoutNotices final : public PartialTransport {
 public:
  using PartialTransport::PartialTransport;
  std::span<std::byte> notices(int) override { return {}; }
};

TEST(FabricNotices, AreThoseOfTheTransportThatReachesTheRank) {
  const auto first = make_hub(), second = make_hub();
  Fabric fabric(kRanks);
  fabric.add(std::make_unique<WithoutNotices>(make_hub(), std::set{1}), kOwn);
  fabric.add(std::make_unique<PartialTransport>(first, std::set{1, 2}), kOwn);
  fabric.add(std::make_unique<PartialTransport>(second, std::set{1, 2, 3}), kOwn);
  EXPECT_TRUE(fabric.notices(1).empty()) << "reached by the one that has none";
  EXPECT_EQ(fabric.notices(2).data(), first->notices(2).data());
  EXPECT_EQ(fabric.notices(3).data(), second->notices(3).data());
  EXPECT_EQ(fabric.notices(kOwn).data(), first->notices(kOwn).data()) << "the first that has some";
  EXPECT_TRUE(fabric.notices(4).empty()) << "reached by none";
  for (const int rank : {kOwn, 2, 3}) EXPECT_EQ(fabric.notices(rank).size(), kNoticeBytes) << rank;
}

TEST(FabricNotices, AreNoneWhereNoTransportHasSome) {
  Fabric fabric(kRanks);
  for (const int rank : {kOwn, 1}) EXPECT_TRUE(fabric.notices(rank).empty()) << rank;
  fabric.add(std::make_unique<WithoutNotices>(make_hub(), std::set{1, 2}), kOwn);
  for (int rank = 0; rank < kRanks; ++rank) EXPECT_TRUE(fabric.notices(rank).empty()) << rank;
}

}  // namespace

}  // namespace coll::test
