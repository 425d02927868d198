// A collective as the user asked for it, with checked arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/types.hpp"
#include "compression/codec.hpp"

namespace coll {

enum class Function : uint8_t {
  kAllReduce,
  kReduceScatter,
  kAllGather,
  kBroadcast,
  kReduce,
  kAllToAll,
  kGather,
  kScatter,
  kBarrier
};

constexpr std::string_view kFunctionNames[] = {"allreduce", "reduce-scatter", "allgather", "broadcast", "reduce",
                                               "alltoall",  "gather",         "scatter",   "barrier"};
constexpr std::string_view name(Function function) { return kFunctionNames[static_cast<size_t>(function)]; }

struct Call {
  Function function;
  const std::byte* send = nullptr;
  std::byte* recv = nullptr;
  size_t count = 0;  // of one rank where the collective is defined so
  DataType type = collInt8;
  RedOp op = collSum;
  int root = 0;
  std::shared_ptr<const Codec> codec{};  // empty: exact
  std::shared_ptr<const Codec> named{};  // the codec that was asked for; it may have chosen `codec`
  bool settled = false;                  // planned by its data, when later calls may have begun already
  uint64_t draw = 0;                     // calls made with the codec's handle
};

}  // namespace coll
