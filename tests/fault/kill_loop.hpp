// What the ranks of a trial do until one is killed.
#pragma once

#include <algorithm>
#include <cmath>

#include "coll/coll.h"
#include "tests/fault/buffer.hpp"
#include "tests/fault/kill_trial.hpp"
#include "tests/fault/outcome.hpp"

namespace coll::test {

// Collectives of one kind over and over, each result checked.
class Loop {
 public:
  Loop(const Trial& trial, int rank, collComm_t comm)
      : trial_(trial),
        rank_(rank),
        comm_(comm),
        n_(static_cast<size_t>(trial.nranks())),
        parts_(trial.count * n_, trial.maps(rank)),
        part_(trial.count, trial.maps(rank)) {
    if (trial.work == Work::kAllReduceInt8 && collCodecCreate(&codec_, "int8") != collSuccess) codec_ = nullptr;
  }
  ~Loop() {
    if (codec_ != nullptr) collCodecDestroy(codec_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Outcome until_failure() {
    if (parts_.floats().empty() || part_.floats().empty()) return {collInternalError, collGetLastError(nullptr)};
    while (true) {
      std::ranges::fill(parts_.floats(), own_value());
      std::ranges::fill(part_.floats(), own_value());
      const Outcome outcome = outcome_of(comm_, [this] { return call(); });
      if (outcome.code != collSuccess) return outcome;
      if (!right()) return {collInternalError, "a call succeeded with a wrong result"};
    }
  }

 private:
  float own_value() const { return static_cast<float>(rank_ + 1); }
  int root() const { return static_cast<int>(trial_.count % n_); }

  collResult_t call() {
    const size_t count = trial_.count;
    float* const all = parts_.floats().data();
    float* const mine = all + static_cast<size_t>(rank_) * count;
    float* const part = part_.floats().data();
    switch (trial_.work) {
      case Work::kAllReduce:
      case Work::kTinyAllReduce:
        return collAllReduce(trial_.in_place ? all : part, all, count, collFloat32, collSum, comm_, nullptr);
      case Work::kAllReduceInt8:
        return collAllReduceCompressed(trial_.in_place ? all : part, all, count, collFloat32, collSum, codec_, comm_,
                                       nullptr);
      case Work::kReduceScatter:
        return collReduceScatter(all, trial_.in_place ? mine : part, count, collFloat32, collSum, comm_, nullptr);
      case Work::kAllGather:
        return collAllGather(trial_.in_place ? mine : part, all, count, collFloat32, comm_, nullptr);
      case Work::kBroadcast:
        return collBroadcast(trial_.in_place ? all : part, all, count, collFloat32, root(), comm_, nullptr);
    }
    return collInternalError;
  }

  bool all_are(const float* values, float expected) const {
    const float tolerance = codec_ != nullptr ? expected * 0.02F : 0.0F;
    return std::all_of(values, values + trial_.count,
                       [&](float value) { return std::abs(value - expected) <= tolerance; });
  }

  bool right() const {
    const auto sum = static_cast<float>(n_ * (n_ + 1) / 2);
    const float* const all = parts_.floats().data();
    if (trial_.work == Work::kReduceScatter) {
      return all_are(trial_.in_place ? all + static_cast<size_t>(rank_) * trial_.count : part_.floats().data(), sum);
    }
    if (trial_.work == Work::kBroadcast) return all_are(all, static_cast<float>(root() + 1));
    if (trial_.work != Work::kAllGather) return all_are(all, sum);
    for (size_t peer = 0; peer < n_; ++peer) {
      if (!all_are(all + peer * trial_.count, static_cast<float>(peer + 1))) return false;
    }
    return true;
  }

  const Trial& trial_;
  int rank_;
  collComm_t comm_;
  size_t n_;
  collCodec_t codec_ = nullptr;
  Buffer parts_, part_;
};

}  // namespace coll::test
