#include <cstring>

#include "api/guard.hpp"
#include "api/handles.hpp"
#include "base/twin.hpp"
#include "topology/views.hpp"

using namespace coll;
using api::check_type;
using api::guarded;
using api::not_null;

namespace {

// By collFunc_t.
constexpr Function kFunctions[] = {Function::kAllReduce, Function::kReduceScatter, Function::kAllGather,
                                   Function::kBroadcast, Function::kReduce,        Function::kAllToAll,
                                   Function::kGather,    Function::kScatter,       Function::kSend};

Status function_of(collFunc_t func, Function* function) {
  const auto number = static_cast<size_t>(func);
  if (number >= std::size(kFunctions))
    return {collInvalidArgument, text("func is ", static_cast<int>(func), ", which is not a collFunc_t")};
  *function = kFunctions[number];
  return {};
}

}  // namespace

extern "C" {

collResult_t collCommGetStats(collComm_t comm, collStats_t* stats) {
  return guarded("collCommGetStats", [&] {
    COLL_TRY(not_null(comm, "comm"));
    COLL_TRY(not_null(stats, "stats"));
    collStats_t whole = comm->communicator->stats();
    whole.size = std::min(stats->size, sizeof(whole));
    if (whole.size < sizeof(size_t)) return Status(collInvalidArgument, "set stats->size to sizeof(collStats_t) first");
    std::memcpy(stats, &whole, whole.size);
    return Status();
  });
}

collResult_t collCommQueryPlan(collComm_t comm, collFunc_t func, size_t count, collDataType_t type, collCodec_t codec,
                               char* json, size_t capacity, size_t* needed) {
  return guarded("collCommQueryPlan", [&] {
    COLL_TRY(not_null(comm, "comm"));
    COLL_TRY(check_type(type));
    Call call{};
    COLL_TRY(function_of(func, &call.function));
    call.count = count;
    call.type = type;
    if (func == collFuncSendRecv) {
      const Communicator& communicator = *comm->communicator;
      call.root = (communicator.rank() + 1) % communicator.nranks();
    }
    if (codec != nullptr) COLL_TRY(codec->codec->supports(type));
    call.codec = codec != nullptr ? codec->codec : comm->communicator->default_codec_for(call);
    if (call.codec && call.codec->traits().name == "none") call.codec = nullptr;
    std::string all;
    COLL_TRY(comm->communicator->query_plan(call, &all));
    if (needed != nullptr) *needed = all.size() + 1;
    if (json == nullptr) return Status();
    if (capacity < all.size() + 1) {
      return Status(collInvalidArgument,
                    text("capacity is ", capacity, "; the plan's text takes ", all.size() + 1, " bytes"));
    }
    std::memcpy(json, all.c_str(), all.size() + 1);
    return Status();
  });
}

collResult_t collCommDumpTopology(collComm_t comm, const char* path) {
  return guarded("collCommDumpTopology", [&] {
    COLL_TRY(not_null(comm, "comm"));
    COLL_TRY(not_null(path, "path"));
    const Communicator& communicator = *comm->communicator;
    const topo::Topology& topology = communicator.topology();
    const auto node = static_cast<size_t>(topology.node_of[static_cast<size_t>(communicator.rank())]);
    return topo::write_view(topology, node, path);
  });
}
}

COLL_TWIN(collCommGetStats);
COLL_TWIN(collCommQueryPlan);
COLL_TWIN(collCommDumpTopology);
