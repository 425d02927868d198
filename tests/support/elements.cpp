#include "tests/support/elements.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/float.hpp"

namespace coll::test {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct SmallFormat {
  int exponent_bits;
  int mantissa_bits;
  bool has_infinity;
};

constexpr SmallFormat format_of(DataType type) {
  switch (type) {
    case collFloat16:
      return {5, 10, true};
    case collBfloat16:
      return {8, 7, true};
    case collFloat8e4m3:
      return {4, 3, false};
    default:
      return {5, 2, true};
  }
}

double decode(const SmallFormat& format, unsigned code) {
  const unsigned exponents = 1u << format.exponent_bits;
  const unsigned mantissas = 1u << format.mantissa_bits;
  const unsigned mantissa = code % mantissas;
  const unsigned exponent = code / mantissas % exponents;
  const double sign = code / mantissas / exponents != 0 ? -1 : 1;
  const int bias = static_cast<int>(exponents / 2) - 1;
  if (format.has_infinity && exponent == exponents - 1) return mantissa == 0 ? sign * kInfinity : kNan;
  if (!format.has_infinity && code % (exponents * mantissas) == exponents * mantissas - 1) return kNan;
  const int scale = static_cast<int>(exponent == 0 ? 1 : exponent) - bias - format.mantissa_bits;
  return sign * std::ldexp(mantissa + (exponent == 0 ? 0 : mantissas), scale);
}

std::vector<double> table_of(DataType type) {
  std::vector<double> values(size_t{1} << (8 * size_of(type)));
  for (size_t code = 0; code < values.size(); ++code)
    values[code] = decode(format_of(type), static_cast<unsigned>(code));
  return values;
}

const std::vector<double>& table(DataType type) {
  static const std::array<std::vector<double>, 4> tables = {table_of(collFloat16), table_of(collBfloat16),
                                                            table_of(collFloat8e4m3), table_of(collFloat8e5m2)};
  return tables[type == collFloat16 ? 0 : type == collBfloat16 ? 1 : type == collFloat8e4m3 ? 2 : 3];
}

template <typename T, typename Out>
std::vector<Out> widened(const std::byte* elements, size_t count) {
  std::vector<Out> values(count);
  for (size_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, elements + i * sizeof(T), sizeof(T));
    values[i] = static_cast<Out>(element);
  }
  return values;
}

template <typename T>
std::vector<double> looked_up(const std::vector<double>& values, const std::byte* elements, size_t count) {
  std::vector<double> numbers(count);
  for (size_t i = 0; i < count; ++i) {
    T code;
    std::memcpy(&code, elements + i * sizeof(T), sizeof(T));
    numbers[i] = values[code];
  }
  return numbers;
}

template <typename T, typename In, typename Convert>
Bytes narrowed(const std::vector<In>& numbers, const Convert& convert) {
  Bytes elements(numbers.size() * sizeof(T));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const T element = convert(numbers[i]);
    std::memcpy(elements.data() + i * sizeof(T), &element, sizeof(T));
  }
  return elements;
}

// splitmix64 of the element's place.
uint64_t noise(int rank, size_t i) {
  uint64_t z = (static_cast<uint64_t>(rank) << 40) + i + 1;
  z *= 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double number(Pattern pattern, int rank, size_t i) {
  const double unit = static_cast<double>(noise(rank, i) >> 11) * 0x1p-53;  // [0, 1)
  if (pattern.near_one) return 0.75 + unit / 2;
  constexpr double kScales[] = {1, 0.125, 4, 0.5, 2, 0.25};
  return (2 * unit - 1) * kScales[i / 100 % std::size(kScales)];
}

void put_specials(DataType type, int rank, int nranks, std::vector<double>* numbers) {
  const bool first = rank == 0;
  const bool last = rank == nranks - 1;
  const double smallest = float_facts(type).smallest;
  const double infinity = float_facts(type).has_infinity ? kInfinity : kNan;
  auto& x = *numbers;
  if (first) x[3] = kNan;
  if (last) x[300] = infinity;
  if (first) x[301] = -infinity;
  if (first) x[600] = infinity;
  if (last) x[600] = -infinity;
  for (size_t i = 900; i < 1000; ++i) x[i] = i % 2 == 0 ? -0.0 : (rank % 2 == 0 ? 0.0 : -0.0);
  for (size_t i = 1100; i < kSpecialsCount; ++i) {  // subnormal in the type, also what they add up to, mostly
    x[i] = smallest * static_cast<double>(noise(rank, i) % 4) * (noise(rank, i) & 8 ? 1 : -1);
  }
}

}  // namespace

