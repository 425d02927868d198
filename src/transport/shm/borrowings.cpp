#include "transport/shm/borrowings.hpp"

#include <cerrno>
#include <cstring>

#include "transport/shm/kernel_copy.hpp"

namespace coll::shm {

Status Borrowings::find(const Loan& loan, size_t bytes, Lent* lent) {
  const auto number = static_cast<unsigned>(loan.number % kMostLoans);
  *lent = {.bytes = bytes, .number = number};
  if (loan.from == LentFrom::kProcess) lent->address = loan.offset;
  if (loan.from == LentFrom::kSegment) lent->at = lender_.segment + loan.offset;
  if (loan.from == LentFrom::kRegion) {
    const RegionPart part{loan.region, loan.releases, loan.region_bytes, loan.offset, loan.fd};
    const Status pinned = regions_.pin(part, number, &lent->at);
    if (!pinned.ok()) {
      const bool ended = lender_has_ended();
      return {ended ? collRemoteError : pinned.code(), text("rank ", rank_, ", from rank ", lender_.rank,
                                                            ended ? ", which has ended: " : ": ", pinned.message())};
    }
  }
  return {};
}

Status Borrowings::take(const LentMatch& match) {
  const Lent& lent = match.lent;
  Request* const request = match.request;
  request->lender = lender_.rank;
  request->loan = lent.number;
  request->view = lent.at;
  complete(request, lent.bytes, match.buffer.size());
  if (lent.at != nullptr && request->may_view) return {};
  const auto buffer = match.buffer.first(request->bytes);
  if (lent.at != nullptr) {
    if (!buffer.empty()) std::memcpy(buffer.data(), lent.at, buffer.size());
  } else if (!copy_from(lender_.process, lent.address, buffer)) {
    return unreadable(errno);
  }
  return give_back(request);
}

// A process that ends gives up its memory before its files, and with them its sign of life.
Status Borrowings::unreadable(int error) const {
  if (error == ESRCH || lender_has_ended()) {
    return {collRemoteError,
            text("rank ", rank_, ": rank ", lender_.rank, " has ended while this rank was to read its memory")};
  }
  return {collSystemError,
          text("rank ", rank_, ": rank ", lender_.rank, "'s memory cannot be read (", std::strerror(error), ")")};
}

Status Borrowings::give_back(Request* request) {
  const bool of_program = regions_.unpin(request->loan) || request->view == nullptr;
  lender_.returned->fetch_xor(uint64_t{1} << request->loan);  // what follows is seen after all that was read
  request->view = nullptr;
  if (!of_program) return {};
  // A rank that gives up says so before its program can change the memory.
  if (lender_.bell->withdrawn.load() == 0) return {};
  return {collRemoteError, text("rank ", lender_.rank, " gave up while its memory was being read")};
}

}  // namespace coll::shm
