// Runs the plans of all ranks together on symbolic values: messages, slots and outputs of one chunk.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collectives/planner.hpp"
#include "collectives/values.hpp"

namespace coll {

class SymbolicRun {
 public:
  // The plans have passed check_shape().
  SymbolicRun(std::span<const Plan> plans, const PlanQuery& query, size_t chunk);

  // To the end, or to the first fault; "" or what it is.
  std::string run();

  const Values& values() const { return values_; }
  // kNoValue where it was never written.
  ValueId output(int rank, size_t shard) const { return actors_[static_cast<size_t>(rank)].output[shard]; }
  bool present(const Shard& shard) const { return plans_[0].part(shard, chunk_).count > 0; }

 private:
  struct Message {
    std::vector<ValueId> values;  // by shard of the bundle
    Wire wire;
    bool received = false;
  };

  // How far a rank has come in the chunk, and what it holds.
  struct Actor {
    size_t step = 0;
    int round = 0;
    int gathered = 0;  // entries of `from` dealt with in this round
    bool local_placed = false;
    std::vector<ValueId> parts;  // contributions of this round
    std::vector<ValueId> slots;
    std::vector<ValueId> held;    // by shard
    std::vector<ValueId> output;  // by shard
  };

  const Plan& plan(int rank) const { return plans_[static_cast<size_t>(rank)]; }
  Actor& actor(int rank) { return actors_[static_cast<size_t>(rank)]; }
  uint64_t key(int from, int to, Leg leg, int shard) const;

  // Notes the first fault, with where it happened. Always false, so that a caller can leave with it.
  template <typename... Parts>
  bool fail(int rank, const Parts&... parts) {
    const Actor& at = actor(rank);
    const Plan& p = plan(rank);
    error_ = text("rank ", rank);
    if (at.step < p.steps.size()) {
      error_ += text(", step ", at.step, " (", p.steps[at.step].what, "), round ", at.round);
    }
    error_ += text(": ", parts...);
    return false;
  }

  bool advance(int rank);
  bool work(int rank, const Step& step, int shard);
  bool any_present(const Plan& plan, const Step& step, int round) const;
  bool take(int rank, const Step& step, int peer, int shard, std::vector<ValueId>* values);
  // Steps that work on bundles, in check_bundle.cpp.
  bool bundle(int rank, const Step& step);
  bool pick_up(int rank, const Step& step, std::vector<ValueId>* values);
  bool put_down(int rank, const Step& step, int shard, ValueId value);
  bool gather(int rank, const Step& step, int shard);
  ValueId local(int rank, const Step& step, int shard);
  ValueId local_input(int rank, const Step& step, int shard);
  ValueId combine(int rank, const Step& step);
  bool emit(int rank, const Step& step, int shard, ValueId value);
  bool has_receiver(int rank, const Step& step);
  bool check_wire(int rank, const Step& step, ValueId value);
  bool write_output(int rank, int shard, ValueId value);
  bool send(int rank, const Step& step, int shard, const std::vector<ValueId>& values);
  bool will_send(int rank, int to, Leg leg, int shard);
  void check_all_done();
  void check_messages();

  std::span<const Plan> plans_;
  const PlanQuery& query_;
  const size_t chunk_;
  const int nranks_;
  const size_t nshards_;
  Values values_;
  std::vector<Actor> actors_;
  std::deque<int> ready_;
  std::unordered_map<uint64_t, Message> messages_;
  std::unordered_map<uint64_t, int> waiting_;  // who waits for a message that is not there
  std::string error_;
};

}  // namespace coll
