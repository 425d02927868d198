#include "transport/shm/setup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <type_traits>

#include "transport/shm/liveness.hpp"

namespace coll {

namespace shm {

namespace {

// First exchange: what the lowest rank of each node has made, and how to try what of a rank can be reached.
struct Offer {
  uint64_t ring_bytes;
  Token token;
  char path[192];
  Proof proof;  // every rank's own
};
static_assert(sizeof(Offer) == 256 && std::is_trivially_copyable_v<Offer>);

// Second exchange: who is ready. The name in the file system is no longer needed after it.
struct Verdict {
  int32_t code;
  char words[508];
};
static_assert(sizeof(Verdict) == 512 && std::is_trivially_copyable_v<Verdict>);

template <typename T>
Status exchange(const ShmOptions& options, const T& mine, std::vector<T>* all) {
  all->resize(static_cast<size_t>(options.nranks));
  return options.allgather(std::as_bytes(std::span(&mine, 1)), reinterpret_cast<std::byte*>(all->data()));
}

Status validate(const ShmOptions& options) {
  const auto& local = options.local_ranks;
  const bool ring_fits = (options.ring_bytes & (options.ring_bytes - 1)) == 0 &&
                         (options.ring_bytes == 0 || options.ring_bytes >= kMinRingBytes);
  if (std::is_sorted(local.begin(), local.end()) && local_index(local, options.rank) < local.size() && ring_fits) {
    return {};
  }
  return {collInternalError, text("rank ", options.rank, ": bad options for the shm transport")};
}

Allocate allocate_of(const ShmOptions& options) {
  if (options.allocate) return options.allocate;
  return [](int fd, size_t offset, size_t bytes) {
    return ::posix_fallocate(fd, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  };
}

Status lead(const ShmOptions& options, Segment* segment, FileName* name, Offer* offer, std::string* warning) {
  const size_t nlocal = options.local_ranks.size();
  const CreateRequest request{.directory = options.directory,
                              .nlocal = nlocal,
                              .ring_bytes = options.ring_bytes != 0 ? options.ring_bytes : default_ring_bytes(nlocal),
                              .allocate = allocate_of(options)};
  COLL_TRY(create_segment(request, segment, name, &offer->token, warning));
  if (name->path().size() >= sizeof offer->path) {
    return {collInvalidArgument, text("the path ", name->path(), " is too long")};
  }
  offer->ring_bytes = segment->layout().ring_bytes;
  name->path().copy(offer->path, sizeof offer->path - 1);
  return {};
}

// Tells the peers of the node what of theirs this rank can reach.
void try_reach(const ShmOptions& options, const std::vector<Offer>& offers, const Segment& segment) {
  const size_t me = local_index(options.local_ranks, options.rank);
  for (size_t other = 0; other < options.local_ranks.size(); ++other) {
    const Proof& proof = offers[static_cast<size_t>(options.local_ranks[other])].proof;
    if (other == me) continue;
    uint64_t reach = 0;
    if (can_open(proof)) reach |= kOpensRegions;
    if (can_read(proof)) reach |= kReadsMemory;
    segment.pair(other, me)->reach.store(reach);
  }
}

Status follow(const ShmOptions& options, const Offer& offer, Segment* segment) {
  if (offer.path[0] == '\0') return {};  // the leader failed, and says so in its verdict
  const Layout layout{options.local_ranks.size(), offer.ring_bytes};
  return open_segment(offer.path, layout, offer.token, segment);
}

// The first failure in rank order, the same on all ranks.
Status judge(const std::vector<Verdict>& verdicts) {
  for (size_t rank = 0; rank < verdicts.size(); ++rank) {
    if (verdicts[rank].code == collSuccess) continue;
    return {static_cast<collResult_t>(verdicts[rank].code),
            text("no shared memory transport: rank ", rank, ": ", verdicts[rank].words)};
  }
  return {};
}

std::string read_line(const char* path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

}  // namespace

}  // namespace shm

Status make_shm(const ShmOptions& options, std::unique_ptr<Transport>* transport, std::string* warning) {
  const int leader = options.local_ranks.empty() ? options.rank : options.local_ranks.front();
  const bool alone = options.local_ranks.size() == 1;
  shm::Segment segment;
  shm::FileName name;  // removes the file on every way out of here
  shm::Offer mine{};
  shm::FileDescriptor proof;  // open until the peers have tried
  // Without a proof, messages in regions are copied.
  if (!alone && options.regions) static_cast<void>(shm::show(&proof, &mine.proof));
  Status status = shm::validate(options);
  if (status.ok() && !alone && options.rank == leader) status = shm::lead(options, &segment, &name, &mine, warning);

  std::vector<shm::Offer> offers;
  COLL_TRY(shm::exchange(options, mine, &offers));
  if (status.ok() && !alone && options.rank != leader) {
    status = shm::follow(options, offers[static_cast<size_t>(leader)], &segment);
  }
  if (status.ok() && segment.base() != nullptr) {
    shm::try_reach(options, offers, segment);
    // Who cannot is never taken for ended.
    static_cast<void>(shm::show_life(segment.file(), shm::local_index(options.local_ranks, options.rank)));
  }
  shm::Verdict verdict{};
  verdict.code = status.code();
  status.message().copy(verdict.words, sizeof verdict.words - 1);
  std::vector<shm::Verdict> verdicts;
  COLL_TRY(shm::exchange(options, verdict, &verdicts));
  COLL_TRY(shm::judge(verdicts));
  if (alone) return {};
  shm::Place place{options.local_ranks, options.rank, options.nranks, {}, options.regions};
  for (const int rank : options.local_ranks) {
    place.processes.push_back(static_cast<pid_t>(offers[static_cast<size_t>(rank)].proof.process));
  }
  *transport = shm::make_transport(std::move(segment), place, shm::allocate_of(options));
  return {};
}

std::string host_key(const std::string& directory) {
  std::string machine = shm::read_line("/proc/sys/kernel/random/boot_id");
  if (machine.empty()) {
    char host[HOST_NAME_MAX + 1] = {};
    ::gethostname(host, sizeof host - 1);
    machine = host;
  }
  struct stat info {};
  const bool mounted = ::stat(directory.c_str(), &info) == 0;
  return text(machine, "/", mounted ? std::to_string(info.st_dev) : "no " + directory, "/", ::geteuid());
}

}  // namespace coll
