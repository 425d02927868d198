// One hop of a collective as a kernel: what one lane does. The user's elements and k messages are combined in order
// in registers, and become elements or a message: encode, decode, decode_reduce<k>, decode_reduce_encode<k> and
// reduce<k> are this one template. walk.hpp says which lane does what.
#pragma once

#include <type_traits>

#include "device/array_format.hpp"
#include "device/late.hpp"
#include "device/operators.hpp"

namespace coll::device {

inline constexpr int kWarp = 32;
inline constexpr int kMostMessages = 256;  // of one hop: their addresses are a kernel's parameters
inline constexpr size_t kGrain = 256;      // elements without blocks that a warp takes at once, one per lane

// Elements of the wider side fill 16 bytes, so that the accesses of a warp are as wide as they can be and touch
// neighbouring bytes. Coded on both sides a code is what counts.
constexpr int width_of(size_t element_bytes) { return element_bytes >= 4 ? 4 : static_cast<int>(16 / element_bytes); }
constexpr size_t wider(size_t a, size_t b) { return a > b ? a : b; }

// The addresses of a hop that runs, in a table that a block of threads shares. Hops without late ones have it too: that
// takes fewer registers than telling them apart, and no more than having addresses from a kernel's parameters.
template <class Kernel>
class Addresses {
 public:
  COLL_HD explicit Addresses(const uint64_t* table) : table_(table) {}
  COLL_HD const std::byte* own() const { return entry(0); }
  // NULL: whoever told the late address wants nothing there.
  COLL_HD bool is_wanted() const { return table_[1] != 0; }
  COLL_HD std::byte* out() const { return entry(1); }
  COLL_HD bool is_wanted_twice() const { return table_[2] != 0; }
  COLL_HD std::byte* also() const { return entry(2); }
  COLL_HD const std::byte* message(int j) const { return entry(kMessages + j); }

  COLL_HD static size_t table_size(const Kernel& kernel) {
    return kMessages + static_cast<size_t>(kernel.message_count);
  }
  // One thread's share of filling the table: every `step`th address from `first` on.
  COLL_HD static void fill(const Kernel& kernel, size_t first, size_t step, uint64_t* table) {
    for (size_t i = first; i < table_size(kernel); i += step) table[i] = resolve(address(kernel, i));
  }

 private:
  static constexpr int kMessages = 3;  // the first of them
  COLL_HD static const std::byte* address(const Kernel& kernel, size_t i) {
    if (i >= kMessages) return kernel.messages[i - kMessages];
    return i == 0 ? kernel.own : i == 1 ? kernel.out : kernel.also;
  }
  COLL_HD std::byte* entry(int i) const { return global(reinterpret_cast<std::byte*>(table_[i])); }
  const uint64_t* table_;
};

// kBatch: messages that are loaded before the first is combined; 1 and 2 are exact counts, 4 serves any, 0 is a hop
// without messages. kCoded: the result is a message.
template <class FormatT, class ElementT, class Op, int kBatchT, bool kCodedT>
struct HopKernel {
  using Format = FormatT;
  using Element = ElementT;
  using Acc = typename Element::Acc;
  static constexpr int kBatch = kBatchT;
  static constexpr bool kCoded = kCodedT;
  static constexpr bool kScaled = kCoded && Format::kScaled;  // lanes have to agree on a block's scale
  static constexpr bool kRecodes = kBatch > 0 && kCoded;
  static constexpr int kWidest = 32 / Format::kRuns;  // a unit lies within a block, and the shortest have 32 elements
  static constexpr int kWanted = width_of(kRecodes ? Format::kSlotBytes : wider(Format::kSlotBytes, Element::kBytes));
  // Half of it where sums of float64 are encoded again, which would not fit a lane's registers.
  static constexpr int kWidth = (kWanted < kWidest ? kWanted : kWidest) / (kRecodes && sizeof(Acc) == 8 ? 2 : 1);
  static constexpr int kElements = kWidth * Format::kRuns;  // of a unit

  typename Format::Layout layout;
  size_t count = 0;
  size_t block = 0;         // elements that share a scale; kGrain where none do
  size_t units = 0;         // what whole units serve; 0 where an address does not allow them
  size_t whole = 0;         // elements in them
  int lanes_per_block = 1;  // units of a block
  const std::byte* own = nullptr;
  std::byte* out = nullptr;
  std::byte* also = nullptr;  // NULL where the result is a message
  Op op{};
  int divisor = 0;  // of an average; 0: none
  int message_count = 0;
  const std::byte* messages[kBatch <= 2 ? (kBatch < 1 ? 1 : kBatch) : kMostMessages] = {};

  using Where = Addresses<HopKernel>;

  // kUnroll units that a lane has in flight.
  template <int kUnroll>
  struct State {
    Acc values[kUnroll][kElements];
    uint32_t magnitude[kUnroll];
  };

  // ---- Whole units

  template <int kUnroll>
  COLL_HD void gather(const Where& where, const size_t (&unit)[kUnroll], State<kUnroll>* state) const {
    bool started = false;
    if (kBatch == 0 || own != nullptr) {
      load_own(where, unit, state);
      started = true;
    }
    if constexpr (kBatch == 1 || kBatch == 2) {
      take(where, unit, 0, started, state);
    } else if constexpr (kBatch > 2) {
      COLL_NO_UNROLL
      for (int first = 0; first < message_count; first += kBatch) {
        take(where, unit, first, started, state);
        started = true;
      }
    }
    finish(state);
  }

