// One codec at work on device memory: the kernels, the copy that they are measured beside, and buffers in turn, so that
// the device's cache is not what is measured.
#pragma once

#include "device/operations.hpp"
#include "work.hpp"

namespace coll::perf {

enum class DeviceOperation {
  kEncode,
  kDecode,
  kDecodeReduce,
  kFused,     // decode, reduce and encode in one kernel
  kSeparate,  // ... one after the other: every message decoded, the elements reduced, the sum encoded
  kReduce,    // of exact codecs
};
std::string_view name(DeviceOperation operation);
std::vector<DeviceOperation> device_operations_of(const Subject& subject);

// Device memory, freed with it.
class DeviceMemory {
 public:
  explicit DeviceMemory(const DeviceOperations& operations) : operations_(operations) {}
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  Status make(size_t bytes);
  std::byte* data() const { return static_cast<std::byte*>(memory_); }

 private:
  const DeviceOperations& operations_;
  void* memory_ = nullptr;
};

class DeviceWork {
 public:
  // `span_bytes`: how much memory the turns go through, more than the device's cache.
  DeviceWork(const DeviceOperations& operations, const Input& input, int ranks, size_t span_bytes);

  // From now on `count` elements with this subject, which outlives it; buffers and the ranks' messages are made.
  Status take(const Subject& subject, size_t count);
  // The next turn of the operation is enqueued.
  Status run(DeviceOperation operation);
  Status copy(size_t bytes);

  size_t moved_bytes(DeviceOperation operation) const;  // read and written
  // Bytes of the last turn's result that are not the host's.
  Status judge(DeviceOperation operation, uint64_t* wrong);

 private:
  Status fill();
  Status run_hop(const DeviceHop& hop) const { return operations_.run(hop, nullptr); }
  Status encode(const std::byte* elements, int rank, std::byte* message) const;
  Status decode(const std::byte* message, std::byte* elements) const;
  Status combine(std::byte* elements, std::byte* message) const;
  Status reduce(std::span<const void* const> inputs, std::byte* elements) const;
  Status separately();
  DeviceHop blank() const;
  void draw(int rank, DeviceHop* hop) const;
  size_t rank_count() const { return static_cast<size_t>(ranks_); }
  std::byte* element_of(size_t rank) const;
  std::byte* message_of(size_t rank) const;
  std::byte* result() const;
  std::byte* result_message() const;

  const DeviceOperations& operations_;
  const Input& input_;
  int ranks_;
  size_t span_bytes_;
  const Subject* subject_ = nullptr;
  size_t count_ = 0, elements_bytes_ = 0, message_bytes_ = 0;
  size_t elements_stride_ = 0, message_stride_ = 0, turns_ = 1, turn_ = 0, copy_bytes_ = 0, copy_at_ = 0;
  // Of every turn: the ranks' elements and their sum; the ranks' messages and the sum's.
  std::unique_ptr<DeviceMemory> elements_, messages_, copy_from_, copy_to_;
};

}  // namespace coll::perf
