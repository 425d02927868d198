// What one rank does in a call, added up over its plan's steps.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "collectives/planner.hpp"

namespace coll {

// Of the bytes that streams from so many nodes bring to one node's link or network stack, what is moved: what overflows
// queues is sent again. A fabric holds senders back and loses nothing.
double incast(const topo::Topology& topology, int sources);

// What one polled flag takes, of a message's cost and latency.
inline constexpr double kFlagShare = 0.1;

// What keeps a core busy beside its messages.
enum class Work : uint8_t { kCopy, kReduce, kEncode, kDecode, kShared, kNetwork };
inline constexpr std::array<std::string_view, 6> kWorkNames = {"copying",  "reducing",      "encoding",
                                                               "decoding", "shared memory", "network stack"};
using WorkUs = std::array<double, kWorkNames.size()>;  // by Work

struct Load {
  double message_us = 0;      // of one chunk: work per message
  double far_message_us = 0;  // of that, messages to and from other nodes
  double work_us = 0;         // of the whole call
  WorkUs by_kind{};           // what that is made of
  double net_in = 0;          // bytes of the whole call
  double net_out = 0;
  double up_in = 0;  // of those, what crosses the uplink of the node's switch
  double up_out = 0;
  int sources = 0;                              // other nodes that send to it
  std::array<double, topo::kLinkKinds> read{};  // bytes of the whole call from ranks of the node, by what is between
  double near_latency_us = 0;                   // of the farthest of those
};

Load load_of(const topo::Topology& topology, const PlanQuery& query, const Plan& plan);

}  // namespace coll
