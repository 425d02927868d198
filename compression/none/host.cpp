// Codec `none` on the host, compiled once per instruction set.
#include "compression/cast/cast_codec.hpp"
#include "compression/none/layout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compression/none/host.cpp"
#include "base/simd_targets.hpp"
// After simd_targets.hpp.
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "compression/cast/kernels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace coll::none_codec::HWY_NAMESPACE {

void copy_floats(const void* from, void* to, size_t count) {
  if (count != 0) std::memcpy(to, from, count * sizeof(float));
}

// Copies keep every bit, also of NaN.
constexpr CastKernels exact_kernels() {
  CastKernels kernels = cast::HWY_NAMESPACE::cast_kernels<simd::HWY_NAMESPACE::Float32Format, void>();
  kernels.encode = copy_floats;
  kernels.decode = copy_floats;
  return kernels;
}

constexpr CastKernels kTable = exact_kernels();

}  // namespace coll::none_codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace coll::none_codec {

Status make(std::span<const SpecKey>, Isa isa, std::unique_ptr<Codec>* codec) {
  *codec = std::make_unique<CastCodec>("none", kFormat, COLL_SIMD_TABLE(isa));
  return {};
}

}  // namespace coll::none_codec
#endif
