// The kernels that reduce whole inputs in one pass, as a table by type and operator.
#pragma once

#include <cstddef>

#include "base/simd.hpp"
#include "base/types.hpp"

namespace coll::reduce {

// An output may be an input.
struct ManyArgs {
  const std::byte* const* inputs;
  size_t input_count;
  size_t first;  // element of every input that goes to the outputs' element 0
  std::byte* const* outputs;
  size_t output_count;
  size_t count;
  int divisor;  // floats: what the result is divided by; 0: it is not
  bool stream;  // stores go past the caches where an output's address allows it
};

using ReduceMany = void (*)(const ManyArgs& args);
// to[0..bytes) = from[0..bytes), past the caches where the address allows it.
using StreamCopy = void (*)(const std::byte* from, std::byte* to, size_t bytes);

struct ManyKernels {
  // Native inputs to outputs of accumulators; NULL where a width has no vectors of its own (products of integers).
  ReduceMany reduce[collNumTypes][collNumOps];
  StreamCopy stream_copy;
};

const ManyKernels& many_kernels(Isa isa);

}  // namespace coll::reduce
