// Checks results against a float64 reference (integers: exact, modulo the type's width) and the bound that goes with
// it.
//
// What a lossy result may err by, for one element: every contribution x is encoded, so it errs by e(x) = v|x|, or v
// times the largest magnitude in its block; their sum errs by E = sum of e. A result that is encoded once more errs by
// another v(|result| + E), largest over the block again. Block grids start at shards, which a user does not see, so the
// largest magnitude within block-1 elements on either side stands for the block's. Float summation adds n roundoff
// sum(|x| + e).
#pragma once

#include <coll/coll.h>

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "input.hpp"
#include "result.hpp"

namespace coll::perf {

// How a codec errs; the default is an exact one.
struct Lossiness {
  collBoundKind_t kind = collBoundNone;
  double value = 0;  // of one encoding
  size_t block = 1;
  double floor = 0;  // absolute error of one encoding below the codec's normal range
  double largest = std::numeric_limits<double>::infinity();  // magnitude beyond which anything may happen
  int encodings = 0;                                         // how often the plan encodes an element

  // Of encoding an element whose block (or, without blocks, itself) reaches `magnitude`.
  double error(double magnitude) const {
    return magnitude > largest ? std::numeric_limits<double>::infinity() : value * magnitude + floor;
  }
  bool exact() const { return kind == collBoundNone || encodings == 0; }
};

// A run of result elements that the same ranks contribute to.
struct Segment {
  std::vector<int> ranks;  // one: moved, not reduced
  size_t input_begin = 0;  // element of those ranks' inputs that got[0] comes from
  size_t input_count = 0;  // elements that those inputs have
  size_t count = 0;
  const std::byte* got = nullptr;
};

class Reference {
 public:
  Reference(const Input& input, collRedOp_t op, const Lossiness& loss) : input_(input), op_(op), loss_(loss) {}

  // Adds what is found in the segment's elements [begin, begin + count).
  void check(const Segment& segment, size_t begin, size_t count, Verdict* verdict) const;

 private:
  struct Window;  // elements of the inputs, with margins for the blocks they lie in

  void check_floats(const Segment& segment, size_t begin, size_t count, Verdict* verdict) const;
  void check_integers(const Segment& segment, size_t begin, size_t count, Verdict* verdict) const;
  void accumulate(const std::vector<int>& ranks, Window* window) const;
  void encode_again(Window* window) const;
  double bound(const Window& window, size_t at, size_t contributions) const;

  const Input& input_;
  collRedOp_t op_;
  Lossiness loss_;
};

struct Span {
  size_t begin, count;
};

// All of [0, count), or, beyond `limit` elements, its head, its tail and evenly random blocks between them.
std::vector<Span> sample(size_t count, size_t limit);

// out[i] = largest of in[j], |i - j| < reach.
void window_max(std::span<const double> in, size_t reach, std::span<double> out);

// 64 bits that differ, almost surely, where the bytes do.
uint64_t hash_bytes(const std::byte* bytes, size_t size);

}  // namespace coll::perf
