#include "transport/mpi/simulator.hpp"

#include <algorithm>
#include <climits>
#include <cstring>
#include <string_view>
#include <vector>

namespace coll::mpi {

bool in_simulator() {
  char words[MPI_MAX_LIBRARY_VERSION_STRING + 1] = {};
  int length = 0;
  return PMPI_Get_library_version(words, &length) == MPI_SUCCESS && std::string_view(words).starts_with("SMPI ");
}

std::string simulated_host() {
  if (!in_simulator()) return {};
  char name[MPI_MAX_PROCESSOR_NAME + 1] = {};
  int length = 0;
  PMPI_Get_processor_name(name, &length);
  return name;
}

Status duplicate_simulated(MPI_Comm comm, CommPtr* duplicated) {
  MPI_Comm made = MPI_COMM_NULL;
  COLL_TRY(to_status(PMPI_Comm_dup(comm, &made), "MPI_Comm_dup"));
  *duplicated = std::make_shared<OwnedComm>(made);
  return {};
}

// Bruck's: after the exchange at distance d a rank has the parts of 2 d ranks, its own first.
Status allgather_simulated(const OwnedComm& comm, std::span<const std::byte> mine, std::byte* all) {
  constexpr int kTag = 0;
  const auto n = static_cast<size_t>(comm.nranks());
  const auto me = static_cast<size_t>(comm.rank());
  const size_t bytes = mine.size();
  if (bytes * n > INT_MAX) return {collInternalError, text(bytes, " bytes per rank are too many to exchange")};
  std::vector<std::byte> parts(bytes * n);
  std::copy(mine.begin(), mine.end(), parts.begin());
  for (size_t have = 1; have < n; have *= 2) {
    const int count = static_cast<int>(std::min(have, n - have) * bytes);
    const int to = static_cast<int>((me + n - have) % n);
    const int from = static_cast<int>((me + have) % n);
    COLL_TRY(to_status(PMPI_Sendrecv(parts.data(), count, MPI_BYTE, to, kTag, parts.data() + have * bytes, count,
                                     MPI_BYTE, from, kTag, comm.get(), MPI_STATUS_IGNORE),
                       text("rank ", me, ": exchanging with rank ", from)));
  }
  const auto split = static_cast<std::ptrdiff_t>((n - me) * bytes);
  std::copy(parts.begin(), parts.begin() + split, all + me * bytes);
  std::copy(parts.begin() + split, parts.end(), all);
  return {};
}

}  // namespace coll::mpi
