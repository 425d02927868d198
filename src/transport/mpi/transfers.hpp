// What MPI is working on for one transport: messages in both directions, each until MPI has done with it.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "transport/transport.hpp"

namespace coll::mpi {

struct Transfer {
  Request* request;  // null once it is complete
  int peer;
  size_t bytes;
  std::span<std::byte> buffer{};           // of a message that is too long for it
  std::unique_ptr<std::byte[]> scratch{};  // where MPI puts such a message
};

class Transfers {
 public:
  explicit Transfers(int rank) : rank_(rank) {}

  void add(MPI_Request made, Transfer transfer);
  bool empty() const { return transfers_.empty(); }
  // Completes the requests of those that MPI has done.
  Status finish(bool* moved);
  // Forgets all of them, and gives up the memory that MPI may still write to.
  void leak();

 private:
  void forget_finished();

  const int rank_;
  std::vector<MPI_Request> requests_;  // beside transfers_
  std::vector<Transfer> transfers_;
  std::vector<int> finished_;
  std::vector<MPI_Status> statuses_;
};

}  // namespace coll::mpi
