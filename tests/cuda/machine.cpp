#include "cuda/machine.hpp"

#include <algorithm>
#include <utility>

#include "compression/codec.hpp"
#include "support/device_hops.hpp"
#include "support/late_hop.hpp"

namespace coll::test {

DeviceOperations*& machine_operations() {
  static DeviceOperations* operations = nullptr;
  return operations;
}

DeviceCopy::~DeviceCopy() {
  if (memory_ != nullptr) static_cast<void>(machine_operations()->release(memory_).ok());
}

DeviceCopy::DeviceCopy(DeviceCopy&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), data_(other.data_), bytes_(other.bytes_) {}

Status DeviceCopy::make(const void* host, size_t bytes) {
  const size_t offset = reinterpret_cast<uintptr_t>(host) % 16;
  bytes_ = bytes;
  COLL_TRY(machine_operations()->allocate(std::max<size_t>(offset + bytes, 1), &memory_));
  data_ = static_cast<std::byte*>(memory_) + offset;
  return bytes == 0 ? Status() : machine_operations()->copy(data_, host, bytes, nullptr);
}

Status DeviceCopy::copy_back(void* host) const {
  if (bytes_ != 0) COLL_TRY(machine_operations()->copy(host, data_, bytes_, nullptr));
  return machine_operations()->synchronize(nullptr);
}

namespace {

size_t message_bytes(const DeviceHop& hop) {
  if (hop.codec == "none") return hop.count * size_of(hop.type);
  std::unique_ptr<Codec> codec;
  const std::string spec = hop.block > 1 ? text(std::string(hop.codec), ":block=", hop.block) : std::string(hop.codec);
  return make_codec(spec, &codec).ok() ? codec->max_bytes(hop.count) : 0;
}

Status run_copies(const DeviceHop& hop, bool late) {
  const size_t elements = hop.count * size_of(hop.type), message = message_bytes(hop);
  DeviceHop there = hop;
  DeviceCopy own, result, again;
  if (hop.own != nullptr) {
    COLL_TRY(own.make(hop.own, elements));
    there.own = own.data();
  }
  std::vector<DeviceCopy> messages;
  std::vector<const void*> addresses;
  messages.reserve(hop.messages.size());
  for (const void* const one : hop.messages) {
    COLL_TRY(messages.emplace_back().make(one, message));
    addresses.push_back(messages.back().data());
  }
  there.messages = addresses;
  const bool in_place = hop.native != nullptr && hop.native == hop.own;
  void* const to = hop.coded != nullptr ? hop.coded : hop.native;
  const size_t bytes = hop.coded != nullptr ? message : elements;
  if (!in_place) COLL_TRY(result.make(to, bytes));
  const DeviceCopy& made = in_place ? own : result;
  (hop.coded != nullptr ? there.coded : there.native) = made.data();
  if (hop.also != nullptr) {
    COLL_TRY(again.make(hop.also, elements));
    there.also = again.data();
  }
  void* words = nullptr;
  const size_t most_words = LateHop::kFixed + addresses.size();
  if (late) COLL_TRY(machine_operations()->allocate_pinned(most_words * sizeof(uint64_t), &words));
  COLL_TRY(machine_operations()->run(late ? LateHop(there, static_cast<uint64_t*>(words)).hop() : there, nullptr));
  COLL_TRY(made.copy_back(to));
  if (hop.also != nullptr) COLL_TRY(again.copy_back(hop.also));
  return late ? machine_operations()->release_pinned(words) : Status();
}

}  // namespace

Status run_on_machine(const DeviceHop& hop) { return run_copies(hop, false); }
Status run_late_on_machine(const DeviceHop& hop) { return run_copies(hop, true); }

}  // namespace coll::test
