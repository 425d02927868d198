// double_tree: two binary trees over the same ranks below one root, each of which carries half of the elements. Inner
// ranks of one tree are leaves of the other, so every rank sends and receives as much as any other: sums go up, results
// go down, chunk after chunk.
//
// Used for: calls on many ranks that are too long for one binomial tree and too short for a ring to fill.
// Cost for S bytes on n ranks in c chunks, with D = floor(log2(n-1)) + 1 hops from a leaf to the root: broadcast and
// reduce (D + c - 1)·(α + 4·o + S/c·β), allreduce (2·D + c - 1)·(α + 8·o + 2·S/c·β), with + S·γ in reductions.
//
// Construction: Sanders, Speck, Träff: "Two-tree algorithms for full bandwidth broadcast, reduction and scan",
// Parallel Computing 35 (2009).
#include <algorithm>
#include <bit>

#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::double_tree {

namespace {

enum : Leg { kSum = 0, kResult = 1 };

// Places count from the root, in an order of ranks that goes node by node. The m places after the root's form two
// in-order binary trees: positions 1 to m, of which the odd ones are leaves. A place's position in the second tree is
// its mirror image, or where that is odd too, the next one.
class Shape {
 public:
  explicit Shape(int nranks) : m_(nranks - 1) {}

  int depth() const { return std::bit_width(static_cast<unsigned>(m_)); }

  int parent(int place, int tree) const {
    const int at = position(place, tree);
    const int bit = at & -at;
    const int up = (at & ~bit) | bit << 1;
    return place_of(up <= m_ ? up : at & ~bit, tree);
  }

  std::vector<int> children(int place, int tree) const {
    if (place == 0) return {place_of(static_cast<int>(std::bit_floor(static_cast<unsigned>(m_))), tree)};
    std::vector<int> places;
    const int at = position(place, tree);
    int step = (at & -at) / 2;
    if (step > 0) places.push_back(place_of(at - step, tree));
    while (step > 0 && at + step > m_) step /= 2;
    if (step > 0) places.push_back(place_of(at + step, tree));
    return places;
  }

 private:
  int position(int place, int tree) const {
    if (tree == 0) return place;
    return m_ % 2 == 0 ? m_ + 1 - place : place % m_ + 1;
  }
  int place_of(int position, int tree) const {
    if (tree == 0 || position == 0) return position;
    if (m_ % 2 == 0) return m_ + 1 - position;
    return position == 1 ? m_ : position - 1;
  }

  const int m_;
};

class DoubleTree {
 public:
  DoubleTree(const topo::Topology& topology, const PlanQuery& query)
      : builder_(kName, topology, query),
        query_(query),
        n_(topology.nranks),
        shape_(n_),
        result_(builder_.coded_or(Wire::kNative)) {
    const int root = has_root(query.func) ? query.root : topology.nodes[0].ranks[0];
    Places places = places_from(topology, root, query.rank);
    me_ = places.me;
    order_ = builder_.list(std::move(places.ranks));
    list_children();
    count_hops(static_cast<int>(topology.nodes.size()));
  }

  Plan run() {
    builder_.plan().rank_order = query_.func == collFuncBroadcast;
    builder_.plan().encodings = query_.codec.lossy ? 1 : 0;
    builder_.cut_shards(2);
    halves_ = builder_.identity(2);
    // What a leaf has to send is there at once; what an inner rank hands down others wait for.
    const int inner = is_leaf(0) ? 1 : 0;
    if (query_.func != collFuncBroadcast) {
      reduce(1 - inner);
      reduce(inner);
    } else if (is_root()) {
      publish();
    }
    if (!is_root() && query_.func != collFuncReduce) {
      hand_down(inner);
      hand_down(1 - inner);
    }
    return builder_.finish(3, hops_);
  }

 private:
  bool is_root() const { return me_ == 0; }
  bool is_leaf(int tree) const { return counts_[tree] == 0; }

  void list_children() {
    std::vector<int> below;
    for (int tree = 0; tree < 2; ++tree) {
      const std::vector<int> places = shape_.children(me_, tree);
      counts_[tree] = static_cast<int>(places.size());
      for (const int place : places) below.push_back(builder_.plan().entry(one(order_, place), 0, 0));
    }
    below_ = builder_.list(std::move(below));
  }
  Pick children(int tree) const { return many(below_, tree == 0 ? 0 : counts_[0], counts_[tree]); }
  Pick parent(int tree) const { return one(order_, shape_.parent(me_, tree)); }

  // Ranks of a node are neighbours in the order, so that few hops on a way to the root leave one.
  void count_hops(int nodes) {
    const int ways = query_.func == collFuncAllReduce ? 2 : 1;
    const int depth = shape_.depth();
    const int between = nodes > 1 ? std::min(log2_ceil(nodes) + 1, depth) : 0;
    hops_ = {ways * (depth - between), ways * between, depth};
  }

  void send_down(Step& step, int tree) const {
    step.to = children(tree);
    step.to_wire = result_;
    step.to_leg = kResult;
  }

  void publish() {
    for (int tree = 0; tree < 2; ++tree) {
      Step& send = builder_.publish("send");
      send.shard = one(halves_, tree);
      send_down(send, tree);
    }
  }

  void reduce(int tree) {
    Step& hop = builder_.step(is_root() ? "recv-reduce" : is_leaf(tree) ? "send" : "recv-reduce-send");
    hop.shard = one(halves_, tree);
    hop.local = Local::kInput;
    if (!is_leaf(tree)) {
      hop.from = children(tree);
      hop.from_wire = Wire::kPartial;
      hop.from_leg = kSum;
      hop.reduce = true;
    }
    if (!is_root()) {
      hop.to = parent(tree);
      hop.to_wire = Wire::kPartial;
      hop.to_leg = kSum;
      return;
    }
    hop.finish = hop.to_output = true;
    if (query_.func == collFuncReduce) return;
    hop.what = "recv-reduce-send";
    send_down(hop, tree);
  }

  void hand_down(int tree) {
    Step& hop = builder_.step(is_leaf(tree) ? "recv" : "recv-send");
    hop.shard = one(halves_, tree);
    hop.from = parent(tree);
    hop.from_wire = result_;
    hop.from_leg = kResult;
    hop.to_output = true;
    if (!is_leaf(tree)) send_down(hop, tree);
  }

  PlanBuilder builder_;
  const PlanQuery& query_;
  const int n_;
  const Shape shape_;
  const Wire result_;
  int me_ = 0;      // place
  int order_ = -1;  // list of the ranks by place
  int below_ = -1;  // list of the children in the first tree, then in the second
  int counts_[2] = {};
  int halves_ = -1;  // list of the shards, one for each tree
  Hops hops_;
};

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  if (topology.nranks <= 2) return false;
  if (query.func == collFuncAllReduce || query.func == collFuncReduce) return !query.codec.lossy;
  return query.func == collFuncBroadcast;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) { return DoubleTree(topology, query).run(); }

}  // namespace coll::double_tree
