// One rank without MPI: rank_program sum|die NRANKS RANK ID [DYING_RANK MS SECOND_ID].
//   sum: joins, sums, reports.
//   die: sums until a failure; DYING_RANK kills itself after MS. The others then join anew by SECOND_ID and sum once.
#include <cstdlib>
#include <cstring>

#include "tests/fault/rank.hpp"
#include "tests/fault/unique_id.hpp"

namespace coll::test {

namespace {

struct Place {
  int nranks;
  int rank;
};

Outcome join(const Place& place, const char* id, collComm_t* comm) {
  return outcome_of(nullptr, [&] { return collCommInitRank(comm, place.nranks, id_from(id), place.rank); });
}

Outcome join_and_sum(const Place& place, const char* id) {
  collComm_t comm = nullptr;
  Outcome outcome = join(place, id, &comm);
  if (outcome.code != collSuccess) return outcome;
  outcome = sum_of_ones(comm, 100000);
  return collCommDestroy(comm) == collSuccess ? outcome : Outcome{collInternalError, "destroying failed"};
}

Outcome survive(const Place& place, char** arguments) {
  const int dying = std::atoi(arguments[1]);
  collComm_t comm = nullptr;
  Outcome outcome = join(place, arguments[0], &comm);
  if (outcome.code != collSuccess) return outcome;
  if (place.rank == dying) die_in(std::atoi(arguments[2]));
  outcome = sum_until_failure(comm);
  expect_poisoned(comm, outcome);
  if (collCommDestroy(comm) != collSuccess) return {collInternalError, "destroying failed"};
  const Place next{place.nranks - 1, place.rank - (place.rank > dying ? 1 : 0)};
  const Outcome again = join_and_sum(next, arguments[3]);
  return again.code == collSuccess ? outcome : again;
}

int run(int argc, char** argv) {
  if (argc < 5) return collNumResults;
  const Place place{std::atoi(argv[2]), std::atoi(argv[3])};
  const bool dies = std::strcmp(argv[1], "die") == 0 && argc == 8;
  const Outcome outcome = dies ? survive(place, argv + 4) : join_and_sum(place, argv[4]);
  print(place.rank, outcome);
  std::printf("MPI is %smapped\n", mpi_is_mapped() ? "" : "not ");
  return testing::Test::HasFailure() ? static_cast<int>(collNumResults) : static_cast<int>(outcome.code);
}

}  // namespace

}  // namespace coll::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return coll::test::run(argc, argv);
}
