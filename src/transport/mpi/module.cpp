// What libcoll.so takes from this module where ranks met by unique id: the MPI transport over exactly those ranks.
#include <sys/random.h>

#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <vector>

#include "runtime/module.hpp"
#include "transport/mpi/comm.hpp"
#include "transport/mpi/mpi_transport.hpp"

namespace coll::mpi {

namespace {

// What a rank tells the others. Ranks of two separate mpirun commands may have the same numbers.
struct Member {
  int32_t usable;
  int32_t world_rank;
  int32_t world_size;
  int32_t tag;      // rank 0's counts; keeps groups that are made at the same time apart
  uint64_t nonce;   // rank 0's counts
  char world[104];  // what the launcher calls this MPI world; "" where it does not say
  char words[128];  // why MPI is not usable here
};
static_assert(sizeof(Member) == 256 && std::is_trivially_copyable_v<Member>);

std::string world_name() {
  for (const char* variable : {"PMIX_NAMESPACE", "PMI_KVSNAME", "PMI_JOBID", "SLURM_JOB_ID"}) {
    if (const char* value = std::getenv(variable); value != nullptr && *value != '\0')
      return text(variable, "=", value);
  }
  return {};
}

Member introduce() {
  Member me{};
  const Status status = check_usable();
  me.usable = status.ok() ? 1 : 0;
  status.message().copy(me.words, sizeof me.words - 1);
  if (!status.ok()) return me;
  PMPI_Comm_rank(MPI_COMM_WORLD, &me.world_rank);
  PMPI_Comm_size(MPI_COMM_WORLD, &me.world_size);
  world_name().copy(me.world, sizeof me.world - 1);
  uint16_t tag = 0;
  // Without random bytes the tag and the nonce are 0, which is only a little less robust.
  static_cast<void>(::getrandom(&tag, sizeof tag, 0) + ::getrandom(&me.nonce, sizeof me.nonce, 0));
  me.tag = tag & 0x7fff;  // MPI promises tags up to 32767
  return me;
}

Status check_one_world(const std::vector<Member>& members) {
  std::vector<int> seen(static_cast<size_t>(std::max(members[0].world_size, 1)), -1);
  for (size_t rank = 0; rank < members.size(); ++rank) {
    const Member& m = members[rank];
    if (m.usable == 0) return {collInvalidUsage, text("rank ", rank, ": ", m.words)};
    const bool same = m.world_size == members[0].world_size && std::strcmp(m.world, members[0].world) == 0;
    int* holder = same ? &seen[static_cast<size_t>(m.world_rank)] : nullptr;
    if (!same || *holder >= 0) {
      return {collInvalidUsage,
              text("rank ", rank, " and rank ", same ? *holder : 0,
                   " are not in the same MPI_COMM_WORLD: ", "start all ranks with one mpirun, or on one node")};
    }
    *holder = static_cast<int>(rank);
  }
  return {};
}

Status create_group(const std::vector<Member>& members, CommPtr* comm) {
  std::vector<int> world_ranks;
  for (const Member& m : members) world_ranks.push_back(m.world_rank);
  MPI_Group world = MPI_GROUP_NULL;
  MPI_Group group = MPI_GROUP_NULL;
  MPI_Comm made = MPI_COMM_NULL;
  COLL_TRY(to_status(PMPI_Comm_group(MPI_COMM_WORLD, &world), "MPI_Comm_group"));
  Status status = to_status(PMPI_Group_incl(world, static_cast<int>(world_ranks.size()), world_ranks.data(), &group),
                            "MPI_Group_incl");
  if (status.ok()) {
    status = to_status(PMPI_Comm_create_group(MPI_COMM_WORLD, group, members[0].tag, &made), "MPI_Comm_create_group");
    PMPI_Group_free(&group);
  }
  PMPI_Group_free(&world);
  COLL_TRY(status);
  *comm = std::make_shared<OwnedComm>(made);
  return {};
}

Status open(const FarRequest& request, std::unique_ptr<Transport>* transport) {
  const Member me = introduce();
  std::vector<Member> members(static_cast<size_t>(request.bootstrap->nranks()));
  COLL_TRY(request.bootstrap->allgather(std::as_bytes(std::span(&me, 1)), reinterpret_cast<std::byte*>(members.data()),
                                        request.deadline));
  COLL_TRY(check_one_world(members));
  CommPtr comm;
  COLL_TRY(create_group(members, &comm));  // no deadline, but all members have just been heard from
  return make_mpi(std::move(comm), members[0].nonce, transport);
}

const char* version() {
  // MPI's own buffer, filled once; initialisation of a local static is thread-safe.
  struct Text {
    char words[MPI_MAX_LIBRARY_VERSION_STRING + 1] = {};
    Text() {
      int length = 0;
      PMPI_Get_library_version(words, &length);
      if (char* comma = std::strpbrk(words, ",\n"); comma != nullptr) *comma = '\0';
    }
  };
  static const Text text_of_library;
  return text_of_library.words;
}

bool usable() { return check_usable().ok(); }

constexpr ModuleApi kApi{kModuleAbi, "mpi", &version, &usable, &open};

}  // namespace

}  // namespace coll::mpi

extern "C" COLL_API const coll::ModuleApi* collModuleMPI(void) { return &coll::mpi::kApi; }
