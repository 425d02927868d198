// Making a communicator: what the ranks compare, exchange and join before the first collective.
#pragma once

#include <memory>
#include <span>

#include "runtime/bootstrap.hpp"
#include "runtime/communicator.hpp"
#include "runtime/config.hpp"
#include "runtime/far.hpp"

namespace coll {

// Names that COLL_TRANSPORT takes.
std::span<const std::string_view> transport_names();

// Collective over the bootstrap's ranks. `far_ways` lead to ranks that shared memory does not reach; the first one that
// may be used and works on all ranks is taken.
Status create_communicator(Bootstrap& bootstrap, std::span<const FarWay> far_ways, const Config& config,
                           std::unique_ptr<Communicator>* communicator);

// The same for ranks that know only the id: they meet over TCP, and join UCX or MPI where they need one of them.
Status create_by_id(const collUniqueId& id, int nranks, int rank, const Config& config,
                    std::unique_ptr<Communicator>* communicator);

// A communicator of those ranks of `parent` that give the same color (not negative), in the order of key and rank;
// collective over the parent. Empty for ranks with kNoColor.
inline constexpr int kNoColor = COLL_SPLIT_NOCOLOR;
Status split_communicator(Communicator& parent, int color, int key, const Config& config,
                          std::unique_ptr<Communicator>* communicator);

}  // namespace coll
