// Hops whose addresses are late, made of those that have them.
#pragma once

#include <cstdint>
#include <vector>

#include "device/hop.hpp"

namespace coll::test {

// A hop and the same with late addresses: those of own elements (bit 0), the result (1), its second place (2) and the
// messages (from 3 on) that `which` names. Both have to stay as long as it is used, and the words: kFixed, and one for
// each message.
class LateHop {
 public:
  static constexpr size_t kFixed = 3;

  LateHop(const DeviceHop& hop, uint64_t* words, uint64_t which = ~uint64_t{0});
  LateHop(const LateHop&) = delete;
  const DeviceHop& hop() const { return hop_; }

 private:
  DeviceHop hop_;
  std::vector<const void*> messages_;
};

}  // namespace coll::test
