// What the tests under mpirun share: where this rank is, variables for the length of a scope, communicators that clean
// up after themselves, and questions to all ranks.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "coll/coll_mpi.h"

namespace coll::test {

struct MpiWorld {
  int rank = 0;
  int size = 1;
  explicit MpiWorld(MPI_Comm comm = MPI_COMM_WORLD) {
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
  }
};

class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (!value.empty()) ::setenv(name, value.c_str(), 1);
  }
  ~ScopedVariable() { ::unsetenv(name_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
};

class Comm {
 public:
  Comm() = default;
  // Over the ranks of `mpi`.
  explicit Comm(MPI_Comm mpi, const collConfig_t* config = nullptr) {
    const collResult_t made = collCommInitMPI(&comm_, mpi, config);
    EXPECT_EQ(made, collSuccess) << collGetLastError(nullptr);
  }
  explicit Comm(collComm_t comm) : comm_(comm) {}
  ~Comm() { EXPECT_EQ(collCommDestroy(comm_), collSuccess); }
  Comm(Comm&& other) noexcept : comm_(std::exchange(other.comm_, nullptr)) {}
  Comm& operator=(Comm&&) = delete;

  collComm_t get() const { return comm_; }
  explicit operator bool() const { return comm_ != nullptr; }

 private:
  collComm_t comm_ = nullptr;
};

// The names of the transports that the communicator uses.
inline std::string transports_of(collComm_t comm) {
  std::string plan(1 << 18, '\0');
  EXPECT_EQ(collCommQueryPlan(comm, collFuncAllReduce, 1000, collFloat32, nullptr, plan.data(), plan.size(), nullptr),
            collSuccess)
      << collGetLastError(comm);
  const size_t begin = plan.find('[', plan.find("\"transports\""));
  return plan.substr(begin, plan.find(']', begin) - begin + 1);
}

inline uint64_t fingerprint(const void* data, size_t bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < bytes; ++i) hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3;
  return hash;
}

// Whether all ranks hold the same bytes.
inline bool same_on_all_ranks(const void* data, size_t bytes, MPI_Comm comm) {
  uint64_t mine = fingerprint(data, bytes);
  uint64_t least = 0, most = 0;
  MPI_Allreduce(&mine, &least, 1, MPI_UINT64_T, MPI_MIN, comm);
  MPI_Allreduce(&mine, &most, 1, MPI_UINT64_T, MPI_MAX, comm);
  return least == most;
}

// Calls made before MPI_Init and after MPI_Finalize, for tests to look at.
struct Edges {
  int version = 0;
  collResult_t got_version = collInProgress;
  collResult_t got_id = collInProgress;
  collResult_t init_before = collInProgress;
  std::string init_before_words;
};
const Edges& edges();
// Destroyed only after MPI_Finalize.
void keep_until_the_end(collComm_t comm);

}  // namespace coll::test
