// main() of the tests under mpirun of device buffers, whose ranks are processes; without a device it ends with 77.
#include <cstdlib>

#include "tests/mpi/all_ranks.hpp"
#include "tests/support/device_buffer.hpp"

int main(int argc, char** argv) {
  using namespace coll::test;
  constexpr int kSkipped = 77;
  ::setenv("COLL_TIMEOUT_MS", "30000", 0);  // a rank that fails must not keep the others for long
  ::setenv("COLL_STAGED_BYTES", "64K", 0);  // most of the tests' calls are longer, and run as kernels
  MPI_Init(&argc, &argv);
  testing::InitGoogleTest(&argc, argv);
  std::string why_not;
  int status = kSkipped;
  if (device_port_of_tests()->open(&why_not) != nullptr) {
    status = run_on_all_ranks();
  } else {
    std::printf("skipped, there is no GPU: %s\n", why_not.c_str());
  }
  MPI_Finalize();
  return status;
}
