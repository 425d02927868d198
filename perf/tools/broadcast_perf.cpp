#include "collective.hpp"

using namespace coll::perf;

namespace {

collResult_t broadcast(const Call& c) {
  return collBroadcast(c.send, c.recv, c.count, c.type, c.root, c.comm, c.stream);
}

// MPI has one buffer where collBroadcast has two.
int mpi_broadcast(const MpiCall& c) {
  const bool from_send = c.rank == c.root && c.send != MPI_IN_PLACE;
  return MPI_Bcast(from_send ? const_cast<void*>(c.send) : c.recv, c.count, c.type, c.root, c.comm);
}

constexpr Collective kBroadcast = {
    .tool = {.name = "broadcast_perf",
             .what = "Measures and checks collBroadcast.",
             .reduces = false,
             .rooted = true,
             .has_codec = false},
    .func = collFuncBroadcast,
    .send_scaled = false,
    .recv_scaled = false,
    .bus_factor = [](int) { return 1.0; },
    .call = broadcast,
    .baseline_name = "MPI_Bcast",
    .baseline = mpi_broadcast,
};

}  // namespace

int main(int argc, char** argv) { return run_tool(kBroadcast, argc, argv); }
