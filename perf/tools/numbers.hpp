// The data types as a checker sees them: names, sizes, precision, and their values as float64.
#pragma once

#include <coll/coll.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace coll::perf {

struct TypeFacts {
  collDataType_t type;
  std::string_view name;  // as nccl-tests calls it
  std::string_view alias;
  size_t bytes;
  bool is_float;
  double roundoff;      // relative error of rounding to the type; 0 for integers
  double smallest;      // distance of the numbers next to 0
  double largest;       // largest finite value; 0 for integers
  double sum_roundoff;  // the same of what the type is accumulated in
};

std::span<const TypeFacts> all_types();
const TypeFacts& facts(collDataType_t type);
std::optional<collDataType_t> type_named(std::string_view name);

std::span<const std::string_view> all_ops();  // index: collRedOp_t
std::optional<collRedOp_t> op_named(std::string_view name);

// values[i] = element i of `bytes`; floats only.
void to_doubles(collDataType_t type, const std::byte* bytes, std::span<double> values);
// Rounds to nearest; floats only.
void from_doubles(collDataType_t type, std::span<const double> values, std::byte* bytes);

// values[i] = element i of `bytes` modulo 2^64 (signed ones extended); integers only.
void to_words(collDataType_t type, const std::byte* bytes, std::span<uint64_t> values);
// `word` cut to the type's width and extended again, as a wrapping sum in the type leaves it.
uint64_t wrap(collDataType_t type, uint64_t word);
bool is_signed(collDataType_t type);

}  // namespace coll::perf
