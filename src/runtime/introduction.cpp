#include "runtime/introduction.hpp"

#include <cstring>
#include <span>

namespace coll {

namespace {

std::string words(uint64_t count, uint64_t type) {
  return text(count, " ", std::string(type < collNumTypes ? kTypes[type].name : "elements of an unknown type"));
}

size_t bytes_of(const Call& call) { return call.count * size_of(call.type); }

}  // namespace

Introduction::Introduction(Fabric& fabric, const Call& call, int rank, bool checksums)
    : fabric_(fabric),
      sends_(call.function == Function::kSend),
      rank_(rank),
      peer_(call.root),
      from_(call.send),
      to_(call.recv),
      own_{call.count, static_cast<uint64_t>(call.type)},
      carried_bytes_(!checksums && bytes_of(call) <= kMostCarriedBytes ? bytes_of(call) : 0) {}

Status Introduction::advance(bool* moved) {
  if (!started_) {
    started_ = *moved = true;
    COLL_TRY(start());
  }
  if (sends_ || compared_ || !request_.done) return {};
  compared_ = *moved = true;
  return compare();
}

Status Introduction::start() {
  const auto memory = std::as_writable_bytes(std::span(&message_, 1));  // for whatever a sender may mean
  if (!sends_) return fabric_.to(peer_).receive(peer_, kTransferTag, memory, &request_);
  message_.terms = own_;
  if (carries()) std::memcpy(message_.data.data(), from_, carried_bytes_);
  const size_t bytes = sizeof(message_.terms) + carried_bytes_;
  return fabric_.to(peer_).send(peer_, kTransferTag, memory.first(bytes), &request_);
}

Status Introduction::compare() {
  const auto damaged = [this] {
    return Status(collCorruptData,
                  text("rank ", peer_, " sent ", request_.bytes, " bytes where what it sends was due"));
  };
  if (request_.bytes < sizeof(message_.terms)) return damaged();
  if (message_.terms != own_) {
    return {collInvalidUsage, text("rank ", peer_, " sends ", words(message_.terms[0], message_.terms[1]), " to rank ",
                                   rank_, ", which receives ", words(own_[0], own_[1]), ". Make both agree")};
  }
  if (request_.bytes != sizeof(message_.terms) + carried_bytes_) return damaged();
  if (carries()) std::memcpy(to_, message_.data.data(), carried_bytes_);
  return {};
}

}  // namespace coll
