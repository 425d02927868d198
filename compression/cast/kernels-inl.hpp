// The kernels of a cast codec from a float format, compiled once per instruction set.
#if defined(COMPRESSION_CAST_KERNELS_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef COMPRESSION_CAST_KERNELS_INL_HPP_
#undef COMPRESSION_CAST_KERNELS_INL_HPP_
#else
#define COMPRESSION_CAST_KERNELS_INL_HPP_
#endif

#include "base/simd_float-inl.hpp"
#include "compression/cast/cast_codec.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::cast::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using namespace coll::simd::HWY_NAMESPACE;

template <class Format>
struct Messages {
  std::span<const std::byte* const> all;
  size_t begin;
  const std::byte* first;
  std::byte* floats;

  template <class D>
  HWY_INLINE hn::Vec<D> get(D d, size_t message, size_t i) const {
    return Format::get(d, all[message] + (begin + i) * Format::kBytes);
  }
  template <class D>
  HWY_INLINE hn::Vec<D> start(D d, size_t i) const {
    return first == nullptr ? get(d, 0, i) : load(d, first + i * sizeof(float));
  }
  template <class D>
  HWY_INLINE void finish(D d, hn::Vec<D> value, size_t i) const {
    store(d, canonical(d, value), floats + i * sizeof(float));
  }
};

template <class Op, class D, class Format>
HWY_INLINE void reduce_at(D d, const Messages<Format>& messages, size_t i) {
  auto value = messages.start(d, i);
  for (size_t j = messages.first == nullptr ? 1 : 0; j < messages.all.size(); ++j) {
    value = Op::merge(d, value, messages.get(d, j, i));
  }
  messages.finish(d, value, i);
}

// Four chains hide each other's latency.
template <class Op, class D, class Format>
HWY_INLINE void reduce_four_at(D d, const Messages<Format>& messages, size_t i) {
  const size_t lanes = hn::Lanes(d);
  auto a = messages.start(d, i), b = messages.start(d, i + lanes);
  auto c = messages.start(d, i + 2 * lanes), e = messages.start(d, i + 3 * lanes);
  for (size_t j = messages.first == nullptr ? 1 : 0; j < messages.all.size(); ++j) {
    a = Op::merge(d, a, messages.get(d, j, i));
    b = Op::merge(d, b, messages.get(d, j, i + lanes));
    c = Op::merge(d, c, messages.get(d, j, i + 2 * lanes));
    e = Op::merge(d, e, messages.get(d, j, i + 3 * lanes));
  }
  messages.finish(d, a, i);
  messages.finish(d, b, i + lanes);
  messages.finish(d, c, i + 2 * lanes);
  messages.finish(d, e, i + 3 * lanes);
}

template <class Format, class Op>
void reduce_messages(std::span<const std::byte* const> all, size_t begin, const void* first, void* floats,
                     size_t count) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 1> single;
  const size_t lanes = hn::Lanes(whole);
  const Messages<Format> messages{all, begin, static_cast<const std::byte*>(first), static_cast<std::byte*>(floats)};
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) reduce_four_at<Op>(whole, messages, i);
  for (; i + lanes <= count; i += lanes) reduce_at<Op>(whole, messages, i);
  for (; i < count; ++i) reduce_at<Op>(single, messages, i);
}

template <class Format>
constexpr CastKernels cast_kernels() {
  return {put_array<Format>,
          get_array<Format>,
          {reduce_messages<Format, SumOp>, reduce_messages<Format, ProdOp>, reduce_messages<Format, MaxOp>,
           reduce_messages<Format, MinOp>, reduce_messages<Format, SumOp>}};
}

}  // namespace coll::cast::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
