// A collective as the user asked for it, with checked arguments.
#pragma once

#include <array>
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
  kBarrier,
  kSend,
  kRecv
};

constexpr std::string_view kFunctionNames[] = {"allreduce", "reduce-scatter", "allgather", "broadcast",
                                               "reduce",    "alltoall",       "gather",    "scatter",
                                               "barrier",   "send",           "recv"};
// Between two ranks; the others know nothing of it.
constexpr bool is_transfer(Function function) { return function == Function::kSend || function == Function::kRecv; }
constexpr std::string_view name(Function function) { return kFunctionNames[static_cast<size_t>(function)]; }

// What an operator multiplies a rank's data by before it sums.
struct Scale {
  DataType type = collFloat32;
  const void* at = nullptr;  // where it is read when the call is executed; NULL: `value` is it
  std::array<std::byte, 8> value{};
  const void* scalar() const { return at != nullptr ? at : value.data(); }
};

// Memory of a rank's device that the ranks of its node have been told of, and so may open.
struct Published {
  int number = -1;  // among the rank's; -1: it is none of them
  const std::byte* begin = nullptr;
};

// Which of a call's buffers are memory of a device, which the host does not touch.
struct DeviceBuffers {
  bool send = false;
  bool recv = false;
  bool scalar = false;      // of an operator that multiplies first
  bool reached = true;      // whether the device reaches all of the call's buffers
  bool steps = false;       // the plan's steps run there, too; else the call is staged
  bool lends = true;        // ... and what they send may stay there, in memory of the library's that peers read
  Published send_memory{};  // ... or in the buffers, which are part of these
  Published recv_memory{};
  bool direct = true;  // ... and messages of other nodes may lie there
  bool any() const { return send || recv || scalar; }
};

struct Call {
  Function function;
  const std::byte* send = nullptr;
  std::byte* recv = nullptr;
  size_t count = 0;  // of one rank where the collective is defined so
  DataType type = collInt8;
  RedOp op = collSum;
  int root = 0;                          // of a send or receive: the other rank
  std::shared_ptr<const Codec> codec{};  // empty: exact
  std::shared_ptr<const Codec> named{};  // the codec that was asked for; it may have chosen `codec`
  std::shared_ptr<const Scale> scale{};  // empty: the data as it is
  bool settled = false;                  // planned by its data, when later calls may have begun already
  uint64_t draw = 0;                     // calls made with the codec's handle
  DeviceBuffers on_device{};
};

// What of the user's buffers the call reads (writes) on a rank that has them.
inline size_t input_count(const Call& call, int nranks) {
  const bool all_blocks = call.function == Function::kReduceScatter || call.function == Function::kAllToAll ||
                          call.function == Function::kScatter;
  return (all_blocks ? static_cast<size_t>(nranks) : 1) * call.count;
}
inline size_t input_bytes(const Call& call, int nranks) { return input_count(call, nranks) * size_of(call.type); }
inline size_t output_bytes(const Call& call, int nranks) {
  const bool all_blocks = call.function == Function::kAllGather || call.function == Function::kAllToAll ||
                          call.function == Function::kGather;
  return (all_blocks ? static_cast<size_t>(nranks) : 1) * call.count * size_of(call.type);
}

}  // namespace coll
