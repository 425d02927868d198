#include "runtime/introduction.hpp"

#include <span>

namespace coll {

namespace {

std::string words(uint64_t count, uint64_t type) {
  return text(count, " ", std::string(type < collNumTypes ? kTypes[type].name : "elements of an unknown type"));
}

}  // namespace

Introduction::Introduction(Fabric& fabric, const Call& call, int rank, uint32_t tag)
    : fabric_(fabric),
      sends_(call.function == Function::kSend),
      rank_(rank),
      peer_(call.root),
      tag_(tag),
      own_{call.count, static_cast<uint64_t>(call.type)} {}

Status Introduction::advance(bool* moved) {
  if (!started_) {
    started_ = *moved = true;
    Transport& transport = fabric_.to(peer_);
    if (sends_) return transport.send(peer_, tag_, std::as_bytes(std::span(own_)), &request_);
    COLL_TRY(transport.receive(peer_, tag_, std::as_writable_bytes(std::span(theirs_)), &request_));
  }
  if (sends_ || compared_ || !request_.done) return {};
  compared_ = *moved = true;
  return compare();
}

Status Introduction::compare() const {
  if (request_.bytes != sizeof(Terms)) {
    return {collCorruptData, text("rank ", peer_, " sent ", request_.bytes, " bytes where what it sends was due")};
  }
  if (theirs_ == own_) return {};
  return {collInvalidUsage, text("rank ", peer_, " sends ", words(theirs_[0], theirs_[1]), " to rank ", rank_,
                                 ", which receives ", words(own_[0], own_[1]), ". Make both agree")};
}

}  // namespace coll
