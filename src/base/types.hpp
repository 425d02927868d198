// Data types and operators as the library sees them: sizes, names, and what each is accumulated in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "coll/coll.h"

namespace coll {

using DataType = collDataType_t;
using RedOp = collRedOp_t;

struct TypeInfo {
  std::string_view name;
  size_t size_bytes;
  bool is_float;
  DataType accumulator;  // 16- and 8-bit floats are summed in float32 and rounded once
};

inline constexpr TypeInfo kTypes[collNumTypes] = {
    {"int8", 1, false, collInt8},       {"uint8", 1, false, collUint8},     {"int32", 4, false, collInt32},
    {"uint32", 4, false, collUint32},   {"int64", 8, false, collInt64},     {"uint64", 8, false, collUint64},
    {"half", 2, true, collFloat32},     {"float", 4, true, collFloat32},    {"double", 8, true, collFloat64},
    {"bfloat16", 2, true, collFloat32}, {"fp8_e4m3", 1, true, collFloat32}, {"fp8_e5m2", 1, true, collFloat32},
};
inline constexpr std::string_view kOpNames[collNumOps] = {"sum", "prod", "max", "min", "avg"};

constexpr const TypeInfo& info(DataType type) { return kTypes[type]; }
constexpr size_t size_of(DataType type) { return kTypes[type].size_bytes; }
constexpr DataType accumulator_of(DataType type) { return kTypes[type].accumulator; }
constexpr bool valid(DataType type) { return type >= 0 && type < collNumTypes; }
constexpr bool valid(RedOp op) { return op >= 0 && op < collNumOps; }
constexpr std::string_view name(RedOp op) { return kOpNames[op]; }

}  // namespace coll
