// MPI that is a simulator: SimGrid's SMPI. Its ranks are contexts of one process, of which one runs until it waits in
// MPI; time is simulated, and passes only there. So nothing polls here: what waits does so in blocking calls, whose
// time-outs are the simulator's, which ends a run in which nobody can go on.
#pragma once

#include <span>
#include <string>

#include "transport/mpi/comm.hpp"
#include "transport/transport.hpp"

namespace coll::mpi {

bool in_simulator();
// The simulated host of this rank; "" where MPI is no simulator.
std::string simulated_host();

Status duplicate_simulated(MPI_Comm comm, CommPtr* duplicated);
// As Bootstrap::allgather(), in ceil(log2 n) exchanges.
Status allgather_simulated(const OwnedComm& comm, std::span<const std::byte> mine, std::byte* all);

// The mpi transport in a simulator, which has no matched probes and lets time pass in every test: receives are posted
// in the caller's buffers, and completions come from wait().
std::unique_ptr<Transport> make_simulated(CommPtr comm);

}  // namespace coll::mpi
