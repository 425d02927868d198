// Tests under mpirun: one rank reports, and all fail where one did.
#pragma once

#include <gtest/gtest.h>
#include <mpi.h>

#include <cstdio>
#include <string>

namespace coll::test {

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

// RUN_ALL_TESTS() of all ranks: not 0 where it failed on one.
inline int run_on_all_ranks() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank != 0) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOnly(rank));
  }
  int failed = RUN_ALL_TESTS();
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return failed;
}

}  // namespace coll::test
