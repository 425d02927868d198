// What a perf tool measures: a collective as data, so that one harness serves all.
#pragma once

#include <coll/coll.h>
#include <mpi.h>

#include "options.hpp"

namespace coll::perf {

// The arguments of one call. A baseline call gets `mpi_count` elements of `mpi_type` instead of count and type.
struct Call {
  const void* send;
  void* recv;
  bool in_place;
  size_t count;
  collDataType_t type;
  collRedOp_t op;
  int root;
  collCodec_t codec;  // NULL: exact
  collComm_t comm;
  collStream_t stream;
  int rank, size;
};

struct MpiCall {
  const void* send;  // MPI_IN_PLACE where the call is in place
  void* recv;
  int count;
  MPI_Datatype type;
  MPI_Op op;
  int root, rank;
  MPI_Comm comm;
};

// What a rank's result is, where the scaling of the buffers does not tell.
enum class Gives {
  kResult,        // the same on all ranks, or a rank's block of that
  kRootsResult,   // the root alone has it
  kBlockOfEach,   // every rank's block for this one
  kOfRankBefore,  // the data of the rank before
};

struct Collective {
  ToolTraits tool;
  collFunc_t func;
  bool send_scaled, recv_scaled;  // that buffer holds count elements for each rank
  double (*bus_factor)(int nranks);
  collResult_t (*call)(const Call&);
  const char* baseline_name;
  int (*baseline)(const MpiCall&);
  Gives gives = Gives::kResult;
};

// Parses, measures, checks and reports; the status of the process. Called once, by every rank.
int run_tool(const Collective& collective, int argc, char** argv);

}  // namespace coll::perf
