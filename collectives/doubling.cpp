// doubling: recursive doubling. Ranks exchange their sums with partners at distance 1, 2, 4, ... and all hold the
// result after log2(n) exchanges. Ranks beyond a power of two hand their data to a neighbour first and get the result
// last.
//
// Used for: small exact allreduces on many ranks. Not for codecs, which would encode at every exchange.
// Cost for S bytes on n ranks: ceil(log2 n)·(α + o + S·(β + γ)), and 2·(α + o + S·β) more where n is no power of two.
//
// Both partners combine the same two values with the lower side first, so all ranks compute the same bits.
#include <algorithm>
#include <bit>

#include "collectives/algorithms.hpp"
#include "collectives/build.hpp"

namespace coll::doubling {

namespace {

enum : Leg { kFold = 0, kExchange = 1, kResult = 2 };

class Doubling {
 public:
  Doubling(const topo::Topology& topology, const PlanQuery& query)
      : builder_(kName, topology, query),
        topology_(topology),
        ranks_(by_node(topology)),
        me_(position(ranks_, query.rank)),
        core_(static_cast<int>(std::bit_floor(static_cast<unsigned>(topology.nranks)))),
        extra_(topology.nranks - core_),
        exchanges_(std::countr_zero(static_cast<unsigned>(core_))) {}

  Plan run() {
    builder_.cut_shards(1);
    whole_ = builder_.identity(1);
    if (me_ < 2 * extra_ && me_ % 2 == 1) {
      stand_aside();
    } else {
      list_partners();
      if (me_ < 2 * extra_)
        take_extra();
      else
        begin();
      for (int k = 0; k < exchanges_; ++k) exchange(k);
    }
    const int folds = extra_ > 0 ? 2 : 0;
    Hops hops = {exchanges_ - far_ + folds, far_};
    if (topology_.nodes.size() == ranks_.size()) hops = {0, exchanges_ + folds};
    return builder_.finish(2 * exchanges_ + 2, hops);
  }

 private:
  // The first 2·extra positions are pairs of which only the lower takes part in the exchanges.
  int member(int position) const { return position < 2 * extra_ ? position / 2 : position - extra_; }
  int rank_of(int member) const { return ranks_[static_cast<size_t>(member < extra_ ? 2 * member : member + extra_)]; }

  // The list's entries 2k and 2k+1 are the pair of exchange k, lower side first.
  void list_partners() {
    std::vector<int> pairs;
    const int mine = member(me_);
    for (int k = 0; k < exchanges_; ++k) {
      const int other = mine ^ (1 << k);
      pairs.push_back(rank_of(std::min(mine, other)));
      pairs.push_back(rank_of(std::max(mine, other)));
      far_ += topology_.link_between(rank_of(mine), rank_of(other)) == topo::LinkKind::kNetwork;
    }
    if (me_ < 2 * extra_) pairs.push_back(ranks_[static_cast<size_t>(me_) + 1]);
    partners_ = builder_.list(std::move(pairs));
  }

  Step& step(std::string_view what) {
    Step& made = builder_.step(what);
    made.shard = one(whole_, 0);
    return made;
  }

  void send_to_pair(Step& step, int k) const {
    step.to = many(partners_, 2 * k, 2);
    step.to_wire = Wire::kPartial;
    step.to_leg = kExchange;
  }

  void stand_aside() {
    const int pair = builder_.list({ranks_[static_cast<size_t>(me_) - 1]});
    Step& send = step("send");
    send.local = Local::kInput;
    send.to = one(pair, 0);
    send.to_leg = kFold;
    Step& receive = step("recv");
    receive.from = one(pair, 0);
    receive.from_leg = kResult;
    receive.to_output = true;
  }

  void begin() {
    Step& send = step("send");
    send.local = Local::kInput;
    send_to_pair(send, 0);
  }

  void take_extra() {
    Step& fold = step("recv-reduce-send");
    fold.from = one(partners_, 2 * exchanges_);
    fold.from_leg = kFold;
    fold.local = Local::kInput;
    fold.reduce = true;
    keep(fold);
    send_to_pair(fold, 0);
  }

  void exchange(int k) {
    const bool last = k + 1 == exchanges_;
    Step& combine = step(last ? "recv-reduce" : "recv-reduce-send");
    combine.from = many(partners_, 2 * k, 2);
    combine.from_wire = Wire::kPartial;
    combine.from_leg = kExchange;
    combine.local = kept_ < 0 ? Local::kInput : Local::kSlot;
    combine.local_slot = kept_;
    combine.reduce = true;
    if (!last) {
      keep(combine);
      send_to_pair(combine, k + 1);
      return;
    }
    combine.finish = combine.to_output = true;
    if (me_ < 2 * extra_) {
      combine.to = one(partners_, 2 * exchanges_);
      combine.to_leg = kResult;
    }
  }

  // A slot of its own for every sum: the one before may still be on its way.
  void keep(Step& step) { step.keep_slot = kept_ = builder_.plan().slots++; }

  PlanBuilder builder_;
  const topo::Topology& topology_;
  const std::vector<int> ranks_;  // by node: the first exchanges stay inside
  const int me_;                  // position in ranks_
  const int core_;                // the largest power of two that is not above the number of ranks
  const int extra_;
  const int exchanges_;
  int far_ = 0;  // exchanges with other nodes
  int whole_ = -1;
  int partners_ = -1;
  int kept_ = -1;  // slot of the sum so far; -1: it is the input
};

}  // namespace

bool serves(const topo::Topology& topology, const PlanQuery& query) {
  return query.func == collFuncAllReduce && topology.nranks > 1 && !query.codec.lossy;
}

Plan plan(const topo::Topology& topology, const PlanQuery& query) { return Doubling(topology, query).run(); }

}  // namespace coll::doubling
