// The reduction's kernels of one instruction set, as a table by type and operator.
#pragma once

#include <cstddef>

#include "base/simd.hpp"
#include "base/types.hpp"

namespace coll::reduce {

struct TypeKernels {
  using Convert = void (*)(const void* from, void* to, size_t count);
  using Combine = void (*)(const void* a, const void* b, void* out, size_t count);
  using CombineNative = void (*)(const void* native, void* accumulators, size_t count);
  using Divide = void (*)(void* accumulators, int divisor, size_t count);

  Convert load;
  Convert store;
  Combine combine[collNumOps];
  CombineNative combine_native[collNumOps];
  Divide divide;
};

struct Kernels {
  TypeKernels types[collNumTypes];
};

const Kernels& kernels(Isa isa);

}  // namespace coll::reduce
