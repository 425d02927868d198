#include "transport/mpi/mpi_bootstrap.hpp"

#include <climits>
#include <cstring>
#include <vector>

namespace coll::mpi {

namespace {

constexpr size_t kMaxNamedRanks = 16;
// Duplicating waits for everybody but cannot tell for whom it waits. Up to so many ranks a gather before it does.
constexpr int kRollCallRanks = 512;
constexpr std::byte kHere{1};

int milliseconds_between(Clock::time_point start, Clock::time_point end) {
  return static_cast<int>(std::chrono::round<std::chrono::milliseconds>(end - start).count());
}

// Every rank's contribution begins with kHere. MPI says nothing about the buffer of a gather that is not complete, so
// what is found there is a hint for people: ranks whose mark has come are certainly here.
std::string ranks_not_heard_from(const std::vector<std::byte>& gathered, size_t stride, size_t own_rank) {
  std::string names;
  size_t missing = 0;
  for (size_t rank = 0; rank * stride < gathered.size(); ++rank) {
    const auto* mark = reinterpret_cast<const volatile std::byte*>(&gathered[rank * stride]);
    if (rank == own_rank || *mark == kHere || ++missing > kMaxNamedRanks) continue;
    names += text(names.empty() ? "" : ", ", "rank ", rank);
  }
  return missing > kMaxNamedRanks ? text(names, " and ", missing - kMaxNamedRanks, " more") : names;
}

struct Gather {
  MPI_Comm comm;
  int rank;
  int nranks;
  const char* what;  // that a missing rank did not do: "did not call collCommInitMPI"
};

// PMPI_Iallgatherv is direct in Open MPI: ranks that are here hear of each other even where others are missing.
Status gather(const Gather& g, std::span<const std::byte> mine, std::byte* all, Clock::time_point deadline) {
  const size_t stride = mine.size() + 1;
  if (stride * static_cast<size_t>(g.nranks) > INT_MAX) {
    return {collInternalError, text("rank ", g.rank, ": ", mine.size(), " bytes per rank are too many to exchange")};
  }
  struct Buffers {
    std::vector<std::byte> send, receive;
    std::vector<int> counts, offsets;
  };
  auto b = std::make_unique<Buffers>();
  b->send.assign(stride, kHere);
  if (!mine.empty()) std::memcpy(b->send.data() + 1, mine.data(), mine.size());
  b->receive.resize(stride * static_cast<size_t>(g.nranks));
  b->counts.assign(static_cast<size_t>(g.nranks), static_cast<int>(stride));
  for (int r = 0; r < g.nranks; ++r) b->offsets.push_back(r * static_cast<int>(stride));

  const Clock::time_point start = Clock::now();
  MPI_Request request = MPI_REQUEST_NULL;
  bool done = false;
  Status status = to_status(PMPI_Iallgatherv(b->send.data(), static_cast<int>(stride), MPI_BYTE, b->receive.data(),
                                             b->counts.data(), b->offsets.data(), MPI_BYTE, g.comm, &request),
                            text("rank ", g.rank, ": MPI_Iallgatherv"));
  if (status.ok()) status = wait_until(&request, deadline, &done);
  if (!done) {
    if (status.ok()) {
      const std::string names = ranks_not_heard_from(b->receive, stride, static_cast<size_t>(g.rank));
      status = Status(collTimeout, text(names, " ", g.what, " within ", milliseconds_between(start, deadline), " ms"));
    }
    static_cast<void>(b.release());  // MPI may still write there
    return status;
  }
  for (size_t r = 0; r < static_cast<size_t>(g.nranks) && !mine.empty(); ++r) {
    std::memcpy(all + r * mine.size(), b->receive.data() + r * stride + 1, mine.size());
  }
  return {};
}

}  // namespace

Status duplicate(MPI_Comm comm, Clock::time_point deadline, CommPtr* duplicated) {
  if (in_simulator()) return duplicate_simulated(comm, duplicated);
  Gather roll_call{comm, 0, 1, "did not call collCommInitMPI"};
  PMPI_Comm_rank(comm, &roll_call.rank);
  PMPI_Comm_size(comm, &roll_call.nranks);
  const Clock::time_point start = Clock::now();
  if (roll_call.nranks <= kRollCallRanks) COLL_TRY(gather(roll_call, {}, nullptr, deadline));

  // On the heap: after a time-out MPI may still write the new communicator's handle.
  auto made = std::make_unique<MPI_Comm>(MPI_COMM_NULL);
  MPI_Request request = MPI_REQUEST_NULL;
  bool done = false;
  Status status =
      to_status(PMPI_Comm_idup(comm, made.get(), &request), text("rank ", roll_call.rank, ": MPI_Comm_idup"));
  if (status.ok()) status = wait_until(&request, deadline, &done);
  if (done) {
    *duplicated = std::make_shared<OwnedComm>(*made);
    return {};
  }
  static_cast<void>(made.release());
  if (!status.ok()) return status;
  return {collTimeout,
          text("rank ", roll_call.rank, ": not all ranks of the MPI communicator called collCommInitMPI within ",
               milliseconds_between(start, deadline), " ms")};
}

Status MpiBootstrap::allgather(std::span<const std::byte> mine, std::byte* all, Clock::time_point deadline) {
  if (!simulated_host_.empty()) return allgather_simulated(*comm_, mine, all);
  const Gather exchange{comm_->get(), rank(), nranks(), "did not take part in an exchange"};
  Status status = gather(exchange, mine, all, deadline);
  if (!status.ok()) comm_->leak();
  return status;
}

}  // namespace coll::mpi
