// The bootstrap of ranks that share an MPI communicator.
#pragma once

#include "runtime/bootstrap.hpp"
#include "transport/mpi/comm.hpp"
#include "transport/mpi/simulator.hpp"

namespace coll::mpi {

// Duplicates the caller's communicator, once all of its ranks have come; collTimeout names those not heard from.
Status duplicate(MPI_Comm comm, Clock::time_point deadline, CommPtr* duplicated);

class MpiBootstrap final : public Bootstrap {
 public:
  explicit MpiBootstrap(CommPtr comm) : comm_(std::move(comm)), simulated_host_(mpi::simulated_host()) {}
  int rank() const override { return comm_->rank(); }
  int nranks() const override { return comm_->nranks(); }
  Status allgather(std::span<const std::byte> mine, std::byte* all, Clock::time_point deadline) override;
  std::string simulated_host() const override { return simulated_host_; }

 private:
  CommPtr comm_;
  const std::string simulated_host_;
};

}  // namespace coll::mpi
