// The progress thread under MPI: what shared memory carries completes while the program only reads its own memory; what
// MPI carries does so where MPI is for every thread, and is left alone elsewhere.
#include <algorithm>
#include <chrono>
#include <thread>

#include "tests/mpi/world.hpp"

namespace coll::test {

namespace {

using std::chrono::milliseconds;

constexpr size_t kCount = 200000;

class ProgressUnderMpi : public testing::Test {
 protected:
  // Enqueues an allreduce of each rank's number plus one; the result starts as zeros, which no sum is.
  void enqueue(const Comm& comm) {
    ASSERT_TRUE(comm);
    ASSERT_EQ(collStreamCreate(&stream_), collSuccess);
    send_.assign(kCount, static_cast<float>(world_.rank + 1));
    ASSERT_EQ(collAllReduce(send_.data(), recv_.data(), kCount, collFloat32, collSum, comm.get(), stream_), collSuccess)
        << collGetLastError(comm.get());
  }
  bool complete() const {
    const auto due = static_cast<float>(world_.size * (world_.size + 1) / 2);
    const volatile float* seen = recv_.data();
    return std::all_of(seen, seen + kCount, [due](float value) { return value == due; });
  }
  bool completes_within(milliseconds time) const {
    const auto deadline = std::chrono::steady_clock::now() + time;
    while (!complete() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(milliseconds(1));
    return complete();
  }
  void finish() {
    EXPECT_EQ(collStreamSynchronize(stream_), collSuccess);
    EXPECT_TRUE(complete());
    EXPECT_EQ(collStreamDestroy(stream_), collSuccess);
  }

  MpiWorld world_;
  ScopedVariable progress_{"COLL_PROGRESS", "on"};
  collStream_t stream_ = nullptr;
  std::vector<float> send_, recv_ = std::vector<float>(kCount);
};

TEST_F(ProgressUnderMpi, SharedMemoryMovesOnAtEveryLevelOfThreadSupport) {
  const Comm comm(MPI_COMM_WORLD);
  enqueue(comm);
  EXPECT_TRUE(completes_within(milliseconds(20000)));
  finish();
}

TEST_F(ProgressUnderMpi, MpiMovesOnWhereItIsForEveryThread) {
  const ScopedVariable transport("COLL_TRANSPORT", "mpi");
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  const bool allowed = level == MPI_THREAD_MULTIPLE;
  const Comm comm(MPI_COMM_WORLD);
  enqueue(comm);
  EXPECT_EQ(completes_within(milliseconds(allowed ? 20000 : 50)), allowed);
  finish();
}

TEST_F(ProgressUnderMpi, OffLeavesEverythingToTheProgram) {
  const ScopedVariable off("COLL_PROGRESS", "off");
  const Comm comm(MPI_COMM_WORLD);
  enqueue(comm);
  EXPECT_FALSE(completes_within(milliseconds(50)));
  finish();
}

}  // namespace

}  // namespace coll::test
