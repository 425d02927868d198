// What a predicted time is made of.
#pragma once

#include <algorithm>

#include "collectives/load.hpp"

namespace coll {

// What the busiest of a node's GPUs takes, where the call is on devices.
struct DeviceCost {
  double steps_us = 0;  // a part of latency_us: steps of one chunk, each of which begins when the one before has ended
  // Of one chunk:
  double memory_us = 0;  // kernels' reading and writing
  double nvlink_us = 0;  // the busiest direction of the busiest link
  double pcie_us = 0;
  double busy_us() const { return std::max({memory_us, nvlink_us, pcie_us}); }
  // Of a call that has no kernels: all of it to the host, and back.
  double staging_us = 0;
};

// Of the node that takes longest. us = first_us + (chunks - 1) * next_us + device.staging_us.
struct Cost {
  double us = 0;
  double chunks = 1;
  double first_us = 0;    // until the first chunk is through: its latency, then core and network of every relay
  double next_us = 0;     // from one chunk to the next: what of core_us, the links, the GPU and held_us is longest
  int relays = 1;         // ranks that work on a whole piece one after another
  double latency_us = 0;  // of the hops that follow one another
  // Of one chunk:
  double message_us = 0;  // sending and receiving, on the busiest core
  double work_us = 0;     // the rest of that core's work
  WorkUs by_kind{};       // what that is made of
  double link_us = 0;     // on the node's link
  double uplink_us = 0;   // on the uplink of the node's switch
  double parts_us = 0;    // on what joins the node's packages, or their NUMA nodes
  double held_us = 0;     // a chunk's time in memory, shared among the chunks in flight
  DeviceCost device;      // zeros where the call is not on devices
  double core_us() const { return message_us + work_us; }
  double links_us() const { return std::max({link_us, uplink_us, parts_us}); }
};

Cost predict(const topo::Topology& topology, const PlanQuery& query, const Plan& plan);

}  // namespace coll
