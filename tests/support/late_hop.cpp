#include "support/late_hop.hpp"

#include "device/late.hpp"

namespace coll::test {

LateHop::LateHop(const DeviceHop& hop, uint64_t* words, uint64_t which) : hop_(hop) {
  const auto make_late = [&](auto** address, size_t i) {
    if (*address == nullptr || (which >> i & 1) == 0) return;
    words[i] = reinterpret_cast<uintptr_t>(*address);
    *address = late(&words[i]);
  };
  make_late(&hop_.own, 0);
  make_late(&hop_.native, 1);
  make_late(&hop_.coded, 1);
  make_late(&hop_.also, 2);
  for (const void* message : hop.messages) {
    make_late(&message, kFixed + messages_.size());
    messages_.push_back(message);
  }
  hop_.messages = messages_;
}

}  // namespace coll::test
