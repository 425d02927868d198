#include "runtime/create.hpp"
#include "runtime/tcp_bootstrap.hpp"

namespace coll {

Status create_by_id(const collUniqueId& id, int nranks, int rank, const Config& config,
                    std::unique_ptr<Communicator>* communicator) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(config.timeout_ms);
  std::unique_ptr<Bootstrap> bootstrap;
  COLL_TRY(tcp::join(id, nranks, rank, deadline, &bootstrap));
  const FarWay ways[] = {ucx_way(), mpi_way()};
  return create_communicator(*bootstrap, ways, config, communicator);
}

}  // namespace coll
