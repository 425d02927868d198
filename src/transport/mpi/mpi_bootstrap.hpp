// The bootstrap of ranks that share an MPI communicator.
#pragma once

#include "runtime/bootstrap.hpp"
#include "transport/mpi/comm.hpp"

namespace coll::mpi {

// Duplicates the caller's communicator, once all of its ranks have come; collTimeout names those not heard from.
Status duplicate(MPI_Comm comm, Clock::time_point deadline, CommPtr* duplicated);

class MpiBootstrap final : public Bootstrap {
 public:
  explicit MpiBootstrap(CommPtr comm) : comm_(std::move(comm)) {}
  int rank() const override { return comm_->rank(); }
  int nranks() const override { return comm_->nranks(); }
  Status allgather(std::span<const std::byte> mine, std::byte* all, Clock::time_point deadline) override;

 private:
  CommPtr comm_;
};

}  // namespace coll::mpi
