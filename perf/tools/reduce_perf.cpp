#include "collective.hpp"

using namespace coll::perf;

namespace {

collResult_t reduce(const Call& c) {
  return collReduce(c.send, c.recv, c.count, c.type, c.op, c.root, c.comm, c.stream);
}

int mpi_reduce(const MpiCall& c) { return MPI_Reduce(c.send, c.recv, c.count, c.type, c.op, c.root, c.comm); }

constexpr Collective kReduce = {
    .tool = {.name = "reduce_perf",
             .what = "Measures and checks collReduce.",
             .reduces = true,
             .rooted = true,
             .has_codec = false},
    .func = collFuncReduce,
    .send_scaled = false,
    .recv_scaled = false,
    .bus_factor = [](int) { return 1.0; },
    .call = reduce,
    .baseline_name = "MPI_Reduce",
    .baseline = mpi_reduce,
    .gives = Gives::kRootsResult,
};

}  // namespace

int main(int argc, char** argv) { return run_tool(kReduce, argc, argv); }
