// What a communicator costs: the time to create the first one and further ones, beyond MPI_Init, and the memory that a
// rank holds more afterwards. Run it under mpirun. Prints one JSON object.
#include <coll/coll_mpi.h>
#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr int kMore = 4;                    // communicators after the first
constexpr size_t kCount = size_t{1} << 20;  // elements of the call that each serves before it is at rest

// Of this process, in KiB: all pages mapped to memory, and the same with a shared page divided by those who share it.
struct Memory {
  double resident, proportional;
};

Memory memory_now() {
  Memory now = {0, 0};
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    double value = 0;
    words >> name >> value;
    if (name == "Rss:") now.resident = value;
    if (name == "Pss:") now.proportional = value;
  }
  return now;
}

double most(double mine) {
  double all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return all;
}

[[noreturn]] void give_up(const char* what) {
  std::fputs(fmt::format("create_time: {}: {}\n", what, collGetLastError(nullptr)).c_str(), stderr);
  MPI_Abort(MPI_COMM_WORLD, 1);
  std::abort();
}

double create_ms(collComm_t* comm) {
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = MPI_Wtime();
  if (collCommInitMPI(comm, MPI_COMM_WORLD, nullptr) != collSuccess) give_up("collCommInitMPI");
  return most((MPI_Wtime() - start) * 1e3);
}

void serve_one_call(collComm_t comm, std::vector<float>* send, std::vector<float>* recv) {
  if (collAllReduce(send->data(), recv->data(), kCount, collFloat32, collSum, comm, nullptr) != collSuccess) {
    give_up("collAllReduce");
  }
}

// Growth of the rank that grew most, in MiB; all ranks look at the same moment.
Memory growth_since(const Memory& before) {
  MPI_Barrier(MPI_COMM_WORLD);
  const Memory now = memory_now();
  const Memory grown = {most((now.resident - before.resident) / 1024),
                        most((now.proportional - before.proportional) / 1024)};
  MPI_Barrier(MPI_COMM_WORLD);
  return grown;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, nranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &nranks);
  std::vector<float> send(kCount, 1.0F), recv(kCount, 0.0F);
  std::vector<collComm_t> comms(1 + kMore, nullptr);
  std::vector<double> more_ms;

  most(0);  // MPI connects its ranks at their first call
  const Memory start = memory_now();
  const double first_ms = create_ms(&comms[0]);
  serve_one_call(comms[0], &send, &recv);
  const Memory first = growth_since(start);

  const Memory one = memory_now();
  for (int i = 1; i <= kMore; ++i) {
    more_ms.push_back(create_ms(&comms[static_cast<size_t>(i)]));
    serve_one_call(comms[static_cast<size_t>(i)], &send, &recv);
  }
  const Memory more = growth_since(one);
  for (collComm_t comm : comms) collCommDestroy(comm);

  std::sort(more_ms.begin(), more_ms.end());
  if (rank == 0) {
    std::fputs(fmt::format("{{\"nranks\": {}, \"first_ms\": {:.3f}, \"further_ms\": {:.3f}, "
                           "\"first_resident_mib\": {:.3f}, \"first_proportional_mib\": {:.3f}, "
                           "\"further_resident_mib\": {:.3f}, \"further_proportional_mib\": {:.3f}}}\n",
                           nranks, first_ms, more_ms[more_ms.size() / 2], first.resident, first.proportional,
                           more.resident / kMore, more.proportional / kMore)
                   .c_str(),
               stdout);
  }
  MPI_Finalize();
  return 0;
}
