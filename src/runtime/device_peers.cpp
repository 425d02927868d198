#include "runtime/device_peers.hpp"

#include <algorithm>

#include "device/late.hpp"

namespace coll {

namespace {

// The memory is zero, as all of it begins, and its atomics are plain words.
DeviceNotices* notices_in(std::span<std::byte> memory) {
  return memory.empty() ? nullptr : reinterpret_cast<DeviceNotices*>(memory.data());
}

}  // namespace

DevicePeers::DevicePeers(Fabric& fabric, int rank, int nranks) : rank_(rank) {
  if (static_cast<size_t>(nranks) > DeviceNotices::kMostRanks) return;
  own_ = notices_in(fabric.notices(rank));
  if (own_ == nullptr) return;
  for (int each = 0; each < nranks; ++each) notices_.push_back(notices_in(fabric.notices(each)));
  out_of_reach_.resize(notices_.size());
  opened_.resize(notices_.size());
}

bool DevicePeers::any() const {
  for (size_t rank = 0; rank < notices_.size(); ++rank) {
    if (is_peer(static_cast<int>(rank))) return true;
  }
  return false;
}

bool DevicePeers::may_publish() const { return published_.size() < DeviceNotices::kShares; }

int DevicePeers::publish(const SharedMemory& shared) {
  if (own_ == nullptr || !shared.can_be_opened) return kNotShared;
  if (const int known = number_of(shared); known != kNotShared) return known;
  if (!may_publish()) return kNotShared;
  const auto number = static_cast<uint32_t>(published_.size());
  own_->shares[number] = {shared.share, shared.bytes};
  own_->shared.store(number + 1, std::memory_order_release);
  published_.push_back(shared.memory);
  return static_cast<int>(number);
}

int DevicePeers::number_of(const SharedMemory& shared) const {
  const auto known = std::find(published_.begin(), published_.end(), shared.memory);
  return known != published_.end() ? static_cast<int>(known - published_.begin()) : kNotShared;
}

Published DevicePeers::publish_of_program(DeviceMemories& memories, const std::byte* address, size_t bytes) {
  SharedMemory memory;
  if (own_ == nullptr || !memories.find(address, bytes, &memory)) return {};
  const bool is_new = number_of(memory) == kNotShared;
  if (is_new && of_program_ >= DeviceNotices::kShares / 2) return {};
  const int number = publish(memory);
  if (number == kNotShared) return {};
  memories.keep(memory);
  if (is_new) ++of_program_;
  return {number, memory.memory};
}

void DevicePeers::open(const DeviceOperations& operations, const Log& log) {
  for (size_t peer = 0; peer < notices_.size(); ++peer) {
    if (!is_peer(static_cast<int>(peer))) continue;
    const uint32_t shared = notices_[peer]->shared.load(std::memory_order_acquire);
    while (out_of_reach_[peer] == 0 && opened_[peer].size() < std::min<size_t>(shared, DeviceNotices::kShares)) {
      const Status opened = open_next(operations, peer);
      if (opened.ok()) continue;
      out_of_reach_[peer] = 1;
      log.info(LogPart::kTransport, "messages of rank ", peer, "'s kernels come by pinned memory: ", opened.message());
    }
  }
}

// Only this thread changes opened_.
Status DevicePeers::open_next(const DeviceOperations& operations, size_t peer) {
  const DeviceNotices::Shared& next = notices_[peer]->shares[opened_[peer].size()];
  void* memory = nullptr;
  COLL_TRY(operations.open_shared(next.share, &memory));
  const std::lock_guard lock(mutex_);
  opened_[peer].push_back({static_cast<std::byte*>(memory), next.bytes});
  const auto count = static_cast<uint8_t>(opened_[peer].size());
  own_->opened[peer].store(count, std::memory_order_release);
  return {};
}

void DevicePeers::close(const DeviceOperations& operations) {
  for (std::vector<Opened>& each : opened_) {
    for (const Opened& one : each) static_cast<void>(operations.close_shared(one.memory));
    each.clear();
  }
}

void DevicePeers::announce(uint64_t sequence, uint8_t legs) {
  if (own_ == nullptr) return;
  own_->calls[sequence % DeviceNotices::kCalls].store(DeviceNotices::call(sequence, legs), std::memory_order_release);
}

bool DevicePeers::takes(int peer, uint64_t sequence, unsigned leg, int share) const {
  if (share == kNotShared || !is_peer(peer)) return false;
  const DeviceNotices& its = *notices_[static_cast<size_t>(peer)];
  const uint64_t call = its.calls[sequence % DeviceNotices::kCalls].load(std::memory_order_acquire);
  return DeviceNotices::takes(call, sequence, leg) &&
         its.opened[static_cast<size_t>(rank_)].load(std::memory_order_acquire) > share;
}

void DevicePeers::withdraw() { own_->withdrawn.store(1, std::memory_order_seq_cst); }

bool DevicePeers::has_withdrawn(int peer) const {
  return notices_[static_cast<size_t>(peer)]->withdrawn.load(std::memory_order_seq_cst) != 0;
}

const std::byte* DevicePeers::find(int peer, const DeviceLoan& loan) const {
  if (!is_peer(peer)) return nullptr;
  const std::lock_guard lock(mutex_);
  const std::vector<Opened>& opened = opened_[static_cast<size_t>(peer)];
  if (loan.kind != DeviceLoan::kKind || loan.share >= opened.size() || loan.offset % kLateGrain != 0) return nullptr;
  const Opened& its = opened[loan.share];
  const bool within = loan.offset <= its.bytes && loan.bytes <= its.bytes - loan.offset;
  return within ? its.memory + loan.offset : nullptr;
}

}  // namespace coll
