#include "collective.hpp"

using namespace coll::perf;

namespace {

collResult_t reduce_scatter(const Call& c) {
  if (c.codec == nullptr) return collReduceScatter(c.send, c.recv, c.count, c.type, c.op, c.comm, c.stream);
  return collReduceScatterCompressed(c.send, c.recv, c.count, c.type, c.op, c.codec, c.comm, c.stream);
}

int mpi_reduce_scatter(const MpiCall& c) {
  return MPI_Reduce_scatter_block(c.send, c.recv, c.count, c.type, c.op, c.comm);
}

constexpr Collective kReduceScatter = {
    .tool = {.name = "reduce_scatter_perf",
             .what = "Measures and checks collReduceScatter; sizes are those of the send buffer.",
             .reduces = true,
             .rooted = false,
             .has_codec = true},
    .func = collFuncReduceScatter,
    .send_scaled = true,
    .recv_scaled = false,
    .bus_factor = [](int n) { return 1.0 * (n - 1) / n; },
    .call = reduce_scatter,
    .baseline_name = "MPI_Reduce_scatter_block",
    .baseline = mpi_reduce_scatter,
};

}  // namespace

int main(int argc, char** argv) { return run_tool(kReduceScatter, argc, argv); }
