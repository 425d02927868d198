#include "reduce/reduce.hpp"

#include "reduce/kernels.hpp"

namespace coll::reduce {

void load(DataType type, const void* native, void* accumulators, size_t count, Isa isa) {
  kernels(isa).types[type].load(native, accumulators, count);
}

void combine(DataType type, RedOp op, const void* a, const void* b, void* out, size_t count, Isa isa) {
  kernels(isa).types[type].combine[op](a, b, out, count);
}

void combine_native(DataType type, RedOp op, const void* native, void* accumulators, size_t count, Isa isa) {
  kernels(isa).types[type].combine_native[op](native, accumulators, count);
}

void finish(DataType type, RedOp op, int nranks, void* accumulators, size_t count, Isa isa) {
  if (op == collAvg) kernels(isa).types[type].divide(accumulators, nranks, count);
}

void store(DataType type, const void* accumulators, void* native, size_t count, Isa isa) {
  kernels(isa).types[type].store(accumulators, native, count);
}

}  // namespace coll::reduce
