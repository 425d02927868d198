#include "collective.hpp"

using namespace coll::perf;

namespace {

// Every rank sends to the next one, and receives from the one before.
struct Ring {
  int next, before;
};

Ring ring_of(int rank, int size) { return {(rank + 1) % size, (rank + size - 1) % size}; }

collResult_t send_receive(const Call& c) {
  const Ring ring = ring_of(c.rank, c.size);
  // What is refused between the two is what collGroupEnd returns.
  if (const collResult_t result = collGroupStart(); result != collSuccess) return result;
  static_cast<void>(collSend(c.send, c.count, c.type, ring.next, c.comm, c.stream));
  static_cast<void>(collRecv(c.recv, c.count, c.type, ring.before, c.comm, c.stream));
  return collGroupEnd();
}

int mpi_send_receive(const MpiCall& c) {
  int size = 1;
  MPI_Comm_size(c.comm, &size);
  const Ring ring = ring_of(c.rank, size);
  return MPI_Sendrecv(c.send, c.count, c.type, ring.next, 0, c.recv, c.count, c.type, ring.before, 0, c.comm,
                      MPI_STATUS_IGNORE);
}

constexpr Collective kSendReceive = {
    .tool = {.name = "sendrecv_perf",
             .what = "Measures and checks a ring of collSend and collRecv: to the next rank, from the one before.",
             .reduces = false,
             .rooted = false,
             .has_codec = false,
             .can_be_in_place = false},
    .func = collFuncSendRecv,
    .send_scaled = false,
    .recv_scaled = false,
    .bus_factor = [](int) { return 1.0; },
    .call = send_receive,
    .baseline_name = "MPI_Sendrecv",
    .baseline = mpi_send_receive,
    .gives = Gives::kOfRankBefore,
};

}  // namespace

int main(int argc, char** argv) { return run_tool(kSendReceive, argc, argv); }
