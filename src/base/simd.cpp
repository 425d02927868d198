#include "base/simd.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace coll {
namespace {

struct NamedIsa {
  Isa isa;
  std::string_view name;
};
constexpr NamedIsa kIsas[] = {{Isa::kScalar, "scalar"},
                              {Isa::kSse4, "sse4"},
                              {Isa::kAvx2, "avx2"},
                              {Isa::kAvx512, "avx512"},
                              {Isa::kNeon, "neon"}};

#if defined(__x86_64__)
// clang's __builtin_cpu_supports does not know this one.
bool has_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

bool runs(Isa isa) {
  __builtin_cpu_init();
  const bool sse4 =
      __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sse4.2");
  const bool avx2 = sse4 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && has_f16c();
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  switch (isa) {
    case Isa::kScalar:
      return true;
    case Isa::kSse4:
      return sse4;
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
      return avx512;
    case Isa::kNeon:
      return false;
  }
  return false;
}
#elif defined(__aarch64__)
bool runs(Isa isa) { return isa == Isa::kNeon; }
#else
bool runs(Isa isa) { return isa == Isa::kScalar; }
#endif

}  // namespace

std::string_view name(Isa isa) { return kIsas[static_cast<int>(isa)].name; }

std::vector<Isa> list_isas() {
  std::vector<Isa> usable;
  for (const NamedIsa& entry : kIsas) {
    if (runs(entry.isa)) usable.push_back(entry.isa);
  }
  return usable;
}

Isa best_isa() {
  static const Isa best = list_isas().back();
  return best;
}

}  // namespace coll
