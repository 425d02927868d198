// How warps walk over a hop: the whole of a kernel but for what lanes do together.
//
// `Warp` is one of the grid's warps: on the device 32 threads (launch.cuh), on the host a loop over 32 lanes
// (host_warp.hpp), so that tests run the same code without a GPU. It has cta, ctas, in_cta and per_cta (warps), and
//   PerLane<T>               a T for each lane
//   each(f), at(all, lane)   f(lane) for every lane, and that lane's T
//   max_of_groups(all, get, lanes)   get(T) of every lane becomes the largest in its group of neighbouring lanes
#pragma once

#include "device/hop_kernel.hpp"

namespace coll::device {

// Units: each lane has kUnroll of them in flight, lanes of a warp take neighbours.
template <int kUnroll, class Warp, class Kernel>
COLL_HD void walk_units(const Warp& warp, const Kernel& kernel, const Addresses<Kernel>& where) {
  using State = typename Kernel::template State<kUnroll>;
  const size_t rounds = (kernel.units + kWarp - 1) / kWarp;
  const size_t tile = static_cast<size_t>(kUnroll) * warp.per_cta;
  for (size_t first = warp.cta * tile + warp.in_cta; first < rounds; first += warp.ctas * tile) {
    typename Warp::template PerLane<State> states;
    const auto unit_of = [&](int u, int lane) {
      return (first + static_cast<size_t>(u) * warp.per_cta) * kWarp + static_cast<size_t>(lane);
    };
    warp.each([&](int lane) {
      size_t unit[kUnroll];
      COLL_UNROLL
      for (int u = 0; u < kUnroll; ++u) {  // beyond the end: the last again, so that no load waits for a branch
        const size_t wanted = unit_of(u, lane);
        unit[u] = wanted < kernel.units ? wanted : kernel.units - 1;
      }
      kernel.template gather<kUnroll>(where, unit, &Warp::at(states, lane));
    });
    if constexpr (Kernel::kScaled) {
      COLL_UNROLL
      for (int u = 0; u < kUnroll; ++u) {
        warp.max_of_groups(
            &states, [u](State& s) -> uint32_t& { return s.magnitude[u]; }, kernel.lanes_per_block);
      }
    }
    warp.each([&](int lane) {
      const State& state = Warp::at(states, lane);
      COLL_UNROLL
      for (int u = 0; u < kUnroll; ++u) {
        const size_t unit = unit_of(u, lane);
        if (unit < kernel.units) kernel.scatter(where, unit, state.values[u], Kernel::kScaled ? state.magnitude[u] : 0);
      }
    });
  }
}

// Blocks longer than a warp's units: a warp reads each twice, the second time from a cache.
template <class Warp, class Kernel>
COLL_HD void walk_long_blocks(const Warp& warp, const Kernel& kernel, const Addresses<Kernel>& where) {
  using State = typename Kernel::template State<1>;
  const auto lanes = static_cast<size_t>(kernel.lanes_per_block);
  const size_t blocks = kernel.units / lanes;
  for (size_t b = warp.index(); b < blocks; b += warp.count()) {
    typename Warp::template PerLane<uint32_t> largest;
    warp.each([&](int lane) {
      uint32_t magnitude = 0;
      COLL_NO_UNROLL
      for (size_t i = static_cast<size_t>(lane); i < lanes; i += kWarp) {
        State state;
        kernel.template gather<1>(where, {b * lanes + i}, &state);
        if (state.magnitude[0] > magnitude) magnitude = state.magnitude[0];
      }
      Warp::at(largest, lane) = magnitude;
    });
    warp.max_of_groups(
        &largest, [](uint32_t& one) -> uint32_t& { return one; }, kWarp);
    warp.each([&](int lane) {
      COLL_NO_UNROLL
      for (size_t i = static_cast<size_t>(lane); i < lanes; i += kWarp) {
        State state;
        kernel.template gather<1>(where, {b * lanes + i}, &state);
        kernel.scatter(where, b * lanes + i, state.values[0], Warp::at(largest, lane));
      }
    });
  }
}

// What units do not serve: a last block that is shorter, or everything, where an address is odd.
template <class Warp, class Kernel>
COLL_HD void walk_elements(const Warp& warp, const Kernel& kernel, const Addresses<Kernel>& where) {
  const size_t last = warp.count() - 1 - warp.index();  // warps with fewer units begin
  for (size_t begin = kernel.whole + last * kernel.block; begin < kernel.count; begin += warp.count() * kernel.block) {
    const size_t left = kernel.count - begin;
    const size_t m = left < kernel.block ? left : kernel.block;
    if constexpr (Kernel::kScaled) {
      typename Warp::template PerLane<uint32_t> largest;
      warp.each([&](int lane) {
        uint32_t magnitude = 0;
        COLL_NO_UNROLL
        for (size_t i = static_cast<size_t>(lane); i < m; i += kWarp) {
          const uint32_t one = Kernel::magnitude_of(kernel.value_at(where, begin + i));
          if (one > magnitude) magnitude = one;
        }
        Warp::at(largest, lane) = magnitude;
      });
      warp.max_of_groups(
          &largest, [](uint32_t& one) -> uint32_t& { return one; }, kWarp);
      warp.each([&](int lane) {
        const auto at = [&](size_t i) { return static_cast<float>(kernel.value_at(where, begin + i)); };
        Kernel::Format::emit_block(kernel.layout, where.out(), begin, m, Warp::at(largest, lane), lane, at);
      });
    } else {
      warp.each([&](int lane) {
        COLL_NO_UNROLL
        for (size_t i = static_cast<size_t>(lane); i < m; i += kWarp) {
          kernel.emit_at(where, begin + i, kernel.value_at(where, begin + i));
        }
      });
    }
  }
}

template <int kUnroll, class Warp, class Kernel>
COLL_HD void walk(const Warp& warp, const Kernel& kernel, const Addresses<Kernel>& where) {
  if (!where.is_wanted()) return;
  if constexpr (Kernel::kScaled) {
    if (kernel.lanes_per_block > kWarp) {
      walk_long_blocks(warp, kernel, where);
    } else {
      walk_units<kUnroll>(warp, kernel, where);
    }
    if (warp.index() == 0) {
      warp.each([&](int lane) { Kernel::Format::pad(kernel.layout, where.out(), lane); });
    }
  } else {
    walk_units<kUnroll>(warp, kernel, where);
  }
  walk_elements(warp, kernel, where);
}

}  // namespace coll::device
