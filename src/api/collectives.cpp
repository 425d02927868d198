#include <utility>

#include "api/arguments.hpp"
#include "api/group.hpp"
#include "api/guard.hpp"
#include "api/handles.hpp"
#include "base/twin.hpp"

using namespace coll;
using api::Arguments;
using api::Buffers;
using api::check_buffers;
using api::check_range;
using api::check_root;
using api::not_null;

namespace {

// Elements of a call, as they were passed.
struct Elements {
  size_t count;
  collDataType_t type;
  uint64_t bytes() const { return valid(type) ? count * size_of(type) : 0; }
};

// As api::guarded; a call that is refused inside a group spoils the group.
template <typename Body>
collResult_t guarded(const char* call, const Elements& elements, Body&& body) noexcept {
  const auto checked = [&] {
    Status status = body();
    if (!status.ok()) api::group().refuse(status);
    return status;
  };
  return api::guarded(call, checked, elements.bytes());
}

// The codec as the runtime takes it: "none" is exact, that is, no codec.
Status codec_for(const Call& call, collCodec_t handle, std::shared_ptr<const Codec>* codec) {
  COLL_TRY(not_null(handle, "codec"));
  if (handle->codec->traits().name == "none") return {};
  COLL_TRY(handle->codec->supports(call.type));
  COLL_TRY(handle->codec->supports(call.op));
  *codec = handle->codec;
  return {};
}

Status submit(const Arguments& args, Call&& call) {
  call.send = static_cast<const std::byte*>(args.send);
  call.recv = static_cast<std::byte*>(args.recv);
  call.count = args.count;
  call.type = args.type;
  std::shared_ptr<Stream> stream;
  const api::HostStream* const host = api::host_stream(args.stream);
  if (host != nullptr) stream = host->stream;
  COLL_TRY(args.comm->communicator->place(host != nullptr ? nullptr : args.stream, &call, &stream));
  if (Group& group = api::group(); group.open()) {
    group.add(*args.comm->communicator, std::move(call), std::move(stream));
    return {};
  }
  return args.comm->communicator->run(call, stream);
}

// Which codec a call uses: the one named, or the communicator's default.
struct CodecChoice {
  bool named;
  collCodec_t handle;
};

Status submit_with(const Arguments& args, Call call, const CodecChoice& choice) {
  call.type = args.type;
  if (choice.named) {
    COLL_TRY(codec_for(call, choice.handle, &call.codec));
    call.draw = choice.handle->calls++;
  } else {
    call.codec = args.comm->communicator->default_codec_for(call);
    if (call.codec) call.draw = args.comm->coded_calls++;
  }
  return submit(args, std::move(call));
}

Status all_reduce(const Arguments& args, collRedOp_t op, const CodecChoice& codec) {
  COLL_TRY(not_null(args.comm, "comm"));
  COLL_TRY(check_range(args, args.comm->communicator->nranks()));
  Call call{Function::kAllReduce};
  COLL_TRY(api::resolve_op(*args.comm, op, args.type, &call));
  COLL_TRY(check_buffers(args, {args.count, args.count}));
  return submit_with(args, std::move(call), codec);
}

Status reduce_scatter(const Arguments& args, collRedOp_t op, const CodecChoice& codec) {
  COLL_TRY(not_null(args.comm, "comm"));
  const Communicator& communicator = *args.comm->communicator;
  const auto nranks = static_cast<size_t>(communicator.nranks());
  COLL_TRY(check_range(args, communicator.nranks()));
  Call call{Function::kReduceScatter};
  COLL_TRY(api::resolve_op(*args.comm, op, args.type, &call));
  const size_t own = static_cast<size_t>(communicator.rank()) * args.count;
  COLL_TRY(check_buffers(args, {nranks * args.count, args.count, 0, own}));
  return submit_with(args, std::move(call), codec);
}

Status all_gather(const Arguments& args, const CodecChoice& codec) {
  COLL_TRY(not_null(args.comm, "comm"));
  const Communicator& communicator = *args.comm->communicator;
  const auto nranks = static_cast<size_t>(communicator.nranks());
  COLL_TRY(check_range(args, communicator.nranks()));
  const size_t own = static_cast<size_t>(communicator.rank()) * args.count;
  COLL_TRY(check_buffers(args, {args.count, nranks * args.count, own, 0}));
  return submit_with(args, Call{Function::kAllGather}, codec);
}

// Broadcast, reduce, gather and scatter: at the root both buffers count, elsewhere one of them is ignored.
struct Rooted {
  Function function;
  int root;
  bool to_root;  // the receive buffer is the root's alone; otherwise the send buffer is
};

// Elements of the buffers at the root, and where one lies in the other in place.
Buffers buffers_at_root(const Arguments& args, Function function) {
  const auto nranks = static_cast<size_t>(args.comm->communicator->nranks());
  const size_t own = static_cast<size_t>(args.comm->communicator->rank()) * args.count;
  if (function == Function::kGather) return {args.count, nranks * args.count, own, 0};
  if (function == Function::kScatter) return {nranks * args.count, args.count, 0, own};
  return {args.count, args.count};
}

Status rooted(Arguments args, const Rooted& what, collRedOp_t op = collSum) {
  COLL_TRY(not_null(args.comm, "comm"));
  const Communicator& communicator = *args.comm->communicator;
  COLL_TRY(check_range(args, communicator.nranks()));
  Call call{what.function};
  COLL_TRY(api::resolve_op(*args.comm, op, args.type, &call));
  COLL_TRY(check_root(what.root, communicator.nranks()));
  Buffers buffers = buffers_at_root(args, what.function);
  if (what.root != communicator.rank()) {
    (what.to_root ? buffers.recv_used : buffers.send_used) = false;
    if (what.to_root) args.recv = nullptr;
    if (!what.to_root) args.send = nullptr;
  }
  COLL_TRY(check_buffers(args, buffers));
  call.root = what.root;
  return submit(args, std::move(call));
}

Status all_to_all(const Arguments& args) {
  COLL_TRY(not_null(args.comm, "comm"));
  const auto nranks = static_cast<size_t>(args.comm->communicator->nranks());
  COLL_TRY(check_range(args, args.comm->communicator->nranks()));
  Buffers buffers{nranks * args.count, nranks * args.count};
  buffers.in_place = false;
  COLL_TRY(check_buffers(args, buffers));
  return submit(args, Call{Function::kAllToAll});
}

// The buffer counts as both where the checks ask for one.
Status transfer(const Arguments& args, Function function, int peer) {
  COLL_TRY(not_null(args.comm, "comm"));
  const Communicator& communicator = *args.comm->communicator;
  COLL_TRY(check_range(args, communicator.nranks()));
  if (peer < 0 || peer >= communicator.nranks())
    return {collInvalidArgument, text("peer is ", peer, "; it must be 0 to ", communicator.nranks() - 1)};
  if (peer == communicator.rank() && !api::group().open()) {
    return {collInvalidUsage,
            "peer is the own rank: put the send and its receive between collGroupStart() and collGroupEnd()"};
  }
  Buffers buffers{args.count, args.count};
  (function == Function::kSend ? buffers.recv_used : buffers.send_used) = false;
  COLL_TRY(check_buffers(args, buffers));
  Call call{function};
  call.root = peer;
  return submit(args, std::move(call));
}

constexpr CodecChoice kDefaultCodec{false, nullptr};

}  // namespace

