#include "api/arguments.hpp"

#include <cstdint>

#include "api/guard.hpp"

namespace coll::api {

Status check_range(const Arguments& args, int nranks) {
  COLL_TRY(check_type(args.type));
  size_t bytes = 0;
  const size_t of_each = size_of(args.type) * static_cast<size_t>(nranks);
  if (__builtin_mul_overflow(args.count, of_each, &bytes) || bytes > SIZE_MAX / 2)
    return {collInvalidArgument, text("count is ", args.count, ", which is more than memory can hold")};
  return {};
}

Status check_buffers(const Arguments& args, const Buffers& buffers) {
  if (args.count == 0) return {};
  if (buffers.send_used) COLL_TRY(not_null(args.send, "send"));
  if (buffers.recv_used) COLL_TRY(not_null(args.recv, "recv"));
  if (!buffers.send_used || !buffers.recv_used) return {};
  const size_t size = size_of(args.type);
  const auto send = reinterpret_cast<uintptr_t>(args.send);
  const auto recv = reinterpret_cast<uintptr_t>(args.recv);
  const bool apart = send + buffers.send_count * size <= recv || recv + buffers.recv_count * size <= send;
  const bool in_place = buffers.in_place && send + buffers.recv_in_send * size == recv + buffers.send_in_recv * size;
  if (apart || in_place) return {};
  return {collInvalidArgument,
          "send and recv overlap. They must be apart, or lie as the in-place rule of this call says (see coll.h)"};
}

Status check_root(int root, int nranks) {
  if (root >= 0 && root < nranks) return {};
  return {collInvalidArgument, text("root is ", root, "; it must be 0 to ", nranks - 1)};
}

}  // namespace coll::api
