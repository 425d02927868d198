#include "collective.hpp"

using namespace coll::perf;

namespace {

collResult_t scatter(const Call& c) { return collScatter(c.send, c.recv, c.count, c.type, c.root, c.comm, c.stream); }

// In place, the root's block stays where it is in the send buffer.
int mpi_scatter(const MpiCall& c) {
  const bool in_place = c.send == MPI_IN_PLACE;
  void* const recv = in_place && c.rank == c.root ? MPI_IN_PLACE : c.recv;
  return MPI_Scatter(in_place ? c.recv : c.send, c.count, c.type, recv, c.count, c.type, c.root, c.comm);
}

constexpr Collective kScatter = {
    .tool = {.name = "scatter_perf",
             .what = "Measures and checks collScatter; sizes are those of the root's send buffer.",
             .reduces = false,
             .rooted = true,
             .has_codec = false},
    .func = collFuncScatter,
    .send_scaled = true,
    .recv_scaled = false,
    .bus_factor = [](int n) { return 1.0 * (n - 1) / n; },
    .call = scatter,
    .baseline_name = "MPI_Scatter",
    .baseline = mpi_scatter,
};

}  // namespace

int main(int argc, char** argv) { return run_tool(kScatter, argc, argv); }
