#include "runtime/device_direct.hpp"

#include <algorithm>

namespace coll {

namespace {

constexpr const char* kChecksums = "the host has to see what checksums (COLL_CHECK=2) are of";

// Why not, after other reasons.
void add_reason(const std::string& reason, std::string* reasons) {
  if (reasons->find(reason) == std::string::npos) *reasons += text(reasons->empty() ? "" : "; ", reason);
}

}  // namespace

DeviceDirect::DeviceDirect(const Fabric& fabric, int nranks, const Config& config, const Log& log)
    : takes_(static_cast<size_t>(nranks)) {
  if (config.env.device_direct == 0 || nranks == 1) return;
  std::string why_not = config.wants_direct() ? "" : kChecksums;  // "": there are none
  for (int peer = 0; config.wants_direct() && peer < nranks; ++peer) {
    const bool is_far = fabric.reaches(peer) && fabric.to(peer).name() != "shm";
    if (is_far) ask(fabric.to(peer), peer, &why_not);
  }
  log.info(LogPart::kTransport, "COLL_DEVICE_DIRECT=1: messages to other nodes lie in ",
           any() ? "device memory" : text("pinned memory: ", why_not.empty() ? "there are none" : why_not));
}

void DeviceDirect::ask(Transport& transport, int peer, std::string* why_not) {
  std::string reason;
  const bool takes = transport.takes_device_memory(&reason);
  takes_[static_cast<size_t>(peer)] = takes;
  if (!takes) return add_reason(reason, why_not);
  if (std::find(transports_.begin(), transports_.end(), &transport) == transports_.end())
    transports_.push_back(&transport);
}

Status DeviceDirect::remember(const DeviceOperations& operations, int device, std::span<std::byte> memory) {
  std::vector<DeviceFacts> facts;
  COLL_TRY(operations.devices(&facts));
  if (!facts[static_cast<size_t>(device)].orders_far_writes) {
    return {collUnsupported, "the device does not put the network's writes in order before its kernels' reads"};
  }
  for (Transport* const each : transports_) {
    Status registered = each->register_device(memory);
    if (registered.ok()) continue;
    forget(memory);
    return registered;
  }
  return {};
}

void DeviceDirect::forget(std::span<std::byte> memory) {
  for (Transport* const each : transports_) each->unregister_device(memory);
}

}  // namespace coll
