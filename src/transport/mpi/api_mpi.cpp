// collCommInitMPI: the one public call that names an MPI communicator.
#include <sys/random.h>

#include <exception>
#include <memory>
#include <vector>

#include "base/twin.hpp"
#include "coll/coll_mpi.h"
#include "runtime/module.hpp"
#include "transport/mpi/comm.hpp"
#include "transport/mpi/mpi_bootstrap.hpp"
#include "transport/mpi/mpi_transport.hpp"

namespace coll::mpi {

namespace {

Status check_arguments(const collComm_t* comm, MPI_Comm mpi) {
  if (comm == nullptr) return {collInvalidArgument, "collCommInitMPI: comm is NULL"};
  COLL_TRY(check_usable());
  if (mpi == MPI_COMM_NULL) return {collInvalidArgument, "collCommInitMPI: the MPI communicator is MPI_COMM_NULL"};
  int is_inter = 0;
  COLL_TRY(to_status(PMPI_Comm_test_inter(mpi, &is_inter), "collCommInitMPI: MPI_Comm_test_inter"));
  if (is_inter != 0) {
    return {collInvalidArgument, "collCommInitMPI: an intercommunicator has two groups of ranks; merge it first"};
  }
  return {};
}

// Rank 0's random number, on all ranks.
Status agree_on_nonce(Bootstrap& bootstrap, Clock::time_point deadline, uint64_t* nonce) {
  uint64_t mine = 0;
  static_cast<void>(::getrandom(&mine, sizeof mine, 0) + 0);  // 0 is only a little less robust
  std::vector<uint64_t> all(static_cast<size_t>(bootstrap.nranks()));
  COLL_TRY(bootstrap.allgather(std::as_bytes(std::span(&mine, 1)), reinterpret_cast<std::byte*>(all.data()), deadline));
  *nonce = all[0];
  return {};
}

collResult_t fail(const Status& status) { return collModuleFail(status.code(), status.message().c_str()); }

collResult_t init(collComm_t* comm, MPI_Comm mpi, const collConfig_t* config) {
  if (const Status status = check_arguments(comm, mpi); !status.ok()) return fail(status);
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(collModuleTimeoutMs(config));
  CommPtr ours;
  if (const Status status = duplicate(mpi, deadline, &ours); !status.ok()) return fail(status);
  MpiBootstrap bootstrap(ours);
  const OpenFar open_mpi = [&ours](const FarRequest& request, std::unique_ptr<Transport>* transport) {
    uint64_t nonce = 0;
    COLL_TRY(agree_on_nonce(*request.bootstrap, request.deadline, &nonce));
    return make_mpi(ours, nonce, transport);
  };
  return collModuleCommInit(comm, kModuleAbi, &bootstrap, &open_mpi, config);
}

}  // namespace

}  // namespace coll::mpi

extern "C" collResult_t collCommInitMPI(collComm_t* comm, MPI_Comm mpi, const collConfig_t* config) {
  try {
    return coll::mpi::init(comm, mpi, config);
  } catch (const std::exception& error) {
    return collModuleFail(collInternalError, error.what());
  }
}

COLL_TWIN(collCommInitMPI);
