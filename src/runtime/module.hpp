// The seam between libcoll.so and the modules beside it (libcoll_mpi.so, libcoll_ucx.so).
//
// A module hands in a bootstrap and transports as abstract classes, so neither side needs the other's symbols. Both are
// built from one tree; kModuleAbi refuses a module of another version.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "coll/coll.h"
#include "runtime/bootstrap.hpp"
#include "transport/transport.hpp"

namespace coll {

inline constexpr int kModuleAbi = COLL_VERSION_CODE * 100 + 4;

// What a transport between nodes is opened with.
struct FarRequest {
  Bootstrap* bootstrap;
  Clock::time_point deadline;
  std::string device;   // the network device near this rank, as UCX names it; "" where none stands out
  bool direct = false;  // whether messages are to lie in memory of this rank's device, where the transport takes it
};
// Collective over the bootstrap's ranks: joins a transport that reaches all of them. collUnsupported, which all ranks
// return alike, says why it cannot be had here.
using OpenFar = std::function<Status(const FarRequest&, std::unique_ptr<Transport>*)>;

// What a module offers to a communicator that is being made.
struct ModuleApi {
  int abi;                   // kModuleAbi
  const char* name;          // the transport's registered name: "mpi", "ucx"
  const char* (*version)();  // of the library underneath, for people
  bool (*usable)();          // e.g. MPI is initialised and not finalised
  Status (*open)(const FarRequest& request, std::unique_ptr<Transport>* transport);  // an OpenFar
};

}  // namespace coll

extern "C" {
// Exported by libcoll_mpi.so.
COLL_API const coll::ModuleApi* collModuleMPI(void);
// Exported by libcoll_ucx.so.
COLL_API const coll::ModuleApi* collModuleUCX(void);
// Exported by libcoll.so for its modules: makes a communicator over a bootstrap. `open_mpi` is called where the MPI
// transport is needed; both are used until the call returns.
COLL_API collResult_t collModuleCommInit(collComm_t* comm, int abi, coll::Bootstrap* bootstrap,
                                         const coll::OpenFar* open_mpi, const collConfig_t* config);
// Exported by libcoll.so for its modules: the time-out that `config` (may be NULL) and the environment ask for.
COLL_API int collModuleTimeoutMs(const collConfig_t* config);
// Sets collGetLastError() of this thread; returns `code`.
COLL_API collResult_t collModuleFail(collResult_t code, const char* message);
}
