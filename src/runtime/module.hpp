// The seam between libcoll.so and the modules beside it (libcoll_mpi.so, later libcoll_ucx.so).
//
// A module hands in a bootstrap and transports as abstract classes, so neither side needs the other's symbols. Both are
// built from one tree; kModuleAbi refuses a module of another version.
#pragma once

#include <memory>
#include <vector>

#include "coll/coll.h"
#include "runtime/bootstrap.hpp"
#include "transport/transport.hpp"

namespace coll {

inline constexpr int kModuleAbi = COLL_VERSION_CODE * 100 + 2;

// What a module offers to a communicator that is being made by unique id.
struct ModuleApi {
  int abi;                   // kModuleAbi
  const char* name;          // the transport's registered name: "mpi"
  const char* (*version)();  // of the library underneath, for people
  bool (*usable)();          // e.g. MPI is initialised and not finalised
  // Collective over the bootstrap's ranks: joins the transport, or says why not.
  Status (*open)(Bootstrap& bootstrap, Clock::time_point deadline, std::unique_ptr<Transport>* transport);
};

}  // namespace coll

extern "C" {
// Exported by libcoll_mpi.so.
COLL_API const coll::ModuleApi* collModuleMPI(void);
// Exported by libcoll.so for its modules: makes a communicator over a bootstrap and a transport that reaches every
// rank. Takes ownership of `transport`; `bootstrap` is used until the call returns.
COLL_API collResult_t collModuleCommInit(collComm_t* comm, int abi, coll::Bootstrap* bootstrap,
                                         coll::Transport* transport, const collConfig_t* config);
// Exported by libcoll.so for its modules: the time-out that `config` (may be NULL) and the environment ask for.
COLL_API int collModuleTimeoutMs(const collConfig_t* config);
// Sets collGetLastError() of this thread; returns `code`.
COLL_API collResult_t collModuleFail(collResult_t code, const char* message);
}
