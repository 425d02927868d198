// What a device that is none does when its time has come: hops, copies and flags, on memory that only it reaches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "device/hop.hpp"
#include "support/hidden_memory.hpp"

namespace coll::test {

// A hop as it was when it was queued, without anything of its caller's.
class StoredHop {
 public:
  explicit StoredHop(const DeviceHop& hop);
  Status run(const HiddenMemory& memory, int device) const;

 private:
  DeviceHop hop_;
  std::string codec_;
  std::vector<const void*> messages_;
};

Status copy_now(const HiddenMemory& memory, void* to, const void* from, size_t bytes);

// Whether a flag has come to `value`.
Status look_at_flag(const HiddenMemory& memory, const uint32_t* flag, uint32_t value, bool* reached);
Status write_flag(const HiddenMemory& memory, uint32_t* flag, uint32_t value);

}  // namespace coll::test
