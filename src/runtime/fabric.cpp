#include "runtime/fabric.hpp"

#include <algorithm>

namespace coll {

void Fabric::add(std::unique_ptr<Transport> transport, int own_rank) {
  bool used = false;
  for (size_t peer = 0; peer < route_.size(); ++peer) {
    const int rank = static_cast<int>(peer);
    if (rank == own_rank || route_[peer] != nullptr || !transport->reaches(rank)) continue;
    route_[peer] = transport.get();
    used = true;
  }
  if (used) transports_.push_back(std::move(transport));
}

std::vector<std::string_view> Fabric::names() const {
  std::vector<std::string_view> names;
  for (const auto& transport : transports_) names.push_back(transport->name());
  return names;
}

Arena* Fabric::arena(int peer) {
  Transport* const transport = route_[static_cast<size_t>(peer)];
  const auto [found, is_new] = arenas_.try_emplace(transport, nullptr);
  if (is_new) {
    if (const auto memory = transport->arena(); !memory.empty()) found->second = std::make_shared<Arena>(memory);
  }
  return found->second.get();
}

std::span<std::byte> Fabric::notices(int rank) {
  if (reaches(rank)) return to(rank).notices(rank);
  // This rank, or one that nothing reaches, of which no transport has any.
  for (const auto& transport : transports_) {
    if (const auto memory = transport->notices(rank); !memory.empty()) return memory;
  }
  return {};
}

Status Fabric::progress(bool* moved) {
  for (const auto& transport : transports_) COLL_TRY(transport->progress(moved));
  return {};
}

void Fabric::send_control_to_all(Control control, int own_rank) {
  control.from = own_rank;
  for (size_t peer = 0; peer < route_.size(); ++peer) {
    if (route_[peer] == nullptr) continue;
    // A peer that cannot be told finds out by its own time-out.
    static_cast<void>(route_[peer]->send_control(static_cast<int>(peer), control));
  }
}

size_t Fabric::memory_bytes() const {
  size_t bytes = 0;
  for (const auto& transport : transports_) bytes += transport->memory_bytes();
  return bytes;
}

bool Fabric::any_thread() const {
  return std::all_of(transports_.begin(), transports_.end(), [](const auto& each) { return each->any_thread(); });
}

bool Fabric::wait() { return transports_.size() == 1 && transports_.front()->wait(); }

bool Fabric::is_mine() const {
  return std::all_of(transports_.begin(), transports_.end(), [](const auto& each) { return each->is_mine(); });
}

bool Fabric::abandon() {
  bool still_accessed = false;
  for (const auto& transport : transports_) still_accessed |= transport->abandon();
  return still_accessed;
}

}  // namespace coll
