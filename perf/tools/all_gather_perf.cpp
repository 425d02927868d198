#include "collective.hpp"

using namespace coll::perf;

namespace {

collResult_t all_gather(const Call& c) {
  if (c.codec == nullptr) return collAllGather(c.send, c.recv, c.count, c.type, c.comm, c.stream);
  return collAllGatherCompressed(c.send, c.recv, c.count, c.type, c.codec, c.comm, c.stream);
}

int mpi_all_gather(const MpiCall& c) { return MPI_Allgather(c.send, c.count, c.type, c.recv, c.count, c.type, c.comm); }

constexpr Collective kAllGather = {
    .tool = {.name = "all_gather_perf",
             .what = "Measures and checks collAllGather; sizes are those of the receive buffer.",
             .reduces = false,
             .rooted = false,
             .has_codec = true},
    .func = collFuncAllGather,
    .send_scaled = false,
    .recv_scaled = true,
    .bus_factor = [](int n) { return 1.0 * (n - 1) / n; },
    .call = all_gather,
    .baseline_name = "MPI_Allgather",
    .baseline = mpi_all_gather,
};

}  // namespace

int main(int argc, char** argv) { return run_tool(kAllGather, argc, argv); }
