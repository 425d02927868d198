// A bootstrap among the threads of one process, for tests.
#pragma once

#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/bootstrap.hpp"

namespace coll::test {

// Where the ranks of one communicator meet.
class Meeting {
 public:
  explicit Meeting(int nranks) : nranks_(nranks), rounds_of_(static_cast<size_t>(nranks)) {}
  int nranks() const { return nranks_; }

  Status allgather(int rank, std::span<const std::byte> mine, std::byte* all, Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    const uint64_t number = rounds_of_[static_cast<size_t>(rank)]++;
    Round& round = rounds_[number];
    round.parts.resize(static_cast<size_t>(nranks_));
    round.parts[static_cast<size_t>(rank)] = std::make_unique<std::vector<std::byte>>(mine.begin(), mine.end());
    if (++round.arrived == nranks_) changed_.notify_all();
    if (!changed_.wait_until(lock, deadline, [&] { return round.arrived == nranks_; })) return missing(round);
    Status status;
    for (const auto& part : round.parts) {
      if (part->size() != mine.size()) status = Status(collInternalError, "allgather with parts of different sizes");
      if (status.ok() && !part->empty()) std::memcpy(all, part->data(), part->size());
      all += mine.size();
    }
    if (++round.left == nranks_) rounds_.erase(number);
    return status;
  }

 private:
  struct Round {
    std::vector<std::unique_ptr<std::vector<std::byte>>> parts;
    int arrived = 0;
    int left = 0;
  };

  static Status missing(const Round& round) {
    std::string names;
    for (size_t rank = 0; rank < round.parts.size(); ++rank) {
      if (round.parts[rank] == nullptr) names += text(names.empty() ? "" : ", ", "rank ", rank);
    }
    return {collTimeout, text(names, " did not take part in an allgather")};
  }

  int nranks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<uint64_t> rounds_of_;  // begun by each rank
  std::map<uint64_t, Round> rounds_;
};

class InprocBootstrap final : public Bootstrap {
 public:
  InprocBootstrap(std::shared_ptr<Meeting> meeting, int rank) : meeting_(std::move(meeting)), rank_(rank) {}
  int rank() const override { return rank_; }
  int nranks() const override { return meeting_->nranks(); }
  Status allgather(std::span<const std::byte> mine, std::byte* all, Clock::time_point deadline) override {
    return meeting_->allgather(rank_, mine, all, deadline);
  }

 private:
  std::shared_ptr<Meeting> meeting_;
  int rank_;
};

}  // namespace coll::test
