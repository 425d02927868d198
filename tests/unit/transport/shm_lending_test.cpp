// Messages that are read where they lie, in the memory of a rank that gives up meanwhile.
#include <gtest/gtest.h>

#include <algorithm>

#include "shm_ranks.hpp"

namespace coll::test {

namespace {

constexpr size_t kBytes = 64 << 10;

// A rank that sends what lies in a region of its process, and another that gets it.
class Sending {
 public:
  Sending() {
    void* memory = nullptr;
    EXPECT_TRUE(regions_->allocate(kBytes, &memory).ok());
    out_ = {static_cast<std::byte*>(memory), kBytes};
    const Bytes bytes = pattern(1, 1, kBytes);
    std::copy(bytes.begin(), bytes.end(), out_.begin());
    for (const Result& result : results_) EXPECT_TRUE(result.status.ok()) << result.status.message();
  }
  ~Sending() {
    results_.clear();
    EXPECT_TRUE(regions_->release(out_.data()).ok());
  }

  Transport& transport(size_t rank) { return *results_[rank].transport; }
  bool sent() const { return sent_.done; }
  bool received() const { return received_.done && in_ == pattern(1, 1, kBytes); }
  Status send() { return transport(1).send(0, 1, out_, &sent_); }
  Status receive() {
    bool moved = false;
    COLL_TRY(transport(0).receive(1, 1, in_, &received_));
    return transport(0).progress(&moved);
  }

 private:
  const std::shared_ptr<shm::Regions> regions_ = std::make_shared<shm::Regions>();
  std::vector<Result> results_ = setup(2, [this](ShmOptions& options) { options.regions = regions_; });
  std::span<std::byte> out_;
  Bytes in_ = Bytes(kBytes);
  Request sent_, received_;
};

TEST(ShmLending, GivesTheSenderItsMemoryBackWhenItHasBeenRead) {
  Sending sending;
  ASSERT_TRUE(sending.send().ok());
  EXPECT_FALSE(sending.sent()) << "it is lent, and not in the ring";
  ASSERT_TRUE(sending.receive().ok());
  EXPECT_TRUE(sending.received());
  bool moved = false;
  ASSERT_TRUE(sending.transport(1).progress(&moved).ok());
  EXPECT_TRUE(sending.sent());
}

// Its program may have changed the memory.
TEST(ShmLending, TellsWhoReadsWhatItsSenderHasGivenUp) {
  Sending sending;
  ASSERT_TRUE(sending.send().ok());
  EXPECT_FALSE(sending.transport(1).abandon());
  const Status status = sending.receive();
  EXPECT_EQ(status.code(), collRemoteError) << status.message();
  EXPECT_NE(status.message().find("rank 1 gave up"), std::string::npos) << status.message();
}

}  // namespace

}  // namespace coll::test
