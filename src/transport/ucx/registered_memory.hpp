// Memory of a device that messages of one transport may lie in: what UCX has been told of it. UCX is told the type of a
// message's memory and the handle each time, so that it need not ask the driver for either (not all of its protocols
// use the handle; the others find what is registered in UCX's cache).
#pragma once

#include <ucp/api/ucp.h>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

#include "base/status.hpp"

namespace coll::ucx {

// All functions may be called by any thread.
class RegisteredMemory {
 public:
  RegisteredMemory(ucp_context_h context, ucs_memory_type_t type) : context_(context), type_(type) {}
  ~RegisteredMemory();  // when UCX works on no message any more
  RegisteredMemory(const RegisteredMemory&) = delete;
  RegisteredMemory& operator=(const RegisteredMemory&) = delete;

  Status add(std::span<std::byte> memory);
  void remove(std::span<std::byte> memory);
  // Where the message lies in such memory, `param` says so from now on.
  void describe(std::span<const std::byte> message, ucp_request_param_t* param) const;

 private:
  struct Range {
    const std::byte* begin;
    size_t bytes;
    ucp_mem_h handle;
  };

  const ucp_context_h context_;
  const ucs_memory_type_t type_;
  std::atomic<bool> any_{false};
  mutable std::mutex mutex_;  // of ranges_; never held while UCX is asked, which may wait for the device
  std::vector<Range> ranges_;
};

}  // namespace coll::ucx
