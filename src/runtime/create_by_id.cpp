#include <dlfcn.h>

#include "runtime/create.hpp"
#include "runtime/module.hpp"
#include "runtime/tcp_bootstrap.hpp"

namespace coll {

namespace {

constexpr const char* kMpiModule = "libcoll_mpi.so.0";

// The MPI module, opened only where the program has MPI already: a process without it stays without it.
const ModuleApi* mpi_module() {
  if (dlsym(RTLD_DEFAULT, "MPI_Initialized") == nullptr) return nullptr;
  void* library = dlopen(kMpiModule, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  const auto entry = reinterpret_cast<decltype(&collModuleMPI)>(dlsym(library, "collModuleMPI"));
  const ModuleApi* module = entry != nullptr ? entry() : nullptr;
  return module != nullptr && module->abi == kModuleAbi && module->usable() ? module : nullptr;
}

Status open_mpi(Bootstrap& bootstrap, Clock::time_point deadline, std::unique_ptr<Transport>* transport) {
  const ModuleApi* module = mpi_module();
  const auto mine = static_cast<std::byte>(module != nullptr);
  std::vector<std::byte> all(static_cast<size_t>(bootstrap.nranks()));
  COLL_TRY(bootstrap.allgather({&mine, 1}, all.data(), deadline));
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank] != std::byte{0}) continue;
    return {collSystemError,
            text("the ranks do not all share memory, so they need MPI; but rank ", rank,
                 " has not called "
                 "MPI_Init, or does not find ",
                 kMpiModule, " beside libcoll.so. Start the ranks with mpirun and call MPI_Init first")};
  }
  return module->open(bootstrap, deadline, transport);
}

}  // namespace

Status create_by_id(const collUniqueId& id, int nranks, int rank, const Config& config,
                    std::unique_ptr<Communicator>* communicator) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(config.timeout_ms);
  std::unique_ptr<Bootstrap> bootstrap;
  COLL_TRY(tcp::join(id, nranks, rank, deadline, &bootstrap));
  const OpenFar open_far = [&](std::unique_ptr<Transport>* far) { return open_mpi(*bootstrap, deadline, far); };
  return create_communicator(*bootstrap, open_far, config, communicator);
}

}  // namespace coll