extern "C" {

collResult_t collAllReduce(const void* send, void* recv, size_t count, collDataType_t type, collRedOp_t op,
                           collComm_t comm, collStream_t stream) {
  return guarded("collAllReduce", {count, type}, [&] {
    return all_reduce({send, recv, count, type, comm, stream}, op, kDefaultCodec);
  });
}

collResult_t collAllReduceCompressed(const void* send, void* recv, size_t count, collDataType_t type, collRedOp_t op,
                                     collCodec_t codec, collComm_t comm, collStream_t stream) {
  return guarded("collAllReduceCompressed", {count, type}, [&] {
    return all_reduce({send, recv, count, type, comm, stream}, op, {true, codec});
  });
}

collResult_t collReduceScatter(const void* send, void* recv, size_t recvcount, collDataType_t type, collRedOp_t op,
                               collComm_t comm, collStream_t stream) {
  return guarded("collReduceScatter", {recvcount, type}, [&] {
    return reduce_scatter({send, recv, recvcount, type, comm, stream}, op, kDefaultCodec);
  });
}

collResult_t collReduceScatterCompressed(const void* send, void* recv, size_t recvcount, collDataType_t type,
                                         collRedOp_t op, collCodec_t codec, collComm_t comm, collStream_t stream) {
  return guarded("collReduceScatterCompressed", {recvcount, type}, [&] {
    return reduce_scatter({send, recv, recvcount, type, comm, stream}, op, {true, codec});
  });
}

collResult_t collAllGather(const void* send, void* recv, size_t sendcount, collDataType_t type, collComm_t comm,
                           collStream_t stream) {
  return guarded("collAllGather", {sendcount, type}, [&] {
    return all_gather({send, recv, sendcount, type, comm, stream}, kDefaultCodec);
  });
}

collResult_t collAllGatherCompressed(const void* send, void* recv, size_t sendcount, collDataType_t type,
                                     collCodec_t codec, collComm_t comm, collStream_t stream) {
  return guarded("collAllGatherCompressed", {sendcount, type}, [&] {
    return all_gather({send, recv, sendcount, type, comm, stream}, {true, codec});
  });
}

collResult_t collBroadcast(const void* send, void* recv, size_t count, collDataType_t type, int root, collComm_t comm,
                           collStream_t stream) {
  return guarded("collBroadcast", {count, type}, [&] {
    return rooted({send, recv, count, type, comm, stream}, {Function::kBroadcast, root, false});
  });
}

collResult_t collReduce(const void* send, void* recv, size_t count, collDataType_t type, collRedOp_t op, int root,
                        collComm_t comm, collStream_t stream) {
  return guarded("collReduce", {count, type}, [&] {
    return rooted({send, recv, count, type, comm, stream}, {Function::kReduce, root, true}, op);
  });
}

collResult_t collGather(const void* send, void* recv, size_t count, collDataType_t type, int root, collComm_t comm,
                        collStream_t stream) {
  return guarded("collGather", {count, type}, [&] {
    return rooted({send, recv, count, type, comm, stream}, {Function::kGather, root, true});
  });
}

collResult_t collScatter(const void* send, void* recv, size_t count, collDataType_t type, int root, collComm_t comm,
                         collStream_t stream) {
  return guarded("collScatter", {count, type}, [&] {
    return rooted({send, recv, count, type, comm, stream}, {Function::kScatter, root, false});
  });
}

collResult_t collAlltoAll(const void* send, void* recv, size_t count, collDataType_t type, collComm_t comm,
                          collStream_t stream) {
  return guarded("collAlltoAll", {count, type}, [&] { return all_to_all({send, recv, count, type, comm, stream}); });
}

collResult_t collSend(const void* send, size_t count, collDataType_t type, int peer, collComm_t comm,
                      collStream_t stream) {
  return guarded("collSend", {count, type}, [&] {
    return transfer({send, nullptr, count, type, comm, stream}, Function::kSend, peer);
  });
}

collResult_t collRecv(void* recv, size_t count, collDataType_t type, int peer, collComm_t comm, collStream_t stream) {
  return guarded("collRecv", {count, type}, [&] {
    return transfer({nullptr, recv, count, type, comm, stream}, Function::kRecv, peer);
  });
}

collResult_t collBarrier(collComm_t comm, collStream_t stream) {
  return guarded("collBarrier", {0, collInt8}, [&] {
    COLL_TRY(not_null(comm, "comm"));
    return submit({nullptr, nullptr, 0, collInt8, comm, stream}, Call{Function::kBarrier});
  });
}
}

COLL_TWIN(collAllReduce);
COLL_TWIN(collAllReduceCompressed);
COLL_TWIN(collReduceScatter);
COLL_TWIN(collReduceScatterCompressed);
COLL_TWIN(collAllGather);
COLL_TWIN(collAllGatherCompressed);
COLL_TWIN(collBroadcast);
COLL_TWIN(collReduce);
COLL_TWIN(collGather);
COLL_TWIN(collScatter);
COLL_TWIN(collAlltoAll);
COLL_TWIN(collSend);
COLL_TWIN(collRecv);
COLL_TWIN(collBarrier);
