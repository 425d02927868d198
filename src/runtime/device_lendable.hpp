// Which values may be lent where they lie anyway, in the program's buffers: those that nothing of the call writes over
// before their receivers have read them. What follows the call in its stream waits until loans have come back.
#pragma once

#include <vector>

#include "runtime/step.hpp"

namespace coll {

// Stretches of memory, any two of them equal or apart.
class Stretches {
 public:
  void add(const std::byte* begin, size_t bytes) { all_.push_back({begin, begin + bytes}); }
  void sort();  // when all have been added
  // Of those that were added, how many share bytes with this one, which is part of one of them or of none.
  size_t meet(const std::byte* begin, size_t bytes) const;

 private:
  struct Stretch {
    const std::byte* begin;
    const std::byte* end;
  };
  std::vector<Stretch> all_;
};

class LendableParts {
 public:
  // A value's place, and the memory that it is part of; NULL: it may not be lent there.
  struct Place {
    const std::byte* at = nullptr;
    Published memory{};
  };
  LendableParts(const Call& call, const Plan& plan, size_t chunk);

  // Of a part of the input that the step hands on.
  Place input(const Step& step, int round, const Shard& part) const;
  // Of a part of the output that a step makes.
  Place output(const Shard& part) const;

 private:
  bool is_place_of_loans(const Published& memory, const std::byte* at) const;
  bool is_read_before_results(const Step& step, int round, size_t reads) const;

  const Call& call_;
  const Plan& plan_;
  Stretches read_;     // of the input, by steps that use the rank's own data
  Stretches written_;  // of the output
};

}  // namespace coll
