#include "transport/mpi/transfers.hpp"

#include <cstring>
#include <utility>

#include "transport/mpi/comm.hpp"

namespace coll::mpi {

void Transfers::add(MPI_Request made, Transfer transfer) {
  requests_.push_back(made);
  transfers_.push_back(std::move(transfer));
}

Status Transfers::finish(bool* moved) {
  if (requests_.empty()) return {};
  finished_.resize(requests_.size());
  statuses_.resize(requests_.size());
  int count = 0;
  const int result =
      PMPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, finished_.data(), statuses_.data());
  if (result != MPI_SUCCESS && result != MPI_ERR_IN_STATUS) return to_status(result, who(rank_, "MPI_Testsome", -1));
  if (count == MPI_UNDEFINED || count == 0) return {};
  for (int i = 0; i < count; ++i) {
    Transfer& t = transfers_[static_cast<size_t>(finished_[static_cast<size_t>(i)])];
    const int error = statuses_[static_cast<size_t>(i)].MPI_ERROR;  // valid only where some failed
    if (result == MPI_ERR_IN_STATUS && error != MPI_SUCCESS) return to_status(error, who(rank_, "a message", t.peer));
    if (t.scratch != nullptr && !t.buffer.empty()) std::memcpy(t.buffer.data(), t.scratch.get(), t.buffer.size());
    t.request->truncated = t.scratch != nullptr;
    t.request->bytes = t.scratch != nullptr ? t.buffer.size() : t.bytes;
    t.request->done = true;
    t.request = nullptr;
  }
  forget_finished();
  *moved = true;
  return {};
}

void Transfers::forget_finished() {
  size_t kept = 0;
  for (size_t i = 0; i < transfers_.size(); ++i) {
    if (transfers_[i].request == nullptr) continue;
    if (kept != i) transfers_[kept] = std::move(transfers_[i]);
    requests_[kept++] = requests_[i];
  }
  transfers_.resize(kept);
  requests_.resize(kept, MPI_REQUEST_NULL);
}

void Transfers::leak() {
  for (Transfer& t : transfers_) static_cast<void>(t.scratch.release());
  transfers_.clear();
  requests_.clear();
}

}  // namespace coll::mpi
