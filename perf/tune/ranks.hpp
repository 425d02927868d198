// The ranks of a tuning run. Those that do not measure wait asleep, so that they leave the cores to those that do.
#pragma once

#include <mpi.h>

#include <vector>

#include "perf/tools/files.hpp"
#include "topology/topology.hpp"

namespace coll::perf {

class Ranks {
 public:
  Ranks(int* argc, char*** argv);  // MPI_Init
  ~Ranks();                        // MPI_Finalize
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }

  // The rest is collective over all ranks.
  Problem find_nodes(topo::Topology* topology) const;
  void wait() const;                         // for all, asleep
  Problem agree(const Problem& mine) const;  // the problem of the lowest rank that has one
  double sum(double mine) const;
  double most(double mine) const;
  // The members' own communicator; MPI_COMM_NULL elsewhere.
  MPI_Comm group(const std::vector<int>& members) const;

 private:
  int rank_ = 0, size_ = 1;
};

}  // namespace coll::perf
