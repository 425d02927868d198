// What a collective must give, computed in float64 (integers: wrapping), and how far a result may be from it.
//
// With a lossy codec every contribution x errs by e = error_bound(x, block maximum), their sum by E = sum of e (an
// average by E/n, a maximum by the largest e). A result that is encoded once more errs by another
// error_bound(|result| + E, maximum over its block). Plans may encode sums of several contributions in place of each:
// bounds grow no faster than linearly with their argument, so E covers that. Block grids start at shards, which a user
// does not see: the maximum over block-1 elements on either side stands for the block's. Summation in the accumulator
// adds n roundoff (sum of |x| + e), and the result is rounded once to its type.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/types.hpp"
#include "compression/codec.hpp"

namespace coll::test {

struct Question {
  DataType type = collFloat32;
  RedOp op = collSum;
  const Codec* codec = nullptr;  // lossy; NULL: exact
  bool reduces = true;           // false: one rank's elements are handed out
  bool result_coded = true;      // a reduced result may be encoded once more
};

class Expected {
 public:
  // `inputs` are the contributing ranks' elements, `count` of each.
  Expected(const Question& question, std::span<const std::byte* const> inputs, size_t count);

  // "" where got[0..count) may be the result's elements from `begin` on, otherwise the first one that may not.
  std::string mismatch(const std::byte* got, size_t begin, size_t count) const;
  size_t bounded() const;  // elements whose bound is finite

 private:
  void move(const std::byte* input, size_t count);
  void reduce_integers(std::span<const std::byte* const> inputs, size_t count);
  void reduce_floats(std::span<const std::byte* const> inputs, size_t count);
  void encode_again();
  void round(size_t contributions);
  std::vector<double> encoding_errors(const std::vector<double>& magnitudes) const;
  std::string wrong_at(size_t i, double got) const;

  Question question_;
  std::vector<std::byte> exact_;  // the very bytes; empty where there is a bound
  std::vector<double> value_;
  std::vector<double> magnitude_;  // sum of |x|
  std::vector<double> error_;      // what a result may be away from value_; infinite where anything may come
  std::vector<bool> zero_;         // every contribution is a zero, so that the result's sign is known
};

// out[i] = largest of in[j], |i - j| < reach.
std::vector<double> window_max(const std::vector<double>& in, size_t reach);

}  // namespace coll::test
