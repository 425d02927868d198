// The ranks of the run, and what they must agree on. All ranks call the member functions together.
#pragma once

#include <mpi.h>

#include <string>
#include <string_view>
#include <vector>

#include "files.hpp"
#include "options.hpp"
#include "result.hpp"

namespace coll::perf {

class World {
 public:
  // MPI_Init_thread; `threads` is the level that is asked for.
  World(int* argc, char*** argv, int threads = MPI_THREAD_SINGLE);
  ~World();  // MPI_Finalize
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }
  MPI_Comm comm() const { return MPI_COMM_WORLD; }
  void barrier() const { MPI_Barrier(MPI_COMM_WORLD); }

  // The problem of the lowest rank that has one, on all ranks.
  Problem agree(const Problem& mine) const;
  // Each call's time over all ranks.
  std::vector<double> over_ranks(std::vector<double> times, Average average) const;
  // Of all ranks' parts. `same_result`: each rank's hash must be rank 0's.
  Verdict combine(const Verdict& mine, bool same_result, uint64_t hash) const;
  uint64_t sum(uint64_t mine) const;
  uint64_t max(uint64_t mine) const;
  // This rank among those of its node, and how many they are.
  void local(int* rank, int* ranks) const;
  // Distinct host names, in rank order.
  std::vector<std::string> hosts() const;

 private:
  int rank_ = 0, size_ = 1;
};

// What every tool's results begin with: who ran what, where and when.
Meta describe_run(std::string_view tool, const World& world, int argc, char** argv);
// The MPI library's name and version.
std::string mpi_version();
// MPI's counterparts; MPI_DATATYPE_NULL and MPI_OP_NULL where it has none.
MPI_Datatype mpi_type(collDataType_t type);
MPI_Op mpi_op(collRedOp_t op);

}  // namespace coll::perf
