// From a query and a codec to a plan, and to the codec that is used where the named one chooses. Pure: what describes a
// cluster that is not there asks the same.
#pragma once

#include <memory>
#include <span>

#include "collectives/planner.hpp"
#include "compression/codec.hpp"
#include "runtime/plan_cache.hpp"

namespace coll {

// What the codec costs a call of that type. NULL, and what is lossless or stands for others, counts as exact.
CodecCost cost_of(const Codec* codec, DataType type, const topo::Rates& rates);

// The cheapest plan of the query with the codec (empty: exact), and, where that chooses, with what it comes to; codecs
// that ask for the data's magnitude come to the exact plan. query.codec is not looked at. All ranks choose alike: by
// the query, and the topology and rates that they share.
Status choose(const topo::Topology& topology, const PlanQuery& query, std::span<const Algorithm* const> allowed,
              const std::shared_ptr<const Codec>& codec, Selection* selection);

}  // namespace coll
