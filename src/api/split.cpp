#include "api/group.hpp"
#include "api/guard.hpp"
#include "api/handles.hpp"
#include "base/twin.hpp"
#include "runtime/create.hpp"

using namespace coll;
using api::guarded;
using api::not_null;

namespace {

Status split(collComm_t comm, int color, int key, collComm_t* newcomm, const collConfig_t* given) {
  COLL_TRY(not_null(newcomm, "newcomm"));
  *newcomm = nullptr;
  COLL_TRY(not_null(comm, "comm"));
  if (color < 0 && color != COLL_SPLIT_NOCOLOR)
    return {collInvalidArgument, text("color is ", color, "; it must not be negative, or be COLL_SPLIT_NOCOLOR")};
  Config config;
  COLL_TRY(resolve_config(given, comm->communicator->config(), &config));
  std::unique_ptr<Communicator> made;
  COLL_TRY(split_communicator(*comm->communicator, color, key, config, &made));
  if (!made) return {};
  auto handle = std::make_unique<collComm>();
  handle->communicator = std::move(made);
  *newcomm = handle.release();
  return {};
}

}  // namespace

extern "C" collResult_t collCommSplit(collComm_t comm, int color, int key, collComm_t* newcomm,
                                      const collConfig_t* config) {
  return guarded("collCommSplit", [&] { return split(comm, color, key, newcomm, config); });
}

COLL_TWIN(collCommSplit);
