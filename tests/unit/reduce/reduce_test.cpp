// Every type, operator and instruction set against references computed here, element by element.
#include "reduce/reduce.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/compression/test_data.hpp"

namespace coll {
namespace {

using testing::GuardedBuffer;

constexpr DataType kAllTypes[] = {collInt8,    collUint8,   collInt32,   collUint32,   collInt64,      collUint64,
                                  collFloat16, collFloat32, collFloat64, collBfloat16, collFloat8e4m3, collFloat8e5m2};
constexpr RedOp kAllOps[] = {collSum, collProd, collMax, collMin, collAvg};
constexpr size_t kCounts[] = {0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 131, 255, 300, 1000};

// One element of a type as what holds its value exactly.
float decode_small(DataType type, const std::byte* at) {
  uint16_t wide = 0;
  std::memcpy(&wide, at, size_of(type));
  switch (type) {
    case collFloat16:
      return fp16_to_float(wide);
    case collBfloat16:
      return bf16_to_float(wide);
    case collFloat8e4m3:
      return e4m3_to_float(static_cast<uint8_t>(wide));
    default:
      return e5m2_to_float(static_cast<uint8_t>(wide));
  }
}

uint16_t encode_small(DataType type, float value) {
  switch (type) {
    case collFloat16:
      return fp16_from_float(value);
    case collBfloat16:
      return bf16_from_float(value);
    case collFloat8e4m3:
      return e4m3_from_float(value);
    default:
      return e5m2_from_float(value);
  }
}

template <typename T>
T combine_reference(RedOp op, T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using Wide = uint64_t;  // modulo 2^64, so the low bits are right
    const bool take_a = op == collMax ? a > b : a < b;
    if (op == collMax || op == collMin) return take_a ? a : b;
    const auto x = static_cast<Wide>(a), y = static_cast<Wide>(b);
    return static_cast<T>(op == collProd ? x * y : x + y);
  } else {
    if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
    if (op == collMax || op == collMin) {
      const bool min = op == collMin;
      if (a == 0 && b == 0)
        return (min ? std::signbit(a) || std::signbit(b) : std::signbit(a) && std::signbit(b)) ? -T{0} : T{0};
      return (a < b) == min ? a : b;
    }
    const double exact = op == collProd ? double{a} * double{b} : double{a} + double{b};
    return std::isnan(exact) ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(exact);
  }
}

template <typename T>
void combine_reference(RedOp op, const std::byte* a, const std::byte* b, std::byte* out) {
  T x, y;
  std::memcpy(&x, a, sizeof(T));
  std::memcpy(&y, b, sizeof(T));
  const T value = combine_reference(op, x, y);
  std::memcpy(out, &value, sizeof(T));
}

void combine_reference(DataType accumulator, RedOp op, const std::byte* a, const std::byte* b, std::byte* out) {
  switch (accumulator) {
    case collInt8:
      return combine_reference<int8_t>(op, a, b, out);
    case collUint8:
      return combine_reference<uint8_t>(op, a, b, out);
    case collInt32:
      return combine_reference<int32_t>(op, a, b, out);
    case collUint32:
      return combine_reference<uint32_t>(op, a, b, out);
    case collInt64:
      return combine_reference<int64_t>(op, a, b, out);
    case collUint64:
      return combine_reference<uint64_t>(op, a, b, out);
    case collFloat64:
      return combine_reference<double>(op, a, b, out);
    default:
      return combine_reference<float>(op, a, b, out);
  }
}

// Random elements with many extremes: all-zero and all-one bytes, and hard floats where the type has the room.
std::vector<std::byte> random_elements(DataType type, size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count * size_of(type));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (size_t i = 0; i < count; ++i) {
    std::byte* const at = bytes.data() + i * size_of(type);
    const float hard = testing::kHardFloats[random() % std::size(testing::kHardFloats)];
    const double wide = hard;
    switch (random() % 6) {
      case 0:
        if (type == collFloat64) std::memcpy(at, &wide, sizeof wide);
        if (type == collFloat32) std::memcpy(at, &hard, sizeof hard);
        break;
      case 1:
        std::memset(at, random() % 2 != 0 ? 0 : 0xff, size_of(type));
        break;
      case 2:  // sign bit alone: -0 or the smallest integer
        std::memset(at, 0, size_of(type));
        at[size_of(type) - 1] = std::byte{0x80};
        break;
      default:
        break;
    }
  }
  return bytes;
}

