// A collective as the user asked for it, with checked arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/types.hpp"
#include "compression/codec.hpp"

namespace coll {

enum class Function : uint8_t { kAllReduce, kReduceScatter, kAllGather, kBroadcast, kBarrier };

constexpr std::string_view kFunctionNames[] = {"allreduce", "reduce-scatter", "allgather", "broadcast", "barrier"};
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

// What of the user's buffers the call reads (writes) on a rank, in bytes.
inline size_t input_bytes(const Call& call, int nranks) {
  const bool all_blocks = call.function == Function::kReduceScatter;
  return (all_blocks ? static_cast<size_t>(nranks) : 1) * call.count * size_of(call.type);
}
inline size_t output_bytes(const Call& call, int nranks) {
  const bool all_blocks = call.function == Function::kAllGather;
  return (all_blocks ? static_cast<size_t>(nranks) : 1) * call.count * size_of(call.type);
}

}  // namespace coll
