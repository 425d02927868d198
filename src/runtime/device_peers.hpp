// The ranks of this node that tell each other where their devices' memory is: which of theirs this rank reaches, and
// which of its own they do. Kernels then read messages where their sender's kernels have left them.
#pragma once

#include <mutex>
#include <vector>

#include "base/log.hpp"
#include "runtime/call.hpp"
#include "runtime/device_memory.hpp"
#include "runtime/device_notices.hpp"
#include "runtime/device_shares.hpp"
#include "runtime/fabric.hpp"

namespace coll {

class DevicePeers {
 public:
  DevicePeers(Fabric& fabric, int rank, int nranks);
  DevicePeers(const DevicePeers&) = delete;
  DevicePeers& operator=(const DevicePeers&) = delete;

  // Whether loans go between this rank and the other; does not change.
  bool is_peer(int rank) const {
    return own_ != nullptr && rank != rank_ && notices_[static_cast<size_t>(rank)] != nullptr;
  }
  bool any() const;  // of them

  // ---- For threads of the program
  static constexpr int kNotShared = -1;
  bool may_publish() const;  // whether a number is left
  // Tells the peers of memory of this rank's. Its number; kNotShared where they cannot open it, or none is left.
  int publish(const SharedMemory& shared);
  // As publish(), of the program's memory that `bytes` from `address` on are part of: half of the numbers are for such.
  Published publish_of_program(DeviceMemories& memories, const std::byte* address, size_t bytes);
  // Opens what peers have published, on the current device, and logs where that cannot be done. May wait for the
  // device.
  void open(const DeviceOperations& operations, const Log& log);
  void close(const DeviceOperations& operations);  // when nothing is read there any more
  // This call's steps run on the device, and on these legs take loans.
  void announce(uint64_t sequence, uint8_t legs);

  // ---- For whoever moves calls on; these ask no device
  bool takes(int peer, uint64_t sequence, unsigned leg, int share) const;
  // Loans of this rank's are out, and what they were of may change from now on.
  void withdraw();
  // Whether what has been read of the peer's loans may be anything.
  bool has_withdrawn(int peer) const;
  // Where the loan lies; NULL where that is no memory of the peer's that this rank has open.
  const std::byte* find(int peer, const DeviceLoan& loan) const;

 private:
  struct Opened {
    std::byte* memory;
    size_t bytes;
  };
  int number_of(const SharedMemory& shared) const;  // kNotShared: nobody has been told of it
  Status open_next(const DeviceOperations& operations, size_t peer);

  const int rank_;
  DeviceNotices* own_ = nullptr;         // NULL: nobody is a peer, and what follows is empty
  std::vector<DeviceNotices*> notices_;  // by rank; NULL: it has none that this rank reads
  std::vector<const std::byte*> published_;
  size_t of_program_ = 0;           // of them, those of the program's memory
  std::vector<char> out_of_reach_;  // by rank: its device's memory cannot be opened here
  mutable std::mutex mutex_;        // of opened_; never held while the device is asked
  std::vector<std::vector<Opened>> opened_;
};

}  // namespace coll