// The accumulators of native elements, by reference.
std::vector<std::byte> load_reference(DataType type, const std::vector<std::byte>& native, size_t count) {
  if (accumulator_of(type) == type) return native;
  std::vector<std::byte> floats(count * sizeof(float));
  for (size_t i = 0; i < count; ++i) {
    const float value = decode_small(type, native.data() + i * size_of(type));
    std::memcpy(floats.data() + i * sizeof value, &value, sizeof value);
  }
  return floats;
}

void fill(GuardedBuffer& buffer, const std::vector<std::byte>& bytes) {
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
}

std::vector<std::byte> contents(GuardedBuffer& buffer) {
  EXPECT_TRUE(buffer.guards_intact());
  return {buffer.bytes().begin(), buffer.bytes().end()};
}

struct Case {
  Isa isa;
  DataType type;
};

class Reduce : public ::testing::TestWithParam<Case> {
 protected:
  DataType type() const { return GetParam().type; }
  Isa isa() const { return GetParam().isa; }
  size_t accumulator_bytes(size_t count) const { return count * size_of(accumulator_of(type())); }
};

TEST_P(Reduce, LoadConverts) {
  for (const size_t count : kCounts) {
    const auto native = random_elements(type(), count, 1);
    GuardedBuffer from(native.size(), 1), to(accumulator_bytes(count), 3);
    fill(from, native);
    reduce::load(type(), from.data(), to.data(), count, isa());
    ASSERT_EQ(contents(to), load_reference(type(), native, count)) << count;
  }
}

TEST_P(Reduce, CombineIsTheOperator) {
  const DataType accumulator = accumulator_of(type());
  for (const RedOp op : kAllOps) {
    for (const size_t count : kCounts) {
      const auto a = random_elements(accumulator, count, 2), b = random_elements(accumulator, count, 3);
      std::vector<std::byte> expected(a.size());
      for (size_t i = 0; i < a.size(); i += size_of(accumulator)) {
        combine_reference(accumulator, op, a.data() + i, b.data() + i, expected.data() + i);
      }
      GuardedBuffer left(a.size(), 1), right(b.size(), 2), out(a.size(), 5);
      fill(left, a);
      fill(right, b);
      reduce::combine(type(), op, left.data(), right.data(), out.data(), count, isa());
      ASSERT_EQ(contents(out), expected) << name(op) << " " << count;
      reduce::combine(type(), op, left.data(), right.data(), left.data(), count, isa());
      ASSERT_EQ(contents(left), expected) << name(op) << " in place " << count;
    }
  }
}

TEST_P(Reduce, CombineNativeIsLoadAndCombine) {
  const DataType accumulator = accumulator_of(type());
  for (const RedOp op : kAllOps) {
    for (const size_t count : kCounts) {
      const auto native = random_elements(type(), count, 4), before = random_elements(accumulator, count, 5);
      const auto loaded = load_reference(type(), native, count);
      std::vector<std::byte> expected(before.size());
      for (size_t i = 0; i < before.size(); i += size_of(accumulator)) {
        combine_reference(accumulator, op, before.data() + i, loaded.data() + i, expected.data() + i);
      }
      GuardedBuffer from(native.size(), 1), accumulators(before.size(), 2);
      fill(from, native);
      fill(accumulators, before);
      reduce::combine_native(type(), op, from.data(), accumulators.data(), count, isa());
      ASSERT_EQ(contents(accumulators), expected) << name(op) << " " << count;
    }
  }
}

template <typename T>
void divide_reference(std::byte* at, int nranks) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  if constexpr (std::is_integral_v<T>) {
    using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
    value = static_cast<T>(static_cast<Wide>(value) / static_cast<Wide>(nranks));
  } else {
    value = std::isnan(value) ? std::numeric_limits<T>::quiet_NaN()
                              : static_cast<T>(static_cast<long double>(value) / nranks);
  }
  std::memcpy(at, &value, sizeof(T));
}

void divide_reference(DataType accumulator, std::byte* at, int nranks) {
  switch (accumulator) {
    case collInt8:
      return divide_reference<int8_t>(at, nranks);
    case collUint8:
      return divide_reference<uint8_t>(at, nranks);
    case collInt32:
      return divide_reference<int32_t>(at, nranks);
    case collUint32:
      return divide_reference<uint32_t>(at, nranks);
    case collInt64:
      return divide_reference<int64_t>(at, nranks);
    case collUint64:
      return divide_reference<uint64_t>(at, nranks);
    case collFloat64: {
      double value;
      std::memcpy(&value, at, sizeof value);
      value = std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value / nranks;
      std::memcpy(at, &value, sizeof value);
      return;
    }
    default:
      return divide_reference<float>(at, nranks);
  }
}

