// Settings of Highway for every SIMD source; include this before <hwy/foreach_target.h>.
//
// Highway is used through its headers alone: its own dispatch would need libhwy, so each source exposes one `kTable`
// per target namespace and picks it by Isa with COLL_SIMD_TABLE.
#pragma once

#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_WASM | HWY_WASM_EMU256)
#define HWY_BROKEN_EMU128 1     // the portable target is one lane at a time with every compiler
#define HWY_DISABLE_PCLMUL_AES  // not needed, so machines without them keep their vectors
#define HWY_IS_DEBUG_BUILD 0    // Highway's assertions call into libhwy

#include <hwy/detect_targets.h>

#include "base/simd.hpp"

#if HWY_ARCH_X86
#define COLL_SIMD_TABLE(isa)                      \
  ((isa) == ::coll::Isa::kAvx512 ? N_AVX3::kTable \
   : (isa) == ::coll::Isa::kAvx2 ? N_AVX2::kTable \
   : (isa) == ::coll::Isa::kSse4 ? N_SSE4::kTable \
                                 : N_SCALAR::kTable)
#elif HWY_ARCH_ARM_A64
#define COLL_SIMD_TABLE(isa) (static_cast<void>(isa), N_NEON::kTable)
#else
#define COLL_SIMD_TABLE(isa) (static_cast<void>(isa), N_SCALAR::kTable)
#endif
