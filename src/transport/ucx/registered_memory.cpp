#include "transport/ucx/registered_memory.hpp"

#include <algorithm>

#include "transport/ucx/context.hpp"

namespace coll::ucx {

RegisteredMemory::~RegisteredMemory() {
  for (const Range& range : ranges_) static_cast<void>(ucp_mem_unmap(context_, range.handle));
}

Status RegisteredMemory::add(std::span<std::byte> memory) {
  ucp_mem_map_params_t params{};
  params.field_mask =
      UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH | UCP_MEM_MAP_PARAM_FIELD_MEMORY_TYPE;
  params.address = memory.data();
  params.length = memory.size();
  params.memory_type = type_;
  ucp_mem_h handle = nullptr;
  if (const auto status = ucp_mem_map(context_, &params, &handle); status != UCS_OK) {
    return {collSystemError, text("UCX: registering device memory: ", words_of(status))};
  }
  const std::lock_guard lock(mutex_);
  ranges_.push_back({memory.data(), memory.size(), handle});
  any_.store(true, std::memory_order_release);
  return {};
}

void RegisteredMemory::remove(std::span<std::byte> memory) {
  ucp_mem_h handle = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto at =
        std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& range) { return range.begin == memory.data(); });
    if (at == ranges_.end()) return;
    handle = at->handle;
    ranges_.erase(at);
    any_.store(!ranges_.empty(), std::memory_order_release);
  }
  static_cast<void>(ucp_mem_unmap(context_, handle));
}

void RegisteredMemory::describe(std::span<const std::byte> message, ucp_request_param_t* param) const {
  if (!any_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(mutex_);
  for (const Range& range : ranges_) {
    if (message.data() < range.begin || message.data() >= range.begin + range.bytes) continue;
    param->op_attr_mask |= UCP_OP_ATTR_FIELD_MEMH;
    param->memh = range.handle;
    param->memory_type = type_;
  }
}

}  // namespace coll::ucx
