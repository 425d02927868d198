#include "ranks.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/env.hpp"
#include "topology/discover.hpp"
#include "topology/exchange.hpp"
#include "transport/shm/shm.hpp"

namespace coll::perf {
namespace {

constexpr useconds_t kNapUs = 10000;  // each look makes the MPI library poll

void sleep_until(MPI_Request* request) {
  for (int done = 0; done == 0;) {
    MPI_Test(request, &done, MPI_STATUS_IGNORE);
    if (done == 0) ::usleep(kNapUs);
  }
}

}  // namespace

Ranks::Ranks(int* argc, char*** argv) {
  MPI_Init(argc, argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
}

Ranks::~Ranks() { MPI_Finalize(); }

Problem Ranks::find_nodes(topo::Topology* topology) const {
  Env env;
  Status status = read_env(&env);
  if (Problem p = agree({status.message(), kUsage})) return p;
  const topo::Allgather allgather = [](std::span<const std::byte> mine, std::byte* all) {
    const auto bytes = static_cast<int>(mine.size());
    MPI_Allgather(mine.data(), bytes, MPI_BYTE, all, bytes, MPI_BYTE, MPI_COMM_WORLD);
    return Status();
  };
  std::string warning;
  topo::Joining own(env.host_id.empty() ? host_key() : env.host_id, rank_, size_);
  own.topo_file = env.topo_file;
  status = topo::exchange(own, allgather, topology, &warning);
  return agree({status.message()});
}

void Ranks::wait() const {
  MPI_Request request;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  sleep_until(&request);
}

Problem Ranks::agree(const Problem& mine) const {
  wait();  // asleep: the collectives below do not
  int speaker = mine ? rank_ : size_;
  MPI_Allreduce(MPI_IN_PLACE, &speaker, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (speaker == size_) return {};
  Problem theirs = mine;
  int said[2] = {static_cast<int>(mine.text.size()), mine.status};
  MPI_Bcast(said, 2, MPI_INT, speaker, MPI_COMM_WORLD);
  theirs.text.resize(static_cast<size_t>(said[0]));
  theirs.status = said[1];
  MPI_Bcast(theirs.text.data(), said[0], MPI_CHAR, speaker, MPI_COMM_WORLD);
  return theirs;
}

double Ranks::sum(double mine) const {
  MPI_Allreduce(MPI_IN_PLACE, &mine, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return mine;
}

double Ranks::most(double mine) const {
  MPI_Allreduce(MPI_IN_PLACE, &mine, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return mine;
}

MPI_Comm Ranks::group(const std::vector<int>& members) const {
  const bool inside = std::find(members.begin(), members.end(), rank_) != members.end();
  const auto key = static_cast<int>(std::find(members.begin(), members.end(), rank_) - members.begin());
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, inside ? members.front() : MPI_UNDEFINED, key, &comm);
  return comm;
}

}  // namespace coll::perf
