#include "numbers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace coll::perf {
namespace {

constexpr double kFloatRoundoff = 0x1p-24;
constexpr double kDoubleRoundoff = 0x1p-53;

constexpr std::array<TypeFacts, collNumTypes> kTypes = {{
    {collInt8, "int8", "char", 1, false, 0, 1, 0, 0},
    {collUint8, "uint8", "uchar", 1, false, 0, 1, 0, 0},
    {collInt32, "int32", "int", 4, false, 0, 1, 0, 0},
    {collUint32, "uint32", "uint", 4, false, 0, 1, 0, 0},
    {collInt64, "int64", "long", 8, false, 0, 1, 0, 0},
    {collUint64, "uint64", "ulong", 8, false, 0, 1, 0, 0},
    {collFloat16, "half", "float16", 2, true, 0x1p-11, 0x1p-24, 65504.0, kFloatRoundoff},
    {collFloat32, "float", "float32", 4, true, kFloatRoundoff, 0x1p-149, 0x1.fffffep127, kFloatRoundoff},
    {collFloat64, "double", "float64", 8, true, kDoubleRoundoff, 0x1p-1074, 0x1.fffffffffffffp1023, kDoubleRoundoff},
    {collBfloat16, "bfloat16", "bf16", 2, true, 0x1p-8, 0x1p-133, 0x1.fep127, kFloatRoundoff},
    {collFloat8e4m3, "fp8_e4m3", "f8e4m3", 1, true, 0x1p-4, 0x1p-9, 448.0, kFloatRoundoff},
    {collFloat8e5m2, "fp8_e5m2", "f8e5m2", 1, true, 0x1p-3, 0x1p-16, 57344.0, kFloatRoundoff},
}};
constexpr std::array<std::string_view, collNumOps> kOps = {"sum", "prod", "max", "min", "avg"};

// A float format below 32 bits: sign, exponent, mantissa from the top.
struct SmallFloat {
  int bits, exponent_bits, mantissa_bits;
  bool has_infinity;
  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
};

SmallFloat small_float(collDataType_t type) {
  switch (type) {
    case collFloat16:
      return {16, 5, 10, true};
    case collBfloat16:
      return {16, 8, 7, true};
    case collFloat8e4m3:
      return {8, 4, 3, false};
    default:
      return {8, 5, 2, true};
  }
}

double decode(const SmallFloat& format, uint32_t word) {
  const uint32_t mantissa = word & ((1u << format.mantissa_bits) - 1);
  const uint32_t top = (1u << format.exponent_bits) - 1;
  const uint32_t exponent = (word >> format.mantissa_bits) & top;
  const double sign = (word >> (format.bits - 1)) != 0 ? -1.0 : 1.0;
  const bool all_ones = mantissa == (1u << format.mantissa_bits) - 1;
  if (exponent == top && (format.has_infinity ? mantissa != 0 : all_ones)) return std::nan("");
  if (exponent == top && format.has_infinity) return sign * std::numeric_limits<double>::infinity();
  const int first = 1 - format.bias() - format.mantissa_bits;  // exponent of the lowest subnormal bit
  if (exponent == 0) return sign * std::ldexp(mantissa, first);
  return sign * std::ldexp(mantissa + (1u << format.mantissa_bits), first + static_cast<int>(exponent) - 1);
}

// Finite values within the format's range.
uint32_t encode(const SmallFloat& format, double value) {
  const uint32_t sign = std::signbit(value) ? 1u << (format.bits - 1) : 0;
  const int lowest = 1 - format.bias();
  const double magnitude = std::fabs(value);
  const int exponent = magnitude == 0 ? lowest : std::max(std::ilogb(magnitude), lowest);
  // In units of the last place; a carry out of the mantissa steps into the next exponent by itself.
  const auto units = static_cast<uint32_t>(std::nearbyint(std::ldexp(magnitude, format.mantissa_bits - exponent)));
  return sign | ((static_cast<uint32_t>(exponent - lowest) << format.mantissa_bits) + units);
}

template <typename T>
void load_as_doubles(const std::byte* bytes, std::span<double> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    T element;
    std::memcpy(&element, bytes + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(element);
  }
}

// Every value of a 16- or 8-bit format, decoded once.
const std::vector<double>& decoded_values(collDataType_t type) {
  thread_local std::array<std::vector<double>, collNumTypes> tables;
  auto& table = tables[type];
  if (table.empty()) {
    const SmallFloat format = small_float(type);
    table.resize(size_t{1} << format.bits);
    for (uint32_t word = 0; word < table.size(); ++word) table[word] = decode(format, word);
  }
  return table;
}

}  // namespace

std::span<const TypeFacts> all_types() { return kTypes; }
const TypeFacts& facts(collDataType_t type) { return kTypes[type]; }

std::optional<collDataType_t> type_named(std::string_view name) {
  for (const auto& type : kTypes) {
    if (name == type.name || name == type.alias) return type.type;
  }
  return std::nullopt;
}

std::span<const std::string_view> all_ops() { return kOps; }

std::optional<collRedOp_t> op_named(std::string_view name) {
  const auto at = std::find(kOps.begin(), kOps.end(), name);
  if (at == kOps.end()) return std::nullopt;
  return static_cast<collRedOp_t>(at - kOps.begin());
}

void to_doubles(collDataType_t type, const std::byte* bytes, std::span<double> values) {
  if (type == collFloat32) return load_as_doubles<float>(bytes, values);
  if (type == collFloat64) return load_as_doubles<double>(bytes, values);
  const auto& table = decoded_values(type);
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t word = 0;
    std::memcpy(&word, bytes + i * facts(type).bytes, facts(type).bytes);
    values[i] = table[word];
  }
}

void from_doubles(collDataType_t type, std::span<const double> values, std::byte* bytes) {
  const SmallFloat format = small_float(type);
  for (size_t i = 0; i < values.size(); ++i) {
    if (type == collFloat64) {
      std::memcpy(bytes + i * sizeof(double), &values[i], sizeof(double));
    } else if (type == collFloat32) {
      const auto element = static_cast<float>(values[i]);
      std::memcpy(bytes + i * sizeof(float), &element, sizeof(float));
    } else {
      const auto word = static_cast<uint16_t>(encode(format, values[i]));
      std::memcpy(bytes + i * facts(type).bytes, &word, facts(type).bytes);
    }
  }
}

void to_words(collDataType_t type, const std::byte* bytes, std::span<uint64_t> values) {
  const size_t width = facts(type).bytes;
  for (size_t i = 0; i < values.size(); ++i) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i * width, width);
    values[i] = wrap(type, word);
  }
}

uint64_t wrap(collDataType_t type, uint64_t word) {
  switch (type) {
    case collInt8:
      return static_cast<uint64_t>(static_cast<int8_t>(word));
    case collUint8:
      return static_cast<uint8_t>(word);
    case collInt32:
      return static_cast<uint64_t>(static_cast<int32_t>(word));
    case collUint32:
      return static_cast<uint32_t>(word);
    default:
      return word;
  }
}

bool is_signed(collDataType_t type) { return type == collInt8 || type == collInt32 || type == collInt64; }

}  // namespace coll::perf
