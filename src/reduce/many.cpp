#include <algorithm>
#include <cstring>

#include "reduce/kernels.hpp"
#include "reduce/many_kernels.hpp"
#include "reduce/reduce.hpp"

namespace coll::reduce {
namespace {

constexpr size_t kTileElements = 1024;  // accumulators and what they become stay in the L1 cache

// What no kernel does in one go: a tile is reduced to accumulators, finished, stored as native elements, and copied.
class Tiles {
 public:
  Tiles(const Reduction& reduction, std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs,
        Isa isa)
      : r_(reduction),
        inputs_(inputs),
        outputs_(outputs),
        type_(kernels(isa).types[reduction.type]),
        many_(many_kernels(isa)) {}

  void run(size_t count) {
    const size_t out = size_of(r_.partial ? accumulator_of(r_.type) : r_.type);
    for (size_t begin = 0; begin < count; begin += kTileElements) {
      const size_t m = std::min(kTileElements, count - begin);
      accumulate(begin, m);
      if (r_.finish && r_.op == collAvg) type_.divide(accumulators_, r_.nranks, m);
      const std::byte* made = accumulators_;
      if (!r_.partial) {
        type_.store(accumulators_, native_, m);
        made = native_;
      }
      for (std::byte* const output : outputs_) {
        if (r_.stream) {
          many_.stream_copy(made, output + begin * out, m * out);
        } else {
          std::memcpy(output + begin * out, made, m * out);
        }
      }
    }
  }

 private:
  void accumulate(size_t begin, size_t m) {
    const ReduceMany reduce = many_.reduce[r_.type][r_.op];
    if (inputs_.size() > 1 && reduce != nullptr) {
      std::byte* const to = accumulators_;
      reduce({inputs_.data(), inputs_.size(), begin, &to, 1, m, 0, false});
      return;
    }
    const size_t offset = begin * size_of(r_.type);
    type_.load(inputs_[0] + offset, accumulators_, m);
    for (size_t k = 1; k < inputs_.size(); ++k) {
      type_.combine_native[r_.op](inputs_[k] + offset, accumulators_, m);
    }
  }

  const Reduction& r_;
  std::span<const std::byte* const> inputs_;
  std::span<std::byte* const> outputs_;
  const TypeKernels& type_;
  const ManyKernels& many_;
  alignas(64) std::byte accumulators_[kTileElements * sizeof(double)];
  alignas(64) std::byte native_[kTileElements * sizeof(double)];
};

}  // namespace

void reduce_many(const Reduction& reduction, std::span<const std::byte* const> inputs,
                 std::span<std::byte* const> outputs, size_t count, Isa isa) {
  const bool divides = reduction.finish && reduction.op == collAvg;
  const ReduceMany reduce = many_kernels(isa).reduce[reduction.type][reduction.op];
  const bool own_accumulator = accumulator_of(reduction.type) == reduction.type;
  const bool chain = inputs.size() > 1 || !reduction.partial;  // a kernel makes NaN canonical
  const bool in_one_go = reduce != nullptr && chain && (own_accumulator || (reduction.partial && !divides)) &&
                         (info(reduction.type).is_float || !divides);
  if (in_one_go) {
    reduce({inputs.data(), inputs.size(), 0, outputs.data(), outputs.size(), count, divides ? reduction.nranks : 0,
            reduction.stream});
  } else {
    Tiles(reduction, inputs, outputs, isa).run(count);
  }
  if (reduction.stream) flush_streams();
}

void copy_streamed(DataType type, const std::byte* from, std::byte* to, size_t count, Isa isa) {
  const DataType bytes = collUint8;  // a sum of one input is a copy
  const bool plain = accumulator_of(type) != type || !info(type).is_float;
  const size_t lanes = plain ? count * size_of(type) : count;
  many_kernels(isa).reduce[plain ? bytes : type][collSum]({&from, 1, 0, &to, 1, lanes, 0, true});
}

void copy_bytes(const std::byte* from, std::byte* to, size_t bytes, bool stream) {
  if (!stream) {
    std::memcpy(to, from, bytes);
    return;
  }
  copy_streamed(collUint8, from, to, bytes);
  flush_streams();
}

}  // namespace coll::reduce