  COLL_HD void scatter(const Where& where, size_t unit, const Acc* values, uint32_t magnitude) const {
    if constexpr (kCoded) {
      Format::template emit<kWidth>(layout, where.out(), unit, values, magnitude);
    } else {
      std::byte* const to = where.out();
      std::byte* const also_to = where.also();
      COLL_UNROLL
      for (int run = 0; run < Format::kRuns; ++run) {
        Words<kWidth * Element::kBytes> words;
        COLL_UNROLL
        for (int i = 0; i < kWidth; ++i) {
          set_element(&words, static_cast<size_t>(i), Element::to_bits(values[run * kWidth + i]));
        }
        const size_t at = Format::template first_element<kWidth>(layout, unit, run) * Element::kBytes;
        store_words(words, to + at);
        if (where.is_wanted_twice()) store_words(words, also_to + at);
      }
    }
  }

  // ---- One element after the other

  COLL_HD Acc value_at(const Where& where, size_t i) const {
    Acc value{};
    bool started = false;
    if (kBatch == 0 || own != nullptr) {
      value = Element::from_bits(load_bits<typename Element::Bits>(where.own() + i * Element::kBytes));
      started = true;
    }
    COLL_NO_UNROLL
    for (int j = 0; kBatch > 0 && j < message_count; ++j) {
      const Acc next = Format::element(layout, where.message(j), i);
      value = started ? op.merge(value, next) : next;
      started = true;
    }
    return kBatch > 0 && divisor != 0 ? divide(value, divisor) : value;
  }

  COLL_HD void emit_at(const Where& where, size_t i, Acc value) const {
    if constexpr (!kCoded) {
      store_bits(Element::to_bits(value), where.out() + i * Element::kBytes);
      if (where.is_wanted_twice()) store_bits(Element::to_bits(value), where.also() + i * Element::kBytes);
    } else if constexpr (!Format::kScaled) {
      Format::emit_element(layout, where.out(), i, value);
    }
  }

  COLL_HD static uint32_t magnitude_of(Acc value) { return float_bits(static_cast<float>(value)) & kAbsMask32; }

 private:
  template <int kUnroll>
  COLL_HD void load_own(const Where& where, const size_t (&unit)[kUnroll], State<kUnroll>* state) const {
    Words<kWidth * Element::kBytes> words[kUnroll][Format::kRuns];
    const std::byte* const own_data = where.own();
    COLL_UNROLL
    for (int u = 0; u < kUnroll; ++u) {
      COLL_UNROLL
      for (int run = 0; run < Format::kRuns; ++run) {
        const size_t first = Format::template first_element<kWidth>(layout, unit[u], run);
        words[u][run] = load_words<kWidth * Element::kBytes>(own_data + first * Element::kBytes);
      }
    }
    COLL_UNROLL
    for (int u = 0; u < kUnroll; ++u) {
      COLL_UNROLL
      for (int i = 0; i < kElements; ++i) {
        const auto bits = element_of<typename Element::Bits>(words[u][i / kWidth], static_cast<size_t>(i % kWidth));
        state->values[u][i] = Element::from_bits(bits);
      }
    }
  }

  // All loads of the batch are under way before the first is used.
  template <int kUnroll>
  COLL_HD void take(const Where& where, const size_t (&unit)[kUnroll], int first, bool started,
                    State<kUnroll>* state) const {
    typename Format::template Raw<kWidth> raw[kUnroll][kBatch];
    COLL_UNROLL
    for (int j = 0; j < kBatch; ++j) {
      if (kBatch <= 2 || first + j < message_count) {
        const std::byte* const message = where.message(first + j);
        COLL_UNROLL
        for (int u = 0; u < kUnroll; ++u) {
          raw[u][j] = Format::template fetch<kWidth>(layout, message, unit[u]);
        }
      }
    }
    COLL_UNROLL
    for (int j = 0; j < kBatch; ++j) {
      if (kBatch <= 2 || first + j < message_count) {
        COLL_UNROLL
        for (int u = 0; u < kUnroll; ++u) {
          if (j > 0 || started) {
            Format::template combine<kWidth, false>(op, raw[u][j], state->values[u]);
          } else {
            Format::template combine<kWidth, true>(op, raw[u][j], state->values[u]);
          }
        }
      }
    }
  }

  template <int kUnroll>
  COLL_HD void finish(State<kUnroll>* state) const {
    if (kBatch > 0 && divisor != 0) {
      COLL_UNROLL
      for (int u = 0; u < kUnroll; ++u) {
        COLL_UNROLL
        for (int i = 0; i < kElements; ++i) state->values[u][i] = divide(state->values[u][i], divisor);
      }
    }
    if constexpr (kScaled) {
      COLL_UNROLL
      for (int u = 0; u < kUnroll; ++u) {
        state->magnitude[u] = 0;
        COLL_UNROLL
        for (int i = 0; i < kElements; ++i) {
          state->magnitude[u] = larger_magnitude(state->magnitude[u], static_cast<float>(state->values[u][i]));
        }
      }
    }
  }
};

}  // namespace coll::device
