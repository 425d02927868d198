#include "collectives/device_load.hpp"

#include <algorithm>
#include <vector>

#include "collectives/rounds.hpp"
#include "topology/gpu_links.hpp"

namespace coll {

namespace {

// How long bytes take on each link of one direction.
class NvLinks {
 public:
  explicit NvLinks(size_t gpus) : own_us_(gpus, 0) {}
  void add(size_t gpu, const topo::GpuLink& link, double bytes) {
    (link.own ? own_us_[gpu] : shared_us_) += us(bytes, link.cost.bandwidth_gbs);
  }
  double busiest_us() const {
    return std::max(shared_us_, own_us_.empty() ? 0 : *std::max_element(own_us_.begin(), own_us_.end()));
  }

 private:
  std::vector<double> own_us_;  // by GPU of the node, on links to that one alone
  double shared_us_ = 0;        // on those to switches
};

class DeviceMeter {
 public:
  DeviceMeter(const topo::Topology& topology, const PlanQuery& query, const Plan& plan)
      : topology_(topology), plan_(plan), bytes_(query), host_(host_link(topology, plan.rank)) {
    const topo::Gpu* const own = topology.gpu_at(plan.rank);
    if (own == nullptr) return;
    const auto& gpus = topology.nodes[static_cast<size_t>(node_of(plan.rank))].gpus;
    for (const topo::Gpu& gpu : gpus) links_.push_back(topo::link_between(*own, gpu));
    nvlinks_in_ = nvlinks_out_ = NvLinks(gpus.size());
  }

  DeviceLoad run() {
    each_round(plan_, [this](const Step& step, const Entries& from, const Entries& to, int round, double elements) {
      receive(step, from, round, elements);
      compute(step, elements);
      if (!step.forwards() && to.count() > 0) send(step, from, to, round, elements);
    });
    load_.memory_us = us(memory_, topology_.rates.device.memory_gbs);
    load_.nvlink_in_us = nvlinks_in_.busiest_us();
    load_.nvlink_out_us = nvlinks_out_.busiest_us();
    load_.pcie_in_us = us(pcie_in_, host_.bandwidth_gbs);
    load_.pcie_out_us = us(pcie_out_, host_.bandwidth_gbs);
    load_.hosted_us = us(hosted_, topology_.cost(topo::LinkKind::kSharedMemory).bandwidth_gbs);
    return load_;
  }

 private:
  enum class Way { kMemory, kNvLink, kPcie, kPinned };

  int node_of(int rank) const { return topology_.node_of[static_cast<size_t>(rank)]; }
  size_t gpu_of(int rank) const { return static_cast<size_t>(topology_.gpu_of[static_cast<size_t>(rank)]); }

  // Between this rank's GPU and a peer's.
  Way way_to(int peer) const {
    const bool both_known = !links_.empty() && topology_.gpu_at(peer) != nullptr;
    if (node_of(peer) != node_of(plan_.rank) || !both_known) return Way::kPinned;
    if (gpu_of(peer) == gpu_of(plan_.rank)) return Way::kMemory;
    return links_[gpu_of(peer)].kind == topo::GpuLinkKind::kNvLink ? Way::kNvLink : Way::kPcie;
  }

  void receive(const Step& step, const Entries& peers, int round, double elements) {
    const double message = bytes_(step.from_wire, elements);
    for (int j = 0; j < peers.count(); ++j) {
      const int peer = peers.at(round, j);
      if (peer == plan_.rank) continue;
      const Way way = step.forwards() ? Way::kPinned : way_to(peer);
      if (node_of(peer) == node_of(plan_.rank)) take_near(peer, way, message);
      if (step.forwards()) continue;  // no kernel reads it
      memory_ += message;
      if (way == Way::kNvLink) nvlinks_in_.add(gpu_of(peer), links_[gpu_of(peer)], message);
      if (way == Way::kPcie || way == Way::kPinned) pcie_in_ += message;
    }
  }

  void take_near(int peer, Way way, double message) {
    double latency_us = 2 * host_.latency_us + topology_.cost(topology_.link_between(plan_.rank, peer)).latency_us;
    if (way == Way::kMemory) latency_us = 0;
    if (way == Way::kNvLink || way == Way::kPcie) latency_us = links_[gpu_of(peer)].cost.latency_us;
    load_.near_latency_us = std::max(load_.near_latency_us, latency_us);
    if (way == Way::kPinned) hosted_ += message;
  }

  // What is read besides messages, and written.
  void compute(const Step& step, double elements) {
    if (step.forwards()) return;
    ++load_.steps;
    if (step.local != Local::kNone) {
      memory_ += bytes_(step.local == Local::kSlot ? Wire::kPartial : Wire::kNative, elements);
    }
    if (step.to_output) memory_ += bytes_(Wire::kNative, elements);
    if (step.keep_slot >= 0) memory_ += bytes_(Wire::kPartial, elements);
  }

  // A message that has to pass the host for some of its receivers is copied there once, from where others read it;
  // unless it has come there, and is sent on.
  void send(const Step& step, const Entries& from, const Entries& peers, int round, double elements) {
    const double message = bytes_(step.to_wire, elements);
    const bool is_there = step.sends_on() && way_to(from.at(round, 0)) == Way::kPinned;
    bool pinned = false, near = false;
    for (int j = 0; j < peers.count(); ++j) {
      const int peer = peers.at(round, j);
      if (peer == plan_.rank) continue;
      const Way way = way_to(peer);
      pinned |= way == Way::kPinned;
      near |= way != Way::kPinned;
      if (way == Way::kNvLink) nvlinks_out_.add(gpu_of(peer), links_[gpu_of(peer)], message);
      if (way == Way::kPcie) pcie_out_ += message;
    }
    if (near || !is_there) memory_ += message;
    if (step.from_wire == Wire::kCoded && step.sends_on() && near) memory_ += message;  // the copy is decoded
    if (!pinned || is_there) return;
    pcie_out_ += message;
    if (near) memory_ += message;  // is read for that
  }

  const topo::Topology& topology_;
  const Plan& plan_;
  const WireBytes bytes_;
  const topo::LinkCost host_;
  std::vector<topo::GpuLink> links_;  // by GPU of the node; empty where this rank is on none that is known
  NvLinks nvlinks_in_{0}, nvlinks_out_{0};
  double memory_ = 0, pcie_in_ = 0, pcie_out_ = 0, hosted_ = 0;  // bytes of the whole call
  DeviceLoad load_;
};

}  // namespace

bool has_kernels(const PlanQuery& query, const Plan& plan) {
  const auto bundles = [](const Step& step) { return step.bundles(); };
  return query.codec.has_kernels && !plan.on_board && std::none_of(plan.steps.begin(), plan.steps.end(), bundles);
}

DeviceLoad device_load_of(const topo::Topology& topology, const PlanQuery& query, const Plan& plan) {
  return DeviceMeter(topology, query, plan).run();
}

topo::LinkCost host_link(const topo::Topology& topology, int rank) {
  const topo::Gpu* const gpu = topology.gpu_at(rank);
  topo::LinkCost cost = topo::link_to_host(gpu != nullptr ? *gpu : topo::Gpu()).cost;
  if (cost.bandwidth_gbs == 0) cost.bandwidth_gbs = topology.rates.device.pcie_gbs;
  return cost;
}

}  // namespace coll
