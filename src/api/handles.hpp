// What the opaque handles of coll.h point to.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.hpp"
#include "compression/codec.hpp"
#include "runtime/communicator.hpp"
#include "runtime/device_port.hpp"
#include "runtime/stream.hpp"

struct collComm {
  std::unique_ptr<coll::Communicator> communicator;
  std::vector<std::shared_ptr<const coll::Scale>> operators{};  // by number from collNumOps on; empty: destroyed
  uint64_t coded_calls = 0;                                     // made with the default codec
};

struct collCodec {
  std::shared_ptr<const coll::Codec> codec;
  std::atomic<uint64_t> calls = 0;  // made with this handle, by all threads
  std::shared_ptr<coll::DevicePort> devices = std::make_shared<coll::DevicePort>();
};

namespace coll::api {

// A host stream's handle is its address plus one. CUDA's streams have even addresses, and its two special ones are
// below this: so both kinds can be told apart without looking at the memory.
constexpr uintptr_t kHostStreamTag = 1;
constexpr uintptr_t kLeastHostStream = 4096;

struct HostStream {
  std::shared_ptr<Stream> stream = std::make_shared<Stream>();
  std::shared_ptr<Process> process;  // kept alive with its list of streams
};

inline HostStream* host_stream(collStream_t handle) {
  const auto address = reinterpret_cast<uintptr_t>(handle);
  const bool host = address > kLeastHostStream && (address & kHostStreamTag) != 0;
  return host ? reinterpret_cast<HostStream*>(address - kHostStreamTag) : nullptr;
}

inline collStream_t handle_of(HostStream* stream) {
  return reinterpret_cast<collStream_t>(reinterpret_cast<uintptr_t>(stream) + kHostStreamTag);
}

// An operator as a call takes it: one of the library's, or the sum that a program's own begins with a product.
Status resolve_op(const collComm& comm, collRedOp_t op, collDataType_t type, Call* call);

}  // namespace coll::api
