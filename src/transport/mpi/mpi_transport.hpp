// The mpi transport: point to point over a communicator of its own.
//
// Tags below 2^30 carry data, tag 2^30 control messages. Reaches every rank of the communicator, itself included.
// A receive of MPI cannot be cancelled reliably, so after abandon() everything that MPI may still touch is leaked.
#pragma once

#include <cstdint>
#include <memory>

#include "transport/mpi/comm.hpp"
#include "transport/transport.hpp"

namespace coll::mpi {

// `nonce` is the same on all ranks, and another for each communicator: MPI hands messages of a freed communicator to a
// later one with the same context id, and control messages may be left behind.
Status make_mpi(CommPtr comm, uint64_t nonce, std::unique_ptr<Transport>* transport);

}  // namespace coll::mpi
