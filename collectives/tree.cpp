// tree: a binomial tree at the root. Whoever has the data of a broadcast passes it on, to the largest subtree first;
// sums of a reduce, and bundles of blocks in a gather, go the other way; in a scatter a child gets its subtree's
// bundle.
//
// Used for: small calls on many ranks. A codec's bytes are passed on as they are (one encoding).
// Cost for S bytes on n ranks: ceil(log2 n)·(α + o + S·β), with + S·γ in a reduce. Gather and scatter of S bytes per
// block: ceil(log2 n)·(α + o) + (n-1)·S·(β + c), where c is what packing a byte costs.
#include <algorithm>

#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::tree {

namespace {

// Places count from the root, in an order of ranks that goes node by node. A place's parent lacks its lowest set bit;
// its children add a bit below that, and head the places up to the next child's.
class Tree {
 public:
  Tree(const topo::Topology& topology, const PlanQuery& query)
      : builder_(kName, topology, query), query_(query), n_(topology.nranks) {
    Places places = places_from(topology, query.root, query.rank);
    me_ = places.me;
    int bit = 1;
    for (; bit < n_ && (me_ & bit) == 0; bit <<= 1) children_.push_back(me_ + bit);
    while (!children_.empty() && children_.back() >= n_) children_.pop_back();
    parent_ = me_ == 0 ? 0 : me_ - bit;
    size_ = std::min(bit, n_ - me_);
    order_ = builder_.list(std::move(places.ranks));
    const int between = log2_ceil(static_cast<int>(topology.nodes.size()));
    hops_ = {log2_ceil(n_) - between, between};
  }

  Plan run() {
    builder_.plan().rank_order = query_.func != collFuncReduce;
    builder_.plan().encodings = query_.codec.lossy ? 1 : 0;
    const bool blocks = has_block_per_rank(query_.func);
    builder_.cut_shards(blocks ? n_ : 1);
    if (query_.func == collFuncBroadcast) broadcast();
    if (query_.func == collFuncReduce) reduce();
    if (query_.func == collFuncGather) gather();
    if (query_.func == collFuncScatter) scatter();
    return builder_.finish(2, hops_);
  }

 private:
  bool is_root() const { return me_ == 0; }
  bool is_leaf() const { return children_.empty(); }
  // The blocks of a child's subtree.
  Pick bundle_of(int child) const { return many(order_, child, std::min(child - me_, n_ - child)); }
  int list_of_children(bool largest_first) {
    std::vector<int> ranks;
    for (const int child : children_) ranks.push_back(builder_.plan().entry(one(order_, child), 0, 0));
    if (largest_first) std::reverse(ranks.begin(), ranks.end());
    return builder_.list(std::move(ranks));
  }

  void broadcast() {
    const int whole = builder_.identity(1);
    const int below = is_leaf() ? -1 : list_of_children(true);
    Step& hop = is_root() ? builder_.publish("send") : builder_.step(is_leaf() ? "recv" : "recv-send");
    hop.shard = one(whole, 0);
    hop.to_output = true;
    if (!is_root()) {
      hop.from = one(order_, parent_);
      hop.from_wire = builder_.coded_or(Wire::kNative);
    }
    if (is_leaf()) return;
    hop.to = many(below, 0, static_cast<int>(children_.size()));
    hop.to_wire = builder_.coded_or(Wire::kNative);
  }

  // The own data, then the children's sums, nearest first: so a sum is in the order of places.
  void reduce() {
    const int whole = builder_.identity(1);
    const int below = is_leaf() ? -1 : list_of_children(false);
    Step& hop = builder_.step(is_root() ? "recv-reduce" : is_leaf() ? "send" : "recv-reduce-send");
    hop.shard = one(whole, 0);
    hop.local = Local::kInput;
    if (!is_leaf()) {
      hop.from = many(below, 0, static_cast<int>(children_.size()));
      hop.from_wire = Wire::kPartial;
      hop.reduce = true;
    }
    hop.finish = hop.to_output = is_root();
    if (is_root()) return;
    hop.to = one(order_, parent_);
    hop.to_wire = Wire::kPartial;
  }

  // The smallest subtree first, which is complete first.
  void gather() {
    for (const int child : children_) {
      Step& receive = builder_.step("recv");
      receive.shard = bundle_of(child);
      receive.from = one(order_, child);
      (is_root() ? receive.to_output : receive.hold) = true;
    }
    if (is_root()) {
      builder_.copy_own(one(order_, 0));
      return;
    }
    Step& send = builder_.step("send");
    send.shard = many(order_, me_, size_);
    send.local = is_leaf() ? Local::kInput : Local::kHeld;
    send.to = one(order_, parent_);
  }

  void scatter() {
    if (!is_root()) {
      Step& receive = builder_.step("recv");
      receive.shard = many(order_, me_, size_);
      receive.from = one(order_, parent_);
      (is_leaf() ? receive.to_output : receive.hold) = true;
    }
    for (auto child = children_.rbegin(); child != children_.rend(); ++child) {
      Step& send = builder_.step("send");
      send.shard = bundle_of(*child);
      send.local = is_root() ? Local::kInput : Local::kHeld;
      send.to = one(order_, *child);
    }
    if (!is_root() && is_leaf()) return;
    Step& own = builder_.copy_own(one(order_, me_));
    if (!is_root()) own.local = Local::kHeld;
  }

  PlanBuilder builder_;
  const PlanQuery& query_;
  const int n_;
  int me_ = 0;  // places
  int parent_ = 0;
  int size_ = 1;               // of this rank's subtree
  std::vector<int> children_;  // nearest first
  int order_ = -1;             // list of the ranks by place
  Hops hops_;
};

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (!has_root(query.func) || query.func == collFuncSendRecv || topology.nranks <= 2) return false;
  return query.func == collFuncBroadcast || !query.codec.lossy;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) { return Tree(topology, query).run(); }

}  // namespace coll::tree
