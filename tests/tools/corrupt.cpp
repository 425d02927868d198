// Linked before the library (--wrap): an all-reduce whose result has one element changed, on every rank or on rank 1
// only.
#include <coll/coll.h>

extern "C" {

collResult_t __real_collAllReduce(const void*, void*, size_t, collDataType_t, collRedOp_t, collComm_t, collStream_t);

collResult_t __wrap_collAllReduce(const void* send, void* recv, size_t count, collDataType_t type, collRedOp_t op,
                                  collComm_t comm, collStream_t stream) {
  const collResult_t result = __real_collAllReduce(send, recv, count, type, op, comm, stream);
  int rank = 0;
  collCommUserRank(comm, &rank);
  // The lowest bit of a float: far below any codec's bound, but not another rank's bits; or a sign: out of every bound.
  auto* first = static_cast<uint32_t*>(recv);
  if (COLL_CORRUPT_ALL_RANKS != 0) {
    *first ^= 0x80000000u;
  } else if (rank == 1) {
    *first ^= 1u;
  }
  return result;
}
}
