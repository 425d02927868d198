#include "collective.hpp"

using namespace coll::perf;

namespace {

collResult_t all_to_all(const Call& c) { return collAlltoAll(c.send, c.recv, c.count, c.type, c.comm, c.stream); }

int mpi_all_to_all(const MpiCall& c) { return MPI_Alltoall(c.send, c.count, c.type, c.recv, c.count, c.type, c.comm); }

constexpr Collective kAllToAll = {
    .tool = {.name = "alltoall_perf",
             .what = "Measures and checks collAlltoAll; sizes are those of either buffer. It is never in place.",
             .reduces = false,
             .rooted = false,
             .has_codec = false,
             .can_be_in_place = false},
    .func = collFuncAlltoAll,
    .send_scaled = true,
    .recv_scaled = true,
    .bus_factor = [](int n) { return 1.0 * (n - 1) / n; },
    .call = all_to_all,
    .baseline_name = "MPI_Alltoall",
    .baseline = mpi_all_to_all,
    .gives = Gives::kBlockOfEach,
};

}  // namespace

int main(int argc, char** argv) { return run_tool(kAllToAll, argc, argv); }
