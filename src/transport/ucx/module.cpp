// What libcoll.so takes from this module: the UCX transport over the ranks of a bootstrap.
#include "transport/ucx/module.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "transport/ucx/context.hpp"
#include "transport/ucx/ucx_transport.hpp"

namespace coll::ucx {

namespace {

// What a rank tells the others before they exchange addresses.
struct Member {
  int32_t usable;
  uint32_t address_bytes;
  char words[248];  // why UCX is not usable here
};
static_assert(sizeof(Member) == 256 && std::is_trivially_copyable_v<Member>);

struct Local {
  std::unique_ptr<Worker> worker;
  std::vector<std::byte> address;
};

Status prepare(const FarRequest& request, ucs_memory_type_t of_devices, Local* local) {
  WorkerOptions options{request.device, request.bootstrap->nranks()};
  if (request.direct) options.direct = of_devices;
  Status made = Worker::make(options, &local->worker);
  // A device that UCX cannot use, such as an interface without an address, leaves the choice to UCX.
  if (!made.ok() && !std::exchange(options.device, {}).empty()) made = Worker::make(options, &local->worker);
  COLL_TRY(made);
  return local->worker->address(&local->address);
}

// Every rank learns how far the others have come; collUnsupported where one has failed.
Status compare(const FarRequest& request, const Status& own, size_t address_bytes, std::vector<Member>* members) {
  Member me{};
  me.usable = own.ok() ? 1 : 0;
  me.address_bytes = static_cast<uint32_t>(address_bytes);
  own.message().copy(me.words, sizeof me.words - 1);
  members->resize(static_cast<size_t>(request.bootstrap->nranks()));
  COLL_TRY(request.bootstrap->allgather(std::as_bytes(std::span(&me, 1)), reinterpret_cast<std::byte*>(members->data()),
                                        request.deadline));
  for (size_t rank = 0; rank < members->size(); ++rank) {
    const Member& m = (*members)[rank];
    if (m.usable == 0) return {collUnsupported, text("rank ", rank, ": ", m.words)};
  }
  return {};
}

using Addresses = std::vector<std::vector<std::byte>>;

// Addresses have any length, so the shorter ones are filled up for the exchange.
Status exchange(const FarRequest& request, const std::vector<Member>& members, const Local& local, Addresses* all) {
  size_t longest = 0;
  for (const Member& m : members) longest = std::max<size_t>(longest, m.address_bytes);
  std::vector<std::byte> mine = local.address;
  mine.resize(longest);
  std::vector<std::byte> gathered(longest * members.size());
  COLL_TRY(request.bootstrap->allgather(mine, gathered.data(), request.deadline));
  for (size_t rank = 0; rank < members.size(); ++rank) {
    const std::byte* begin = gathered.data() + rank * longest;
    all->emplace_back(begin, begin + members[rank].address_bytes);
  }
  return {};
}

Status open(const FarRequest& request, std::unique_ptr<Transport>* transport) {
  return open_transport(request, UCS_MEMORY_TYPE_CUDA, transport);
}

// For people: the version, and whether device memory may be given to it.
const char* version() {
  static const std::string words = [] {
    std::unique_ptr<Worker> worker;
    const Status made = Worker::make({.direct = UCS_MEMORY_TYPE_CUDA}, &worker);
    const bool aware = made.ok() && worker->registered_memory() != nullptr;
    return text(ucp_get_version_string(), aware ? ", CUDA-aware" : ", not CUDA-aware");
  }();
  return words.c_str();
}

bool usable() { return true; }

constexpr ModuleApi kApi{kModuleAbi, "ucx", &version, &usable, &open};

}  // namespace

Status open_transport(const FarRequest& request, ucs_memory_type_t of_devices, std::unique_ptr<Transport>* transport) {
  Local local;
  std::vector<Member> members;
  const Status prepared = prepare(request, of_devices, &local);
  COLL_TRY(compare(request, prepared, local.address.size(), &members));
  Addresses addresses;
  COLL_TRY(exchange(request, members, local, &addresses));
  std::unique_ptr<Transport> made;
  const Status joined =
      make_ucx(std::move(local.worker), std::move(addresses), request.bootstrap->rank(), request.deadline, &made);
  COLL_TRY(compare(request, joined, 0, &members));
  *transport = std::move(made);
  return {};
}

}  // namespace coll::ucx

extern "C" COLL_API const coll::ModuleApi* collModuleUCX(void) { return &coll::ucx::kApi; }
