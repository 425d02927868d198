// What collectives and transfers are called with, and what of it is refused.
#pragma once

#include <cstddef>

#include "base/status.hpp"
#include "coll/coll.h"

namespace coll::api {

// One user's call on its way through the checks.
struct Arguments {
  const void* send;
  void* recv;
  size_t count;
  collDataType_t type;
  collComm_t comm;
  collStream_t stream;
};

// Elements of the send and receive buffers, and where in one of them the other may lie.
struct Buffers {
  size_t send_count;
  size_t recv_count;
  size_t send_in_recv = 0;  // with equal addresses: element of recv that send may point to
  size_t recv_in_send = 0;
  bool send_used = true;
  bool recv_used = true;
  bool in_place = true;  // whether one may lie in the other at all
};

// The type is one, and that many elements for each rank are no more than memory can hold.
Status check_range(const Arguments& args, int nranks);

// Buffers are where NCCL's in-place rules want them, or apart.
Status check_buffers(const Arguments& args, const Buffers& buffers);

Status check_root(int root, int nranks);

}  // namespace coll::api
