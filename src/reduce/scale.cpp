#include "reduce/scale.hpp"

#include <algorithm>

#include "reduce/reduce.hpp"

namespace coll::reduce {

namespace {
constexpr size_t kTile = 512;  // elements; both tiles stay in the L1 cache
}

void scale(DataType type, const std::byte* in, const void* scalar, std::byte* out, size_t count) {
  alignas(64) std::byte accumulators[kTile * 8];
  alignas(64) std::byte factors[kTile * 8];
  const DataType accumulator = accumulator_of(type);
  const size_t size = size_of(accumulator);
  for (size_t i = 0; i < std::min(count, kTile); ++i) load(type, scalar, factors + i * size, 1);
  for (size_t begin = 0; begin < count; begin += kTile) {
    const size_t some = std::min(kTile, count - begin);
    load(type, in + begin * size_of(type), accumulators, some);
    combine(accumulator, collProd, accumulators, factors, accumulators, some);
    store(type, accumulators, out + begin * size_of(type), some);
  }
}

}  // namespace coll::reduce
