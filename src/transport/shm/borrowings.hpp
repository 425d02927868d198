// What one peer lends to this rank: finding it, taking it, and giving it back. The other side of Loans.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>

#include "transport/matcher.hpp"
#include "transport/shm/layout.hpp"
#include "transport/shm/liveness.hpp"
#include "transport/shm/regions.hpp"

namespace coll::shm {

struct Lender {
  int rank;
  pid_t process;
  Life life;
  const Bell* bell;
  std::atomic<uint64_t>* returned;  // of what it has lent to this rank
  const std::byte* segment;
};

class Borrowings {
 public:
  Borrowings(int rank, const Lender& lender) : rank_(rank), lender_(lender), regions_(lender.process) {}

  // Where a lent message of that many bytes lies, as this process sees it.
  Status find(const Loan& loan, size_t bytes, Lent* lent);
  // A receive and its lent message have met.
  Status take(const LentMatch& match);
  Status give_back(Request* request);
  bool lender_has_ended() const { return lender_.life.has_ended(); }

 private:
  Status unreadable(int error) const;

  int rank_;
  Lender lender_;
  PeerRegions regions_;
};

}  // namespace coll::shm
