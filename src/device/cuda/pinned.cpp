#include "device/cuda/pinned.hpp"

#include <cuda_runtime_api.h>
#include <sys/mman.h>

#include "device/cuda/error.hpp"
#include "device/cuda/uncaptured.hpp"

namespace coll::device::cuda {

namespace {
constexpr unsigned kEverywhere = cudaHostRegisterPortable | cudaHostRegisterMapped;  // all devices' kernels reach it
}

Status PinnedPages::allocate(size_t bytes, void** memory) {
  *memory = nullptr;
  void* const pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return {collSystemError, text("no memory for ", bytes, " bytes to be pinned")};
  ::madvise(pages, bytes, MADV_DONTFORK);  // a child that shared them would make this process's next write go elsewhere
  const Uncaptured uncaptured;
  Status pinned = checked(cudaHostRegister(pages, bytes, kEverywhere), "pinning memory");
  if (!pinned.ok()) {
    ::munmap(pages, bytes);
    return pinned;
  }
  const std::lock_guard lock(mutex_);
  bytes_[pages] = bytes;
  *memory = pages;
  return {};
}

Status PinnedPages::release(void* memory) {
  size_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = bytes_.find(memory);
    if (found == bytes_.end()) return {collInternalError, "memory is released that was not pinned here"};
    bytes = found->second;
    bytes_.erase(found);
  }
  const Uncaptured uncaptured;
  Status unpinned = checked(cudaHostUnregister(memory), "unpinning memory");
  ::munmap(memory, bytes);
  return unpinned;
}

}  // namespace coll::device::cuda