TEST_P(Reduce, FinishDividesAverages) {
  const DataType accumulator = accumulator_of(type());
  for (const int nranks : {1, 2, 3, 7, 64, 100, 1000}) {
    const auto sums = random_elements(accumulator, 300, 6);
    auto expected = sums;
    for (size_t i = 0; i < sums.size(); i += size_of(accumulator)) {
      divide_reference(accumulator, expected.data() + i, nranks);
    }
    GuardedBuffer buffer(sums.size(), 1);
    fill(buffer, sums);
    reduce::finish(type(), collSum, nranks, buffer.data(), 300, isa());
    ASSERT_EQ(contents(buffer), sums) << "only averages are divided";
    reduce::finish(type(), collAvg, nranks, buffer.data(), 300, isa());
    ASSERT_EQ(contents(buffer), expected) << nranks;
  }
}

TEST_P(Reduce, StoreRoundsAndMakesNanCanonical) {
  const DataType accumulator = accumulator_of(type());
  for (const size_t count : kCounts) {
    const auto values = random_elements(accumulator, count, 7);
    std::vector<std::byte> expected(count * size_of(type()));
    for (size_t i = 0; i < count; ++i) {
      std::byte* const to = expected.data() + i * size_of(type());
      const std::byte* const from = values.data() + i * size_of(accumulator);
      if (accumulator != type()) {
        float value;
        std::memcpy(&value, from, sizeof value);
        const uint16_t code = encode_small(type(), value);
        std::memcpy(to, &code, size_of(type()));
      } else if (info(type()).is_float) {
        std::memcpy(to, from, size_of(type()));
        divide_reference(type(), to, 1);
      } else {
        std::memcpy(to, from, size_of(type()));
      }
    }
    GuardedBuffer from(values.size(), 1), to(expected.size(), 3);
    fill(from, values);
    reduce::store(type(), from.data(), to.data(), count, isa());
    ASSERT_EQ(contents(to), expected) << count;
  }
}

TEST_P(Reduce, StoreAndLoadKeepEveryCode) {
  if (size_of(type()) > 2 || !info(type()).is_float) return;  // the small floats can be tried out in full
  const size_t count = size_t{1} << (8 * size_of(type()));
  std::vector<std::byte> codes(count * size_of(type()));
  for (size_t i = 0; i < count; ++i) std::memcpy(codes.data() + i * size_of(type()), &i, size_of(type()));
  std::vector<float> values(count);
  std::vector<std::byte> back(codes.size());
  reduce::load(type(), codes.data(), values.data(), count, isa());
  reduce::store(type(), values.data(), back.data(), count, isa());
  for (size_t i = 0; i < count; ++i) {
    const float value = decode_small(type(), codes.data() + i * size_of(type()));
    uint16_t code = 0;
    std::memcpy(&code, back.data() + i * size_of(type()), size_of(type()));
    ASSERT_EQ(float_bits(values[i]), float_bits(value)) << i;
    ASSERT_EQ(code, std::isnan(value) ? encode_small(type(), value) : i) << i;
  }
}

TEST_P(Reduce, StoreRoundsTies) {
  if (accumulator_of(type()) == type()) return;
  std::mt19937 random(8);
  std::vector<float> values;
  for (int i = 0; i < 200000; ++i) {  // few mantissa bits, so that many are ties, at every exponent
    values.push_back(bits_float(random() & (0xff800000u | 0x7fffffu << (random() % 23))));
  }
  std::vector<std::byte> codes(values.size() * size_of(type()));
  reduce::store(type(), values.data(), codes.data(), values.size(), isa());
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t code = 0;
    std::memcpy(&code, codes.data() + i * size_of(type()), size_of(type()));
    ASSERT_EQ(code, encode_small(type(), values[i])) << std::hexfloat << values[i];
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Isa isa : list_isas()) {
    for (const DataType type : kAllTypes) all.push_back({isa, type});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Every, Reduce, ::testing::ValuesIn(cases()), [](const auto& test) {
  return std::string(name(test.param.isa)) + "_" + std::string(coll::info(test.param.type).name);
});

}  // namespace
}  // namespace coll
