// Linked with --wrap: an all-reduce whose result has one element changed, on every rank or on rank 1 only.
#include <coll/coll.h>

extern "C" {

collResult_t real_all_reduce(const void*, void*, size_t, collDataType_t, collRedOp_t, collComm_t,
                             collStream_t) __asm__("__real_collAllReduce");
collResult_t corrupt_all_reduce(const void*, void*, size_t, collDataType_t, collRedOp_t, collComm_t,
                                collStream_t) __asm__("__wrap_collAllReduce");

collResult_t corrupt_all_reduce(const void* send, void* recv, size_t count, collDataType_t type, collRedOp_t op,
                                collComm_t comm, collStream_t stream) {
  const collResult_t result = real_all_reduce(send, recv, count, type, op, comm, stream);
  int rank = 0;
  collCommUserRank(comm, &rank);
  // A sign is out of every bound; the lowest bit is within it, but these are other bits than those of the other ranks.
  auto* first = static_cast<uint32_t*>(recv);
  if (COLL_CORRUPT_ALL_RANKS != 0) {
    *first ^= 0x80000000u;
  } else if (rank == 1) {
    *first ^= 1u;
  }
  return result;
}
}
