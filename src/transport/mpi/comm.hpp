// What all MPI code of libcoll shares: errors as Status, a communicator of our own, waits with a deadline.
// Calls are PMPI_*, so that a tool that wraps MPI, or libcoll under one, never meets itself.
#pragma once

#include <mpi.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/status.hpp"
#include "runtime/bootstrap.hpp"

namespace coll::mpi {

// A failed Status that says what was tried and MPI's words for what happened.
Status to_status(int error, const std::string& what);

// "rank 1: MPI_Isend with rank 2": whom a call is of; `peer` is -1 where it is with no one rank.
std::string who(int rank, const char* call, int peer);

// MPI is there and this thread may call it; else why not.
Status check_usable();

// A communicator that belongs to libcoll; freed at the end of its life, unless leak() was called or MPI is finalised.
// Freeing is collective in principle: after a failure it could block, so the communicator is leaked then.
class OwnedComm {
 public:
  explicit OwnedComm(MPI_Comm comm);
  ~OwnedComm();
  OwnedComm(const OwnedComm&) = delete;
  OwnedComm& operator=(const OwnedComm&) = delete;

  MPI_Comm get() const { return comm_; }
  int rank() const { return rank_; }
  int nranks() const { return nranks_; }
  void leak() { leak_ = true; }

 private:
  MPI_Comm comm_;
  int rank_ = 0;
  int nranks_ = 1;
  bool leak_ = false;
};
using CommPtr = std::shared_ptr<OwnedComm>;

// Polls until the request is complete: `*done` stays false where the deadline passed first.
Status wait_until(MPI_Request* request, Clock::time_point deadline, bool* done);

}  // namespace coll::mpi
