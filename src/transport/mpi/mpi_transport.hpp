// The mpi transport: point to point over a communicator of its own.
//
// Tags below 2^30 carry data, tag 2^30 control messages. Reaches every rank of the communicator, itself included.
// A message is taken from MPI with MPI_Improbe and matched here, so that its size is known before MPI may write it
// anywhere: Open MPI 4.1.4 writes beyond the end of a posted receive that is too short, where it copies between
// processes directly. It also means that a receive for which nothing has come can be forgotten at any time.
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
