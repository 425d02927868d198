// main() of the tests under mpirun of what a user links.
#include <cstdio>
#include <cstring>

#include "tests/mpi/all_ranks.hpp"
#include "tests/mpi/world.hpp"

namespace coll::test {

namespace {

Edges seen;
std::vector<collComm_t> kept;

void look_before_mpi_init() {
  seen.got_version = collGetVersion(&seen.version);
  collUniqueId id;
  seen.got_id = collGetUniqueId(&id);
  collComm_t comm = nullptr;
  seen.init_before = collCommInitMPI(&comm, MPI_COMM_WORLD, nullptr);
  seen.init_before_words = collGetLastError(nullptr);
}

// 0 where everything is as it should be after MPI_Finalize.
int look_after_mpi_finalize() {
  collComm_t comm = nullptr;
  int wrong = collCommInitMPI(&comm, MPI_COMM_WORLD, nullptr) == collInvalidUsage ? 0 : 1;
  for (const collComm_t each : kept) wrong |= collCommDestroy(each) == collSuccess ? 0 : 1;
  int version = 0;
  wrong |= collGetVersion(&version) == collSuccess && version == COLL_VERSION_CODE ? 0 : 1;
  if (wrong != 0) std::printf("after MPI_Finalize: %s\n", collGetLastError(nullptr));
  return wrong;
}

}  // namespace

const Edges& edges() { return seen; }
void keep_until_the_end(collComm_t comm) { kept.push_back(comm); }

}  // namespace coll::test

int main(int argc, char** argv) {
  using namespace coll::test;
  ::setenv("COLL_TIMEOUT_MS", "30000", 0);  // a rank that fails must not keep the others for long
  look_before_mpi_init();
  const bool multiple = argc > 1 && std::strcmp(argv[1], "multiple") == 0;
  int provided = 0;
  MPI_Init_thread(&argc, &argv, multiple ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE, &provided);
  testing::InitGoogleTest(&argc, argv);
  int failed = run_on_all_ranks();
  MPI_Finalize();
  failed |= look_after_mpi_finalize();
  return failed;
}
