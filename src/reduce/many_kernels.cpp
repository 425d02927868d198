// One pass over several inputs, compiled once per instruction set.
#include "reduce/many_kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "reduce/many_kernels.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "base/simd_float-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::reduce::many::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

// A type that is its own accumulator.
template <typename T>
struct PlainSource {
  using Lane = T;
  static constexpr size_t kBytes = sizeof(T);
  template <class D>
  static HWY_INLINE hn::Vec<D> get(D d, const std::byte* from) {
    return load(d, from);
  }
};

// A small float, accumulated in float32.
template <class Format>
struct SmallSource : Format {
  using Lane = float;
};

// The reduced value, made ready to be stored.
template <class D>
HWY_INLINE hn::Vec<D> finished(D d, hn::Vec<D> value, int divisor) {
  if constexpr (std::is_floating_point_v<hn::TFromD<D>>) {
    if (divisor != 0) value = hn::Div(value, hn::Set(d, static_cast<hn::TFromD<D>>(divisor)));
    return canonical(d, value);
  } else {
    return value;
  }
}

template <class D>
HWY_INLINE void write(D d, hn::Vec<D> value, std::byte* to, bool streams) {
  if constexpr (hn::MaxLanes(d) == 1) {
    store(d, value, to);
  } else if (streams) {
    hn::Stream(value, d, reinterpret_cast<hn::TFromD<D>*>(to));
  } else {
    store(d, value, to);
  }
}

inline constexpr size_t kMostOutputs = 64;  // streamed ones; more are stored as usual

// Which outputs are at a vector's boundary once `head` elements are done.
template <typename T>
struct StreamPlan {
  size_t head = 0;
  bool any = false;
  bool streams[kMostOutputs] = {};

  explicit StreamPlan(const ManyArgs& args) {
    if (!args.stream || args.output_count > kMostOutputs) return;
    const size_t vector = hn::Lanes(hn::ScalableTag<T>()) * sizeof(T);
    const size_t first = reinterpret_cast<uintptr_t>(args.outputs[0]) % vector;
    if (vector == sizeof(T) || first % sizeof(T) != 0) return;
    head = (vector - first) % vector / sizeof(T);
    if (head > args.count) head = args.count;
    any = true;
    for (size_t j = 0; j < args.output_count; ++j) {
      streams[j] = reinterpret_cast<uintptr_t>(args.outputs[j]) % vector == first;
    }
  }
};

// `kVectors` independent sums hide the additions' latency.
template <class Source, class Op, size_t kVectors, class D>
HWY_INLINE void reduce_at(D d, const ManyArgs& args, size_t i, const bool* streams) {
  constexpr size_t kLane = sizeof(hn::TFromD<D>);
  const size_t lanes = hn::Lanes(d);
  const auto at = [&](size_t input, size_t v) {
    return args.inputs[input] + (args.first + i + v * lanes) * Source::kBytes;
  };
  static_assert(kVectors == 1 || kVectors == 4);
  auto v0 = Source::get(d, at(0, 0)), v1 = v0, v2 = v0, v3 = v0;
  if constexpr (kVectors == 4) {
    v1 = Source::get(d, at(0, 1));
    v2 = Source::get(d, at(0, 2));
    v3 = Source::get(d, at(0, 3));
  }
  for (size_t input = 1; input < args.input_count; ++input) {
    v0 = Op::merge(d, v0, Source::get(d, at(input, 0)));
    if constexpr (kVectors == 4) {
      v1 = Op::merge(d, v1, Source::get(d, at(input, 1)));
      v2 = Op::merge(d, v2, Source::get(d, at(input, 2)));
      v3 = Op::merge(d, v3, Source::get(d, at(input, 3)));
    }
  }
  v0 = finished(d, v0, args.divisor);
  if constexpr (kVectors == 4) {
    v1 = finished(d, v1, args.divisor);
    v2 = finished(d, v2, args.divisor);
    v3 = finished(d, v3, args.divisor);
  }
  for (size_t j = 0; j < args.output_count; ++j) {
    std::byte* const to = args.outputs[j] + i * kLane;
    const bool past_caches = streams != nullptr && streams[j];
    write(d, v0, to, past_caches);
    if constexpr (kVectors == 4) {
      write(d, v1, to + lanes * kLane, past_caches);
      write(d, v2, to + 2 * lanes * kLane, past_caches);
      write(d, v3, to + 3 * lanes * kLane, past_caches);
    }
  }
}

