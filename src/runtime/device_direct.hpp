// Messages of other nodes that lie in memory of this rank's device: whose may, and the memory that transports know for
// it. Each rank decides for its own side, as the bytes of a message are the same wherever it lies.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "device/operations.hpp"
#include "runtime/config.hpp"
#include "runtime/device_peers.hpp"
#include "runtime/fabric.hpp"

namespace coll {

inline constexpr size_t kLeastDirect = kLeastLoan;  // for the same reason

class DeviceDirect {
 public:
  // Logs what comes of it where it is asked for.
  DeviceDirect(const Fabric& fabric, int nranks, const Config& config, const Log& log);
  DeviceDirect(const DeviceDirect&) = delete;
  DeviceDirect& operator=(const DeviceDirect&) = delete;

  // Whether messages of any peer, or of this one, may lie in device memory; does not change.
  bool any() const { return !transports_.empty(); }
  bool takes(int peer) const { return takes_[static_cast<size_t>(peer)]; }

  // ---- For threads of the program, at the device
  // Transports may be given messages in this memory from now on. collUnsupported, in words, where kernels might not see
  // what has come there.
  Status remember(const DeviceOperations& operations, int device, std::span<std::byte> memory);
  void forget(std::span<std::byte> memory);  // when no message is on its way there

 private:
  void ask(Transport& transport, int peer, std::string* why_not);

  std::vector<Transport*> transports_;  // that take device memory
  std::vector<bool> takes_;             // by rank
};

// Where a call's messages may lie beside pinned memory.
struct DeviceWays {
  DevicePeers* peers = nullptr;    // in memory of the node's devices; NULL: nowhere there
  DeviceDirect* direct = nullptr;  // in memory of this rank's device that transports know; NULL: nowhere there
};

}  // namespace coll
