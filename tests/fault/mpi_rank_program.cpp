// One rank under mpirun: sums until a failure; the last rank kills itself after the given milliseconds. The survivors
// report and leave without MPI_Finalize, which would wait for the dead.
#include <cstdlib>

#include "coll/coll_mpi.h"
#include "tests/fault/rank.hpp"

namespace coll::test {

namespace {

Outcome survive(int dies_after_ms, int* rank) {
  int nranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  MPI_Comm_size(MPI_COMM_WORLD, &nranks);
  collComm_t comm = nullptr;
  Outcome outcome = outcome_of(nullptr, [&] { return collCommInitMPI(&comm, MPI_COMM_WORLD, nullptr); });
  if (outcome.code != collSuccess) return outcome;
  if (*rank == nranks - 1) die_in(dies_after_ms);
  outcome = sum_until_failure(comm);
  expect_poisoned(comm, outcome);
  return collCommDestroy(comm) == collSuccess ? outcome : Outcome{collInternalError, "destroying failed"};
}

}  // namespace

}  // namespace coll::test

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  testing::InitGoogleTest(&argc, argv);
  int rank = 0;
  const coll::test::Outcome outcome = coll::test::survive(std::atoi(argv[argc - 1]), &rank);
  coll::test::print(rank, outcome);
  ::_exit(testing::Test::HasFailure() ? static_cast<int>(collNumResults) : 0);
}
