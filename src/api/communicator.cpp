#include <memory>

#include "api/group.hpp"
#include "api/guard.hpp"
#include "api/handles.hpp"
#include "base/twin.hpp"
#include "runtime/create.hpp"
#include "runtime/module.hpp"
#include "runtime/tcp_bootstrap.hpp"

using namespace coll;
using api::guarded;
using api::not_null;

namespace {

Status hand_out(std::unique_ptr<Communicator> communicator, collComm_t* comm) {
  auto handle = std::make_unique<collComm>();
  handle->communicator = std::move(communicator);
  *comm = handle.release();
  return {};
}

Status init_rank(collComm_t* comm, int nranks, const collUniqueId& id, int rank, const collConfig_t* given) {
  COLL_TRY(not_null(comm, "comm"));
  *comm = nullptr;
  if (nranks < 1) return {collInvalidArgument, text("nranks is ", nranks, "; a communicator has at least one rank")};
  if (rank < 0 || rank >= nranks)
    return {collInvalidArgument, text("rank is ", rank, "; it must be 0 to ", nranks - 1)};
  Config config;
  COLL_TRY(resolve_config(given, &config));
  std::unique_ptr<Communicator> communicator;
  COLL_TRY(create_by_id(id, nranks, rank, config, &communicator));
  return hand_out(std::move(communicator), comm);
}

template <typename Body>
collResult_t with_comm(const char* call, collComm_t comm, Body&& body) {
  return guarded(call, [&] {
    COLL_TRY(not_null(comm, "comm"));
    return body(*comm->communicator);
  });
}

}  // namespace

extern "C" {

collResult_t collGetUniqueId(collUniqueId* id) {
  return guarded("collGetUniqueId", [&] {
    COLL_TRY(not_null(id, "id"));
    Env env;
    COLL_TRY(read_env(&env));
    return tcp::make_unique_id(env.bootstrap_ifname, env.timeout_ms, id);
  });
}

collResult_t collCommInitRank(collComm_t* comm, int nranks, collUniqueId id, int rank) {
  return guarded("collCommInitRank", [&] { return init_rank(comm, nranks, id, rank, nullptr); });
}

collResult_t collCommInitRankConfig(collComm_t* comm, int nranks, collUniqueId id, int rank,
                                    const collConfig_t* config) {
  return guarded("collCommInitRankConfig", [&] { return init_rank(comm, nranks, id, rank, config); });
}

collResult_t collModuleCommInit(collComm_t* comm, int abi, Bootstrap* bootstrap, const OpenFar* open_mpi,
                                const collConfig_t* given) {
  return guarded("collCommInitMPI", [&] {
    if (abi != kModuleAbi) {
      return Status(collInvalidUsage,
                    "libcoll.so and libcoll_mpi.so are of different versions; install both from one build");
    }
    COLL_TRY(not_null(comm, "comm"));
    *comm = nullptr;
    Config config;
    COLL_TRY(resolve_config(given, &config));
    const FarWay ways[] = {ucx_way(), {"mpi", *open_mpi}};
    std::unique_ptr<Communicator> communicator;
    COLL_TRY(create_communicator(*bootstrap, ways, config, &communicator));
    return hand_out(std::move(communicator), comm);
  });
}

int collModuleTimeoutMs(const collConfig_t* given) {
  Config config;
  // A setting that cannot be understood is reported by collModuleCommInit, which reads it again.
  const bool understood = resolve_config(given, &config).ok();
  return understood ? config.timeout_ms : Env().timeout_ms;
}

collResult_t collCommFinalize(collComm_t comm) {
  return with_comm("collCommFinalize", comm, [](Communicator& communicator) { return communicator.finalize(); });
}

collResult_t collCommDestroy(collComm_t comm) {
  return guarded("collCommDestroy", [&] {
    if (comm == nullptr) return Status();
    if (api::group().uses(*comm->communicator)) {
      return Status(collInvalidUsage, "an open group has calls on this communicator; end the group first");
    }
    const std::unique_ptr<collComm> owned(comm);
    // A communicator that has failed is freed as well; its failure was returned by the call that met it.
    static_cast<void>(owned->communicator->finalize());
    return Status();
  });
}

collResult_t collCommAbort(collComm_t comm) {
  return with_comm("collCommAbort", comm, [](Communicator& communicator) {
    communicator.abort();
    return Status();
  });
}

collResult_t collCommGetAsyncError(collComm_t comm, collResult_t* async_error) {
  return with_comm("collCommGetAsyncError", comm, [&](Communicator& communicator) {
    COLL_TRY(not_null(async_error, "async_error"));
    static_cast<void>(communicator.look_at_devices());
    const std::shared_ptr<Process> process = Process::acquire();
    const auto visit = process->visit();
    bool moved = false;
    process->advance_streams(&moved);
    const Status failure = communicator.failure();
    *async_error = failure.ok() && communicator.pending() ? collInProgress : failure.code();
    return Status();
  });
}

collResult_t collCommCount(collComm_t comm, int* count) {
  return with_comm("collCommCount", comm, [&](Communicator& communicator) {
    COLL_TRY(not_null(count, "count"));
    *count = communicator.nranks();
    return Status();
  });
}

collResult_t collCommUserRank(collComm_t comm, int* rank) {
  return with_comm("collCommUserRank", comm, [&](Communicator& communicator) {
    COLL_TRY(not_null(rank, "rank"));
    *rank = communicator.rank();
    return Status();
  });
}

collResult_t collCommMemUsage(collComm_t comm, size_t* host_bytes, size_t* device_bytes) {
  return with_comm("collCommMemUsage", comm, [&](Communicator& communicator) {
    if (host_bytes != nullptr) *host_bytes = communicator.memory_bytes();
    if (device_bytes != nullptr) *device_bytes = communicator.device_bytes();
    return Status();
  });
}

collResult_t collCommCuDevice(collComm_t comm, int* device) {
  return with_comm("collCommCuDevice", comm, [&](Communicator& communicator) {
    COLL_TRY(not_null(device, "device"));
    *device = communicator.device();
    return Status();
  });
}
}

COLL_TWIN(collGetUniqueId);
COLL_TWIN(collCommInitRank);
COLL_TWIN(collCommInitRankConfig);
COLL_TWIN(collCommFinalize);
COLL_TWIN(collCommDestroy);
COLL_TWIN(collCommAbort);
COLL_TWIN(collCommGetAsyncError);
COLL_TWIN(collCommCount);
COLL_TWIN(collCommUserRank);
COLL_TWIN(collCommMemUsage);
COLL_TWIN(collCommCuDevice);