template <class Source, class Op>
void reduce_many(const ManyArgs& args) {
  using T = typename Source::Lane;
  const hn::ScalableTag<T> whole;
  const hn::CappedTag<T, 1> single;
  const size_t lanes = hn::Lanes(whole);
  const StreamPlan<T> plan(args);
  const bool* const streams = plan.any ? plan.streams : nullptr;
  size_t i = 0;
  for (; i < plan.head; ++i) reduce_at<Source, Op, 1>(single, args, i, nullptr);
  for (; i + 4 * lanes <= args.count; i += 4 * lanes) reduce_at<Source, Op, 4>(whole, args, i, streams);
  for (; i + lanes <= args.count; i += lanes) reduce_at<Source, Op, 1>(whole, args, i, streams);
  for (; i < args.count; ++i) reduce_at<Source, Op, 1>(single, args, i, nullptr);
}

struct FirstOp {
  template <class D>
  static HWY_INLINE hn::Vec<D> merge(D, hn::Vec<D> a, hn::Vec<D>) {
    return a;
  }
};

void stream_copy(const std::byte* from, std::byte* to, size_t bytes) {
  ManyArgs args{&from, 1, 0, &to, 1, bytes, 0, true};
  reduce_many<PlainSource<uint8_t>, FirstOp>(args);
}

template <class Source, class Bits = Source>
constexpr void fill_row(ReduceMany (&row)[collNumOps]) {
  row[collSum] = row[collAvg] = reduce_many<Bits, SumOp>;  // integers' sums wrap, so their sign is no matter
  row[collMax] = reduce_many<Source, MaxOp>;
  row[collMin] = reduce_many<Source, MinOp>;
  if constexpr (std::is_floating_point_v<typename Source::Lane> || sizeof(typename Source::Lane) == 4) {
    row[collProd] = reduce_many<Bits, ProdOp>;
  }
}

template <typename T>
constexpr void fill_integers(ReduceMany (&row)[collNumOps]) {
  fill_row<PlainSource<T>, PlainSource<std::make_unsigned_t<T>>>(row);
}

constexpr ManyKernels table() {
  ManyKernels all{};
  fill_integers<int8_t>(all.reduce[collInt8]);
  fill_integers<uint8_t>(all.reduce[collUint8]);
  fill_integers<int32_t>(all.reduce[collInt32]);
  fill_integers<uint32_t>(all.reduce[collUint32]);
  fill_integers<int64_t>(all.reduce[collInt64]);
  fill_integers<uint64_t>(all.reduce[collUint64]);
  fill_row<SmallSource<Fp16Format>>(all.reduce[collFloat16]);
  fill_row<PlainSource<float>>(all.reduce[collFloat32]);
  fill_row<PlainSource<double>>(all.reduce[collFloat64]);
  fill_row<SmallSource<Bf16Format>>(all.reduce[collBfloat16]);
  fill_row<SmallSource<E4m3Format>>(all.reduce[collFloat8e4m3]);
  fill_row<SmallSource<E5m2Format>>(all.reduce[collFloat8e5m2]);
  all.stream_copy = stream_copy;
  return all;
}

constexpr ManyKernels kTable = table();

}  // namespace coll::reduce::many::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::reduce {
namespace many {

const ManyKernels& kernels(Isa isa) { return COLL_SIMD_TABLE(isa); }

}  // namespace many

const ManyKernels& many_kernels(Isa isa) { return many::kernels(isa); }

void flush_streams() { hwy::FlushStream(); }

}  // namespace coll::reduce
#endif
