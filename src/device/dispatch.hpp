// From a DeviceHop, which is known at run time, to the kernel that was compiled for it. A `Runner` runs it: on the
// device launch.cuh's, on the host a loop (tests). It has
//   operator()(const Kernel&) -> Status     and     copy(from, to, bytes) -> Status
#pragma once

#include <cstdint>

#include "device/hop.hpp"
#include "device/hop_kernel.hpp"

namespace coll::device {

inline bool aligned(const void* address, size_t bytes) {
  static_assert(kLateGrain % words_alignment(kLateGrain) == 0);  // a late address allows the widest
  return is_late(address) || reinterpret_cast<uintptr_t>(address) % words_alignment(bytes) == 0;
}

// Whether lanes may move whole words of every buffer.
template <class Kernel>
bool words_allowed(const DeviceHop& hop) {
  constexpr size_t kCodes = Kernel::kWidth * Kernel::Format::kSlotBytes;
  constexpr size_t kNative = Kernel::kWidth * Kernel::Element::kBytes;
  bool allowed = aligned(hop.own, kNative) && aligned(hop.native, kNative) && aligned(hop.also, kNative) &&
                 aligned(hop.coded, kCodes);
  if (Kernel::Format::kScaled) allowed = allowed && aligned(hop.coded, sizeof(uint32_t));
  for (const void* const message : hop.messages) allowed = allowed && aligned(message, kCodes);
  return allowed;
}

template <class Kernel, class Op, class Runner>
Status run_kernel(const DeviceHop& hop, const Op& op, const Runner& runner) {
  using Format = typename Kernel::Format;
  const size_t block = Format::kScaled ? hop.block : Kernel::kElements;
  Kernel kernel{typename Kernel::Format::Layout(hop)};
  kernel.count = hop.count;
  kernel.block = Format::kScaled ? hop.block : kGrain;
  kernel.lanes_per_block = static_cast<int>(block / Kernel::kElements);
  kernel.whole = words_allowed<Kernel>(hop) ? hop.count / block * block : 0;
  kernel.units = kernel.whole / Kernel::kElements;
  kernel.own = static_cast<const std::byte*>(hop.own);
  kernel.out = static_cast<std::byte*>(Kernel::kCoded ? hop.coded : hop.native);
  kernel.also = static_cast<std::byte*>(hop.also);
  kernel.op = op;
  kernel.divisor = hop.divisor;
  kernel.message_count = static_cast<int>(hop.messages.size());
  for (size_t j = 0; j < hop.messages.size(); ++j) {
    kernel.messages[j] = static_cast<const std::byte*>(hop.messages[j]);
  }
  return runner(kernel);
}

// Any number of messages.
template <class Format, class Element, bool kCoded, bool kProducts, class Runner>
Status run_batches(const DeviceHop& hop, const Runner& runner) {
  if (hop.op == collMax || hop.op == collMin) {
    const ExtremeOp op{hop.op == collMin};
    return run_kernel<HopKernel<Format, Element, ExtremeOp, 4, kCoded>>(hop, op, runner);
  }
  if constexpr (kProducts) {
    if (hop.op == collProd) return run_kernel<HopKernel<Format, Element, ProdOp, 4, kCoded>>(hop, ProdOp(), runner);
  }
  return run_kernel<HopKernel<Format, Element, SumOp, 4, kCoded>>(hop, SumOp(), runner);
}

// Sums have kernels for one and two messages, which are most.
template <class Format, class Element, bool kCoded, bool kProducts, class Runner>
Status run_messages(const DeviceHop& hop, const Runner& runner) {
  const size_t messages = hop.op == collSum || hop.op == collAvg ? hop.messages.size() : 0;
  if constexpr (!kCoded) {
    if (messages == 1) return run_kernel<HopKernel<Format, Element, SumOp, 1, kCoded>>(hop, SumOp(), runner);
  }
  if (messages == 2) return run_kernel<HopKernel<Format, Element, SumOp, 2, kCoded>>(hop, SumOp(), runner);
  return run_batches<Format, Element, kCoded, kProducts>(hop, runner);
}

inline Status refuse_hop(const DeviceHop& hop) {
  const bool one_result = (hop.native == nullptr) != (hop.coded == nullptr) && (!hop.also || hop.native);
  if (!one_result || (hop.own == nullptr && hop.messages.empty())) {
    return {collInternalError, "a hop on the device has contributions and one result, of which elements may go twice"};
  }
  if (hop.messages.size() > static_cast<size_t>(kMostMessages)) {
    return {collUnsupported,
            text("a hop on the device combines at most ", kMostMessages, " messages, not ", hop.messages.size())};
  }
  return {};
}

// A lossy codec's hops.
template <class Format, class Runner>
Status run_coded(const DeviceHop& hop, const Runner& runner) {
  COLL_TRY(refuse_hop(hop));
  if (!info(hop.type).is_float || hop.op == collProd) {
    return {collUnsupported,
            text("codec '", hop.codec, "' has no kernel for ", info(hop.type).name, " and ", name(hop.op))};
  }
  if (hop.messages.empty() && hop.coded != nullptr) {
    return with_float(hop.type, [&](auto type) {
      using Element = typename decltype(type)::type;
      return run_kernel<HopKernel<Format, Element, SumOp, 0, true>>(hop, SumOp(), runner);
    });
  }
  if (hop.messages.empty()) return {collInternalError, "a hop of own elements alone makes a message"};
  if (hop.native != nullptr) {
    return with_float(hop.type, [&](auto type) {
      using Element = typename decltype(type)::type;
      return run_messages<Format, Element, false, false>(hop, runner);
    });
  }
  // Messages to a message: of the type only the accumulator is left.
  if (hop.own != nullptr && hop.type != accumulator_of(hop.type)) {
    return {collUnsupported, text("own elements of ", info(hop.type).name, " become a message of their own first")};
  }
  if (hop.type == collFloat64) return run_messages<Format, Float64, true, false>(hop, runner);
  return run_messages<Format, Float32, true, false>(hop, runner);
}

// Between small floats and what they are added up in: with either as messages, the other is own elements and result.
template <class Runner>
Status run_mixed(const DeviceHop& hop, DataType messages, const Runner& runner) {
  const bool widened = hop.type == accumulator_of(messages);
  const DataType small = widened ? messages : hop.type;
  if (hop.messages.empty() || accumulator_of(small) != (widened ? hop.type : messages)) {
    return {collUnsupported, text("no kernel makes ", info(hop.type).name, " of ", info(messages).name)};
  }
  return with_float(small, [&](auto type) -> Status {
    using Small = typename decltype(type)::type;
    if constexpr (Small::kBytes < Float32::kBytes) {
      if (widened) return run_batches<ArrayFormat<Small>, Float32, false, true>(hop, runner);
      return run_batches<ArrayFormat<Float32>, Small, false, true>(hop, runner);
    }
    return {collInternalError, text(info(hop.type).name, " is its own accumulator")};
  });
}

template <class T, class Runner>
Status copy_elements(const void* from, size_t bytes, DeviceHop copy, const Runner& runner) {
  copy.type = sizeof(T) == 1 ? collUint8 : collUint32;
  copy.op = collSum;
  copy.count = bytes / sizeof(T);
  copy.own = nullptr;
  copy.messages = {&from, 1};
  return run_kernel<HopKernel<ArrayFormat<Integer<T>>, Integer<T>, SumOp, 1, false>>(copy, SumOp(), runner);
}

// A kernel moves bytes as they are where the copy engine, which is given an address from and one to, cannot.
template <class Runner>
Status run_copy(const DeviceHop& hop, const Runner& runner) {
  const void* const from = hop.own != nullptr ? hop.own : hop.messages[0];
  const size_t bytes = hop.count * size_of(hop.type);
  if (!is_late(from) && !is_late(hop.native) && !hop.also) return runner.copy(from, hop.native, bytes);
  // Bytes go 16 at a time where all is aligned; else words that lanes take one by one are faster than bytes.
  const auto all_aligned = [&](size_t to) {
    return aligned(from, to) && aligned(hop.native, to) && aligned(hop.also, to);
  };
  const bool words = !all_aligned(16) && bytes % 4 == 0 && all_aligned(4);
  return words ? copy_elements<uint32_t>(from, bytes, hop, runner) : copy_elements<uint8_t>(from, bytes, hop, runner);
}

// Hops without a codec: messages are elements of any type.
template <class Runner>
Status run_exact(const DeviceHop& hop, const Runner& runner) {
  COLL_TRY(refuse_hop(hop));
  DeviceHop elements = hop;
  if (hop.coded != nullptr) {
    elements.native = hop.coded;
    elements.coded = nullptr;
  }
  if (const DataType type = hop.message_type.value_or(hop.type); type != hop.type) {
    return run_mixed(elements, type, runner);
  }
  const bool copied = hop.own == nullptr ? hop.messages.size() == 1 : hop.messages.empty();
  if (copied && hop.divisor == 0) return run_copy(elements, runner);
  if (hop.messages.empty()) return {collInternalError, "own elements alone are not divided"};
  return with_element(hop.type, [&](auto type) {
    using Element = typename decltype(type)::type;
    return run_messages<ArrayFormat<Element>, Element, false, true>(elements, runner);
  });
}

}  // namespace coll::device
