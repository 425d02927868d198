// Messages that are arrays of one element type: the users' elements themselves, and the codecs that cast.
//
// A format says where the elements of a unit lie. A unit is what one lane moves: kRuns runs of kWidth consecutive
// elements, whose codes are kRows rows of kWidth slots of kSlotBytes. Where there is one row, unit u has slots
// [u * kWidth, (u + 1) * kWidth) of the message.
#pragma once

#include <type_traits>

#include "device/elements.hpp"
#include "device/hop.hpp"

namespace coll::device {

// kRandom: elements may be rounded stochastically, as the hop says.
template <class Element, bool kRandom = false>
struct ArrayFormat {
  static constexpr bool kScaled = false;
  static constexpr int kRuns = 1;
  static constexpr int kRows = 1;
  static constexpr size_t kSlotBytes = Element::kBytes;

  struct Plain {
    explicit Plain(const DeviceHop&) {}
  };
  struct Drawing {
    bool random;
    random::Run draws;
    explicit Drawing(const DeviceHop& hop) : random(hop.random), draws(hop.draws) {}
  };
  using Layout = std::conditional_t<kRandom, Drawing, Plain>;
  template <int kWidth>
  using Raw = Words<kWidth * Element::kBytes>;

  template <int kWidth>
  COLL_HD static size_t first_element(const Layout&, size_t unit, int) {
    return unit * kWidth;
  }
  template <int kWidth>
  COLL_HD static Raw<kWidth> fetch(const Layout&, const std::byte* message, size_t unit) {
    return load_words<kWidth * Element::kBytes>(message + unit * (kWidth * Element::kBytes));
  }
  // values[i] = element i of the unit, combined with what was there unless kStart.
  template <int kWidth, bool kStart, class Op, typename Acc>
  COLL_HD static void combine(const Op& op, const Raw<kWidth>& raw, Acc* values) {
    COLL_UNROLL
    for (int i = 0; i < kWidth; ++i) {
      const Acc value = Element::from_bits(element_of<typename Element::Bits>(raw, static_cast<size_t>(i)));
      values[i] = kStart ? value : op.merge(values[i], value);
    }
  }
  template <int kWidth, typename Acc>
  COLL_HD static void emit(const Layout& layout, std::byte* message, size_t unit, const Acc* values, uint32_t) {
    Words<kWidth * Element::kBytes> words;
    COLL_UNROLL
    for (int i = 0; i < kWidth; ++i) {
      const auto value = static_cast<typename Element::Acc>(values[i]);
      set_element(&words, static_cast<size_t>(i), bits_of(layout, unit * kWidth + static_cast<size_t>(i), value));
    }
    store_words(words, message + unit * (kWidth * Element::kBytes));
  }

  COLL_HD static typename Element::Acc element(const Layout&, const std::byte* message, size_t i) {
    return Element::from_bits(load_bits<typename Element::Bits>(message + i * Element::kBytes));
  }
  COLL_HD static void emit_element(const Layout& layout, std::byte* message, size_t i, typename Element::Acc value) {
    store_bits(bits_of(layout, i, value), message + i * Element::kBytes);
  }

 private:
  COLL_HD static typename Element::Bits bits_of(const Layout& layout, size_t i, typename Element::Acc value) {
    if constexpr (kRandom) {
      if (layout.random) return Element::to_bits(value, layout.draws(i));
    }
    return Element::to_bits(value);
  }
};

}  // namespace coll::device
