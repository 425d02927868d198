// Measures oneCCL's allreduce of float32 sums on the host. Built against the wheels oneccl-devel, oneccl-cpu and
// impi-rt, whose MPI starts it. usage: oneccl_allreduce_bench ITERS WARMUP SIZE...   Prints "SIZE P50_US".
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <oneapi/ccl.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

ccl::communicator connect(int rank, int size) {
  ccl::shared_ptr_class<ccl::kvs> store;
  ccl::kvs::address_type address;
  if (rank == 0) {
    store = ccl::create_main_kvs();
    address = store->get_address();
  }
  MPI_Bcast(address.data(), static_cast<int>(address.size()), MPI_BYTE, 0, MPI_COMM_WORLD);
  if (rank != 0) store = ccl::create_kvs(address);
  return ccl::create_communicator(size, rank, store);
}

double measure_us(const ccl::communicator& comm, int iters, int warmup, size_t bytes) {
  std::vector<float> send(bytes / sizeof(float)), recv(send.size());
  for (size_t i = 0; i < send.size(); ++i) send[i] = static_cast<float>(i % 1021) + static_cast<float>(comm.rank());
  std::vector<double> times;
  for (int i = -warmup; i < iters; ++i) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    ccl::allreduce(send.data(), recv.data(), send.size(), ccl::reduction::sum, comm).wait();
    const double mine = (MPI_Wtime() - start) * 1e6;
    double slowest = 0;
    MPI_Allreduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    if (i >= 0) times.push_back(slowest);
  }
  const int n = comm.size();
  for (size_t i = 0; i < recv.size(); ++i) {
    const float sum = static_cast<float>(i % 1021) * static_cast<float>(n) + static_cast<float>(n * (n - 1) / 2);
    if (recv[i] != sum) throw std::runtime_error("element " + std::to_string(i) + " is wrong");
  }
  std::nth_element(times.begin(), times.begin() + iters / 2, times.end());
  return times[static_cast<size_t>(iters) / 2];
}

}  // namespace

int main(int argc, char** argv) {
  int provided = 0, rank = 0, size = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);  // what oneCCL asks for
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  try {
    if (argc < 4) throw std::runtime_error("usage: oneccl_allreduce_bench ITERS WARMUP SIZE...");
    ccl::init();
    const auto comm = connect(rank, size);
    for (int s = 3; s < argc; ++s) {
      const size_t bytes = std::strtoull(argv[s], nullptr, 10);
      const double p50 = measure_us(comm, std::atoi(argv[1]), std::atoi(argv[2]), bytes);
      if (rank == 0) std::printf("%zu %.3f\n", bytes, p50);
      std::fflush(stdout);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "oneccl_allreduce_bench: %s\n", error.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
  return 0;
}
