// main() of the tests under mpirun: one rank reports, and all fail where one did.
#include <cstdio>
#include <cstring>

#include "tests/mpi/world.hpp"

namespace coll::test {

namespace {

// Of the ranks other than 0 only failures are shown.
class FailuresOnly final : public testing::EmptyTestEventListener {
 public:
  explicit FailuresOnly(int rank) : rank_(rank) {}
  // GoogleTest holds a lock while it reports, under which it cannot be asked for the test's name.
  void OnTestStart(const testing::TestInfo& test) override {
    name_ = std::string(test.test_suite_name()) + "." + test.name();
  }
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const char* file = result.file_name() != nullptr ? result.file_name() : "";
    std::printf("rank %d, %s: %s:%d: %s\n", rank_, name_.c_str(), file, result.line_number(), result.message());
    std::fflush(stdout);
  }

 private:
  int rank_;
  std::string name_;
};

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
  const MpiWorld world;
  if (world.rank != 0) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOnly(world.rank));
  }
  int failed = RUN_ALL_TESTS();
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  failed |= look_after_mpi_finalize();
  return failed;
}
