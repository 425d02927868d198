#include "compute.hpp"

#include <algorithm>
#include <chrono>

namespace coll::perf {
namespace {

double measure_round_us() {
  using Clock = std::chrono::steady_clock;
  constexpr size_t kRounds = 200000;
  constexpr int kTries = 20;
  double best_us = 1e9;
  volatile double sink = 0;
  for (int i = 0; i < kTries; ++i) {
    const auto start = Clock::now();
    sink = sink + compute(kRounds);
    const std::chrono::duration<double, std::micro> spent = Clock::now() - start;
    best_us = std::min(best_us, spent.count());
  }
  return best_us / static_cast<double>(kRounds);
}

}  // namespace

double compute(size_t rounds) {
  double a = 1, b = 2, c = 3, d = 4;
  for (size_t i = 0; i < rounds; ++i) {
    a = a * 0.999 + 0.5;
    b = b * 0.998 + 0.5;
    c = c * 0.997 + 0.5;
    d = d * 0.996 + 0.5;
  }
  return a + b + c + d;
}

size_t rounds_for(double us) {
  static const double round_us = measure_round_us();
  return std::max<size_t>(1, static_cast<size_t>(us / round_us));
}

}  // namespace coll::perf
