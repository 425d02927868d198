// Elementwise reduction of buffers on the host, in SIMD chosen at run time.
//
// "Native" elements are the user's type; "accumulator" elements are accumulator_of(type): float32 for 8-, 16- and
// 32-bit floats, the type itself otherwise. Buffers may have any alignment. Every instruction set gives the same bits:
// NaN results are the one canonical quiet NaN, max and min propagate NaN and order -0 < +0, integers wrap. The last
// argument forces an instruction set.
#pragma once

#include <cstddef>
#include <span>

#include "base/simd.hpp"
#include "base/types.hpp"

namespace coll::reduce {

// accumulators[0..count) = native[0..count), converted (copied where the type is its own accumulator).
void load(DataType type, const void* native, void* accumulators, size_t count, Isa isa = best_isa());

// out[i] = op(a[i], b[i]) on accumulators; collAvg adds. `out` may be `a` or `b`, and may not overlap them otherwise.
void combine(DataType type, RedOp op, const void* a, const void* b, void* out, size_t count, Isa isa = best_isa());

// accumulators[i] = op(accumulators[i], native[i]).
void combine_native(DataType type, RedOp op, const void* native, void* accumulators, size_t count,
                    Isa isa = best_isa());

// The operator's last step, in place: collAvg divides by `nranks` (integers truncate towards zero); others do nothing.
void finish(DataType type, RedOp op, int nranks, void* accumulators, size_t count, Isa isa = best_isa());

// native[0..count) = accumulators[0..count), rounded to nearest even; NaN becomes the type's canonical quiet NaN.
void store(DataType type, const void* accumulators, void* native, size_t count, Isa isa = best_isa());

// A reduction of whole inputs in one pass over memory.
struct Reduction {
  DataType type;
  RedOp op;
  bool finish = false;  // the operator's last step is applied, with `nranks`
  int nranks = 1;
  bool partial = false;  // outputs hold accumulators instead of native elements
  bool stream = false;   // outputs are written past the caches: for those that are larger and not read again soon
};

// Every output[i] = the native inputs[0][i], inputs[1][i], ... combined in this order: what load(), combine_native(),
// finish() and store() give one after the other. At least one input and one output; an output may be an input, and may
// not overlap one otherwise. Streamed stores are visible to other cores before whatever this thread stores next.
void reduce_many(const Reduction& reduction, std::span<const std::byte* const> inputs,
                 std::span<std::byte* const> outputs, size_t count, Isa isa = best_isa());

// to[0..count) = from[0..count), native elements, past the caches; NaN of float32 and float64 becomes canonical. For
// pieces of an output: they are visible to other cores in order only after flush_streams().
void copy_streamed(DataType type, const std::byte* from, std::byte* to, size_t count, Isa isa = best_isa());
void flush_streams();

// to[0..bytes) = from[0..bytes), as they are. With `stream` past the caches, and visible to other cores before whatever
// this thread stores next.
void copy_bytes(const std::byte* from, std::byte* to, size_t bytes, bool stream);

}  // namespace coll::reduce
