// Ranks, elements and bytes of a plan's rounds, for whoever adds up what they cost.
#pragma once

#include "collectives/planner.hpp"

namespace coll {

inline double us(double bytes, double gbs) { return gbs > 0 ? bytes / (gbs * 1000) : 0; }

// A pick of a plan whose list has been looked up: a rank has a hundred thousand rounds where there are as many ranks.
class Entries {
 public:
  Entries(const Plan& plan, const Pick& pick) : pick_(pick) {
    if (pick.list < 0) return;
    const auto& list = *plan.lists[static_cast<size_t>(pick.list)];
    data_ = list.data();
    size_ = static_cast<int>(list.size());
  }
  int count() const { return pick_.count; }
  int at(int round, int j) const { return data_[pick_.index(round, j, size_)]; }

 private:
  const Pick pick_;
  const int* data_ = nullptr;
  int size_ = 0;
};

inline double elements_of(const Plan& plan, const Entries& shards, int round) {
  size_t elements = 0;
  for (int j = 0; j < shards.count(); ++j) elements += plan.shards[static_cast<size_t>(shards.at(round, j))].count;
  return static_cast<double>(elements);
}

// Calls f(step, from, to, round, elements) for each round that has elements, with the ranks of its messages.
template <class F>
void each_round(const Plan& plan, const F& f) {
  for (const Step& step : plan.steps) {
    const Entries shards(plan, step.shard);
    const Entries from(plan, step.from);
    const Entries to(plan, step.to);
    for (int round = 0; round < step.rounds; ++round) {
      const double elements = elements_of(plan, shards, round);
      if (elements > 0) f(step, from, to, round, elements);
    }
  }
}

// What elements take in a message.
class WireBytes {
 public:
  explicit WireBytes(const PlanQuery& query)
      : native_(static_cast<double>(size_of(query.type))),
        partial_(static_cast<double>(size_of(accumulator_of(query.type)))),
        coded_(query.codec.bytes_per_element) {}
  double operator()(Wire wire, double elements) const {
    if (wire == Wire::kCoded) return elements * coded_;
    return elements * (wire == Wire::kPartial ? partial_ : native_);
  }

 private:
  double native_, partial_, coded_;
};

}  // namespace coll
