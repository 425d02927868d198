// Making a communicator: what the ranks compare, exchange and join before the first collective.
#pragma once

#include <functional>
#include <memory>

#include "runtime/bootstrap.hpp"
#include "runtime/communicator.hpp"
#include "runtime/config.hpp"
#include "transport/transport.hpp"

namespace coll {

// Names that COLL_TRANSPORT takes.
std::span<const std::string_view> transport_names();

// Opens the transport for peers that shared memory does not reach; collective over all ranks.
using OpenFar = std::function<Status(std::unique_ptr<Transport>*)>;

// Collective over the bootstrap's ranks.
Status create_communicator(Bootstrap& bootstrap, const OpenFar& open_far, const Config& config,
                           std::unique_ptr<Communicator>* communicator);

// The same for ranks that know only the id: they meet over TCP, and join MPI where they need it and it is initialised.
Status create_by_id(const collUniqueId& id, int nranks, int rank, const Config& config,
                    std::unique_ptr<Communicator>* communicator);

}  // namespace coll
