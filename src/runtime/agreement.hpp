// Agreement: every rank learns, in ceil(log2 n) rounds, whether all ranks make the same call, and the largest magnitude
// that any of them reports. It is the check of the first calls and, since nobody can finish before all have begun, the
// barrier.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/call.hpp"
#include "runtime/fabric.hpp"

namespace coll {

// What a rank is about to do, in fixed size.
struct Fingerprint {
  uint64_t sequence = 0;
  uint64_t count = 0;
  int32_t rank = -1;
  int32_t root = 0;
  uint8_t function = 0;
  uint8_t type = 0;
  uint8_t op = 0;
  uint8_t reserved = 0;
  float magnitude = 0;  // of the rank's data, where the codec asks for it; it may differ
  char codec[40] = {};

  bool same_call(const Fingerprint& other) const;
  std::string words() const;  // "rank 1 calls allreduce #7 of 12 float, sum, codec int8:block=128"
};
static_assert(sizeof(Fingerprint) == 72);

Fingerprint fingerprint_of(const Call& call, uint64_t sequence, int rank);

class Agreement {
 public:
  // Messages use tag_base + round.
  Agreement(Fabric& fabric, const Fingerprint& own, int nranks, uint32_t tag_base);

  // Never blocks. Sets *done once every rank's fingerprint has been taken into account, and *moved where anything
  // happened.
  Status advance(bool* moved, bool* done);
  // After done: collInvalidUsage with both fingerprints where two ranks differ.
  Status verdict() const;
  float largest_magnitude() const { return known_.lowest.magnitude; }  // after done
  int waiting_for() const;  // the peer whose message is missing, or that does not take this rank's; -1: none

 private:
  struct News {
    Fingerprint lowest;     // of the lowest rank heard of, with the largest magnitude of all
    Fingerprint differing;  // the lowest rank's that differs from it; rank -1 where none does
  };
  void merge(const News& heard);
  int distance() const { return 1 << round_; }
  int source() const { return (own_.rank - distance() % nranks_ + nranks_) % nranks_; }
  int destination() const { return (own_.rank + distance()) % nranks_; }
  Status start_round();

  Fabric& fabric_;
  Fingerprint own_;
  int nranks_;
  uint32_t tag_base_;
  int round_ = 0;
  bool started_ = false;
  News known_{}, outgoing_{}, incoming_{};
  Request sent_{}, received_{};
};

}  // namespace coll
