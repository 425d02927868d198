#include "collective.hpp"

using namespace coll::perf;

namespace {

collResult_t all_reduce(const Call& c) {
  if (c.codec == nullptr) return collAllReduce(c.send, c.recv, c.count, c.type, c.op, c.comm, c.stream);
  return collAllReduceCompressed(c.send, c.recv, c.count, c.type, c.op, c.codec, c.comm, c.stream);
}

int mpi_all_reduce(const MpiCall& c) { return MPI_Allreduce(c.send, c.recv, c.count, c.type, c.op, c.comm); }

constexpr Collective kAllReduce = {
    .tool = {.name = "all_reduce_perf",
             .what = "Measures and checks collAllReduce.",
             .reduces = true,
             .rooted = false,
             .has_codec = true},
    .func = collFuncAllReduce,
    .send_scaled = false,
    .recv_scaled = false,
    .bus_factor = [](int n) { return 2.0 * (n - 1) / n; },
    .call = all_reduce,
    .baseline_name = "MPI_Allreduce",
    .baseline = mpi_all_reduce,
};

}  // namespace

int main(int argc, char** argv) { return run_tool(kAllReduce, argc, argv); }
