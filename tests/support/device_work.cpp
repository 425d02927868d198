#include "support/device_work.hpp"

#include <cstring>
#include <deque>
#include <memory>

#include "compression/codec.hpp"
#include "device/late.hpp"
#include "support/emulated_kernels.hpp"

namespace coll::test {
namespace {

// Unknown codecs and such are left to the kernels to refuse.
Status message_bytes(const DeviceHop& hop, size_t* bytes) {
  *bytes = hop.count * size_of(hop.message_type.value_or(hop.type));
  if (hop.codec == "none") return {};
  for (const CodecEntry& entry : codec_registry()) {
    if (entry.name != hop.codec) continue;
    const bool blocks = entry.keys.find("block") != std::string_view::npos;
    std::unique_ptr<Codec> codec;
    COLL_TRY(make_codec(blocks ? text(entry.name, ":block=", hop.block) : std::string(entry.name), &codec));
    *bytes = codec->max_bytes(hop.count);
  }
  return {};
}

Status reach_flag(const HiddenMemory& memory, const uint32_t* flag, HiddenMemory::Reached* reached) {
  if (reinterpret_cast<uintptr_t>(flag) % sizeof(*flag) != 0 || memory.owner_of(flag).kind != MemoryKind::kPinned) {
    return {collUnhandledCudaError, "a flag is a word of pinned memory"};
  }
  return memory.reach(flag, sizeof(*flag), HiddenMemory::kAnyDevice, reached);
}

// What the word of a late address holds now.
Status read_word(const HiddenMemory& memory, const void* address, uint64_t* held) {
  const uint64_t* const word = word_of(address);
  if (reinterpret_cast<uintptr_t>(word) % sizeof(*word) != 0 || memory.owner_of(word).kind != MemoryKind::kPinned) {
    return {collUnhandledCudaError, "a late address is in a word of pinned memory"};
  }
  HiddenMemory::Reached reached;
  COLL_TRY(memory.reach(word, sizeof(*word), HiddenMemory::kAnyDevice, &reached));
  *held = resolve(late(reinterpret_cast<const uint64_t*>(reached.at)));
  return {};
}

}  // namespace

StoredHop::StoredHop(const DeviceHop& hop)
    : hop_(hop), codec_(hop.codec), messages_(hop.messages.begin(), hop.messages.end()) {}

Status StoredHop::run(const HiddenMemory& memory, int device) const {
  const size_t elements = hop_.count * size_of(hop_.type);
  size_t coded = 0;
  DeviceHop hop = hop_;
  hop.codec = codec_;
  COLL_TRY(message_bytes(hop, &coded));
  std::vector<HiddenMemory::Reached> held;
  std::deque<uint64_t> words;
  // What is late stays late, with another word: hops with such addresses are dispatched differently.
  const auto reach = [&](auto** pointer, size_t bytes) -> Status {
    HiddenMemory::Reached& reached = held.emplace_back();
    if (bytes == 0) return {};
    uint64_t address = reinterpret_cast<uintptr_t>(*pointer);
    if (is_late(*pointer)) COLL_TRY(read_word(memory, *pointer, &address));
    if (is_late(*pointer) && address == 0) {
      *pointer = late(&words.emplace_back(0));
      return {};
    }
    COLL_TRY(memory.reach(reinterpret_cast<const void*>(address), bytes, device, &reached));
    const auto at = reinterpret_cast<uintptr_t>(reached.at);
    *pointer = is_late(*pointer) ? late(&words.emplace_back(at)) : reached.at;
    return {};
  };
  std::vector<const void*> messages = messages_;
  for (const void*& message : messages) COLL_TRY(reach(&message, coded));
  if (hop.own != nullptr) COLL_TRY(reach(&hop.own, elements));
  if (hop.native != nullptr) COLL_TRY(reach(&hop.native, elements));
  if (hop.also != nullptr) COLL_TRY(reach(&hop.also, elements));
  if (hop.coded != nullptr) COLL_TRY(reach(&hop.coded, hop.codec == "none" ? elements : coded));
  hop.messages = messages;
  return run_emulated(hop);
}

Status copy_now(const HiddenMemory& memory, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return {};
  HiddenMemory::Reached target, source;
  COLL_TRY(memory.reach(to, bytes, HiddenMemory::kAnyDevice, &target));
  COLL_TRY(memory.reach(from, bytes, HiddenMemory::kAnyDevice, &source));
  std::memmove(target.at, source.at, bytes);
  return {};
}

Status look_at_flag(const HiddenMemory& memory, const uint32_t* flag, uint32_t value, bool* reached) {
  HiddenMemory::Reached word;
  COLL_TRY(reach_flag(memory, flag, &word));
  const uint32_t now = __atomic_load_n(reinterpret_cast<const uint32_t*>(word.at), __ATOMIC_ACQUIRE);
  *reached = static_cast<int32_t>(now - value) >= 0;
  return {};
}

Status write_flag(const HiddenMemory& memory, uint32_t* flag, uint32_t value) {
  HiddenMemory::Reached word;
  COLL_TRY(reach_flag(memory, flag, &word));
  __atomic_store_n(reinterpret_cast<uint32_t*>(word.at), value, __ATOMIC_RELEASE);
  return {};
}

}  // namespace coll::test
