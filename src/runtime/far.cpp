#include "runtime/far.hpp"

#include <dlfcn.h>
#include <signal.h>

#include <array>
#include <cstring>
#include <vector>

namespace coll {

namespace {

struct ModuleFile {
  std::string_view name;
  const char* file;
  const char* entry;
};

constexpr ModuleFile kUcx{"ucx", "libcoll_ucx.so.0", "collModuleUCX"};
constexpr ModuleFile kMpi{"mpi", "libcoll_mpi.so.0", "collModuleMPI"};

// UCX takes over these signals when it is loaded. They are the program's.
class SignalHandlersStay {
 public:
  SignalHandlersStay() {
    for (size_t i = 0; i < before_.size(); ++i) ::sigaction(kSignals[i], nullptr, &before_[i]);
  }
  ~SignalHandlersStay() {
    for (size_t i = 0; i < before_.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  SignalHandlersStay(const SignalHandlersStay&) = delete;
  SignalHandlersStay& operator=(const SignalHandlersStay&) = delete;

 private:
  static constexpr std::array kSignals{SIGHUP, SIGILL, SIGBUS, SIGFPE, SIGSEGV};
  std::array<struct sigaction, kSignals.size()> before_{};
};

const ModuleApi* load(const ModuleFile& module, std::string* why_not) {
  void* library = nullptr;
  {
    const SignalHandlersStay stay;
    library = ::dlopen(module.file, RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    *why_not = text("cannot load ", ::dlerror());
    return nullptr;
  }
  using Entry = const ModuleApi* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(library, module.entry));
  const ModuleApi* api = entry != nullptr ? entry() : nullptr;
  if (api != nullptr && api->abi == kModuleAbi) return api;
  *why_not = text("has ", module.file, " of another version than libcoll.so");
  return nullptr;
}

// The MPI module is opened only where the program has MPI already: a process without it stays without it.
const ModuleApi* load_mpi(std::string* why_not) {
  const ModuleApi* api = ::dlsym(RTLD_DEFAULT, "MPI_Initialized") != nullptr ? load(kMpi, why_not) : nullptr;
  if (api != nullptr && api->usable()) return api;
  *why_not = text("has not called MPI_Init, or does not find ", kMpi.file,
                  " beside libcoll.so; start the ranks with mpirun and call MPI_Init first");
  return nullptr;
}

const ModuleApi* load_ucx(std::string* why_not) { return load(kUcx, why_not); }

// What a rank tells the others about a module.
struct Presence {
  int32_t here;
  char words[252];  // why not
};
static_assert(sizeof(Presence) == 256);

// Opens a module that every rank has.
Status open_module(const ModuleApi* (*load_it)(std::string*), const FarRequest& request,
                   std::unique_ptr<Transport>* transport) {
  std::string why_not;
  const ModuleApi* module = load_it(&why_not);
  Presence mine{};
  mine.here = module != nullptr ? 1 : 0;
  why_not.copy(mine.words, sizeof mine.words - 1);
  std::vector<Presence> all(static_cast<size_t>(request.bootstrap->nranks()));
  COLL_TRY(request.bootstrap->allgather(std::as_bytes(std::span(&mine, 1)), reinterpret_cast<std::byte*>(all.data()),
                                        request.deadline));
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].here == 0) return {collUnsupported, text("rank ", rank, " ", all[rank].words)};
  }
  return module->open(request, transport);
}

}  // namespace

FarWay ucx_way() {
  return {kUcx.name, [](const FarRequest& request, std::unique_ptr<Transport>* transport) {
            return open_module(&load_ucx, request, transport);
          }};
}

FarWay mpi_way() {
  return {kMpi.name, [](const FarRequest& request, std::unique_ptr<Transport>* transport) {
            return open_module(&load_mpi, request, transport);
          }};
}

Status open_far(std::span<const FarWay* const> ways, const FarRequest& request, const Log& log,
                std::unique_ptr<Transport>* transport) {
  std::string refused;
  for (const FarWay* way : ways) {
    Status opened = way->open(request, transport);
    if (opened.ok()) {
      if (request.bootstrap->rank() == 0) {
        log.info(
            LogPart::kTransport, "ranks of different nodes talk over ", way->name,
            refused.empty() ? text(", the first that may be used and works on all ranks") : text(" (", refused, ")"));
      }
      return {};
    }
    if (opened.code() != collUnsupported) return opened;
    refused += text(refused.empty() ? "" : "; ", "not over ", way->name, ": ", opened.message());
  }
  return {collSystemError, text("the ranks do not all share memory, and nothing else connects them: ", refused)};
}

std::string module_version(std::string_view name) {
  std::string why_not;
  const ModuleApi* module = load(name == kUcx.name ? kUcx : kMpi, &why_not);
  return module != nullptr ? module->version() : text("not usable: ", why_not);
}

}  // namespace coll
