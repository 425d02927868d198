// A grid of warps on the host: one after the other, each a loop over its lanes. It checks the kernels where there is
// no GPU, and is slow.
#pragma once

#include <array>

#include "device/walk.hpp"

namespace coll::device {

struct HostWarp {
  size_t cta, ctas, in_cta, per_cta;

  template <typename T>
  using PerLane = std::array<T, kWarp>;

  size_t index() const { return cta * per_cta + in_cta; }
  size_t count() const { return ctas * per_cta; }

  template <typename T>
  static T& at(PerLane<T>& all, int lane) {
    return all[static_cast<size_t>(lane)];
  }
  template <class F>
  void each(const F& f) const {
    for (int lane = 0; lane < kWarp; ++lane) f(lane);
  }
  template <typename T, class Get>
  void max_of_groups(PerLane<T>* all, const Get& get, int lanes) const {
    const auto group = static_cast<size_t>(lanes);
    for (size_t first = 0; first < kWarp; first += group) {
      uint32_t most = 0;
      for (size_t i = first; i < first + group; ++i) most = get((*all)[i]) > most ? get((*all)[i]) : most;
      for (size_t i = first; i < first + group; ++i) get((*all)[i]) = most;
    }
  }
};

}  // namespace coll::device