const FloatFacts& float_facts(DataType type) {
  static const FloatFacts half{0x1p-11, 0x1p-24, 65504, true};
  static const FloatFacts bfloat{0x1p-8, 0x1p-133, 0x1.fep127, true};
  static const FloatFacts e4m3{0x1p-4, 0x1p-9, 448, false};
  static const FloatFacts e5m2{0x1p-3, 0x1p-16, 57344, true};
  static const FloatFacts single{0x1p-24, 0x1p-149, std::numeric_limits<float>::max(), true};
  static const FloatFacts twofold{0x1p-53, 0x1p-1074, std::numeric_limits<double>::max(), true};
  switch (type) {
    case collFloat16:
      return half;
    case collBfloat16:
      return bfloat;
    case collFloat8e4m3:
      return e4m3;
    case collFloat8e5m2:
      return e5m2;
    case collFloat64:
      return twofold;
    default:
      return single;
  }
}

std::vector<double> to_doubles(DataType type, const std::byte* elements, size_t count) {
  if (type == collFloat32) return widened<float, double>(elements, count);
  if (type == collFloat64) return widened<double, double>(elements, count);
  if (size_of(type) == 2) return looked_up<uint16_t>(table(type), elements, count);
  return looked_up<uint8_t>(table(type), elements, count);
}

Bytes from_doubles(DataType type, const std::vector<double>& numbers) {
  const auto to_float = [](double x) { return static_cast<float>(x); };
  switch (type) {
    case collFloat64:
      return narrowed<double>(numbers, [](double x) { return x; });
    case collFloat16:
      return narrowed<uint16_t>(numbers, [&](double x) { return fp16_from_float(to_float(x)); });
    case collBfloat16:
      return narrowed<uint16_t>(numbers, [&](double x) { return bf16_from_float(to_float(x)); });
    case collFloat8e4m3:
      return narrowed<uint8_t>(numbers, [&](double x) { return e4m3_from_float(to_float(x)); });
    case collFloat8e5m2:
      return narrowed<uint8_t>(numbers, [&](double x) { return e5m2_from_float(to_float(x)); });
    default:
      return narrowed<float>(numbers, to_float);
  }
}

std::vector<int64_t> to_integers(DataType type, const std::byte* elements, size_t count) {
  switch (type) {
    case collInt8:
      return widened<int8_t, int64_t>(elements, count);
    case collUint8:
      return widened<uint8_t, int64_t>(elements, count);
    case collInt32:
      return widened<int32_t, int64_t>(elements, count);
    case collUint32:
      return widened<uint32_t, int64_t>(elements, count);
    default:
      return widened<int64_t, int64_t>(elements, count);
  }
}

Bytes from_integers(DataType type, const std::vector<int64_t>& numbers) {
  switch (size_of(type)) {
    case 1:
      return narrowed<uint8_t>(numbers, [](int64_t x) { return static_cast<uint8_t>(x); });
    case 4:
      return narrowed<uint32_t>(numbers, [](int64_t x) { return static_cast<uint32_t>(x); });
    default:
      return narrowed<int64_t>(numbers, [](int64_t x) { return x; });
  }
}

Bytes make_input(DataType type, Pattern pattern, size_t count, int rank, int nranks) {
  if (!info(type).is_float) {
    std::vector<int64_t> numbers(count);
    for (size_t i = 0; i < count; ++i) numbers[i] = static_cast<int64_t>(noise(rank, i));
    return from_integers(type, numbers);
  }
  std::vector<double> numbers(count);
  for (size_t i = 0; i < count; ++i) numbers[i] = number(pattern, rank, i);
  if (pattern.specials && count >= kSpecialsCount) put_specials(type, rank, nranks, &numbers);
  return from_doubles(type, numbers);
}

}  // namespace coll::test
