#include "collective.hpp"

using namespace coll::perf;

namespace {

collResult_t gather(const Call& c) { return collGather(c.send, c.recv, c.count, c.type, c.root, c.comm, c.stream); }

int mpi_gather(const MpiCall& c) {
  return MPI_Gather(c.send, c.count, c.type, c.recv, c.count, c.type, c.root, c.comm);
}

constexpr Collective kGather = {
    .tool = {.name = "gather_perf",
             .what = "Measures and checks collGather; sizes are those of the root's receive buffer.",
             .reduces = false,
             .rooted = true,
             .has_codec = false},
    .func = collFuncGather,
    .send_scaled = false,
    .recv_scaled = true,
    .bus_factor = [](int n) { return 1.0 * (n - 1) / n; },
    .call = gather,
    .baseline_name = "MPI_Gather",
    .baseline = mpi_gather,
    .gives = Gives::kRootsResult,
};

}  // namespace

int main(int argc, char** argv) { return run_tool(kGather, argc, argv); }
