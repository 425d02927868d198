#include "collectives/check_shape.hpp"

#include <algorithm>

#include "collectives/build.hpp"

namespace coll {

namespace {

std::string shards_fault(const Plan& plan, const PlanQuery& query) {
  const bool fixed = has_block_per_rank(query.func);
  if (fixed && plan.shards.size() != static_cast<size_t>(plan.nranks)) return "there must be one shard for each rank";
  const size_t block = std::max<size_t>(query.codec.block, 1);
  size_t next = 0;
  size_t longest = 0;
  for (const Shard& shard : plan.shards) {
    if (shard.offset != next) return text("the shard at element ", shard.offset, " should begin at ", next);
    if (fixed && shard.count != query.count)
      return text("a shard has ", shard.count, " elements, not the call's count");
    if (!fixed && shard.count > 0 && shard.offset % block != 0) return "a shard begins inside a codec's block";
    next += shard.count;
    longest = std::max(longest, shard.count);
  }
  const size_t all = query.count * (fixed ? static_cast<size_t>(plan.nranks) : 1);
  if (next != all) return text("shards hold ", next, " elements of ", all);
  if (plan.piece == 0 || plan.piece % block != 0) return "pieces are not multiples of the codec's block";
  if (plan.chunks == 0 || longest > plan.chunks * plan.piece) return "the chunks do not reach the shards' ends";
  return {};
}

// `limit`: entries are in [0, limit).
bool valid_pick(const Plan& plan, const Pick& pick, int rounds, int limit) {
  if (pick.count == 0) return true;
  if (pick.list < 0 || static_cast<size_t>(pick.list) >= plan.lists.size() || pick.count < 0) return false;
  const auto& list = *plan.lists[static_cast<size_t>(pick.list)];
  if (list.empty()) return false;
  for (int round = 0; round < rounds; ++round) {
    for (int j = 0; j < pick.count; ++j) {
      const int entry = plan.entry(pick, round, j);
      if (entry < 0 || entry >= limit) return false;
    }
  }
  return true;
}

// A bundle is sent on as it is, or combined with what this rank has of the same shards.
std::string bundle_fault(const Step& step) {
  if (!step.bundles()) return {};
  if (step.keep_slot >= 0 || step.code_local || step.local == Local::kSlot) return "bundles what cannot be bundled";
  if (step.from_wire == Wire::kCoded || step.to_wire == Wire::kCoded) return "bundles coded messages";
  if (step.from.count + (step.local != Local::kNone) != (step.reduce ? 2 : 1)) return "bundles from too many places";
  if (step.finish && !step.reduce) return "finishes a bundle that it does not reduce";
  if (step.reduce && step.to.count > 0) return "reduces a bundle and sends it";
  return {};
}

std::string step_fault(const Plan& plan, const Step& step) {
  if (step.rounds < 1) return "has no rounds";
  if (step.shard.count < 1) return "works on no shard";
  if (!valid_pick(plan, step.shard, step.rounds, static_cast<int>(plan.shards.size())))
    return "names a shard out of range";
  if (!valid_pick(plan, step.from, step.rounds, plan.nranks)) return "receives from a rank out of range";
  if (!valid_pick(plan, step.to, step.rounds, plan.nranks)) return "sends to a rank out of range";
  if (step.from_leg >= kMaxLegs || step.to_leg >= kMaxLegs) return "uses a leg out of range";
  if (step.local == Local::kSlot && (step.local_slot < 0 || step.local_slot >= plan.slots)) return "reads no slot";
  if (step.keep_slot >= plan.slots) return "keeps its value in no slot";
  if (step.code_local && step.local != Local::kInput) return "codes a local contribution that it does not have";
  return bundle_fault(step);
}

bool relays(const Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& step) { return step.relays(); });
}

// Ranks post the same number of times, in the same order, each post within its room.
std::string posts_fault(const Plan& a, const Plan& b, const PlanQuery& query) {
  if (a.on_board != b.on_board) return "goes another way";
  if (!a.on_board) return {};
  if (relays(a) != relays(b) || a.posts_ahead != b.posts_ahead) return "posts another number of times";
  const size_t bytes = b.pieces_posted() * b.posted_piece() * size_of(query.type);
  return bytes > query.board_bytes ? text("posts ", bytes, " bytes, with room for ", query.board_bytes) : "";
}

std::string agreement_fault(const Plan& a, const Plan& b) {
  if (a.algorithm != b.algorithm || a.func != b.func || a.nranks != b.nranks) return "is of another algorithm";
  if (a.piece != b.piece || a.chunks != b.chunks) return "is cut into other pieces";
  if (a.encodings != b.encodings || a.rank_order != b.rank_order) return "promises something else";
  const auto same = [](const Shard& x, const Shard& y) { return x.offset == y.offset && x.count == y.count; };
  if (!std::equal(a.shards.begin(), a.shards.end(), b.shards.begin(), b.shards.end(), same)) return "has other shards";
  return {};
}

std::string plan_fault(const Plan& plan, const PlanQuery& query, int rank) {
  if (plan.rank != rank) return text("is for rank ", plan.rank);
  if (plan.func != query.func) return "is for another function";
  const size_t own = static_cast<size_t>(rank) * query.count;
  const bool reads_own = query.func == collFuncAllGather || query.func == collFuncGather;
  const bool writes_own = query.func == collFuncReduceScatter || query.func == collFuncScatter;
  if (plan.input_origin != (reads_own ? own : 0)) return "reads the wrong part of the vector";
  if (plan.output_origin != (writes_own ? own : 0)) return "writes the wrong part of the vector";
  if (plan.by_distance != (query.func == collFuncAlltoAll)) return "numbers its shards in the wrong way";
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const std::string fault = step_fault(plan, plan.steps[i]);
    if (!fault.empty()) return text("step ", i, " (", plan.steps[i].what, ") ", fault);
  }
  return {};
}

}  // namespace

std::string check_shape(std::span<const Plan> plans, const PlanQuery& query) {
  if (plans.empty() || plans[0].nranks != static_cast<int>(plans.size())) return "there is not one plan for each rank";
  for (size_t rank = 0; rank < plans.size(); ++rank) {
    std::string fault = agreement_fault(plans[0], plans[rank]);
    if (fault.empty()) fault = posts_fault(plans[0], plans[rank], query);
    if (fault.empty()) fault = plan_fault(plans[rank], query, static_cast<int>(rank));
    if (!fault.empty()) return text("the plan of rank ", rank, " ", fault);
  }
  return shards_fault(plans[0], query);
}

size_t input_elements(const Plan& plan, const PlanQuery& query) {
  const bool from_root =
      query.func == collFuncBroadcast || query.func == collFuncScatter || query.func == collFuncSendRecv;
  if (from_root && plan.rank != query.root) return 0;
  const bool own_block = query.func == collFuncAllGather || query.func == collFuncGather;
  return query.count * (has_block_per_rank(query.func) && !own_block ? static_cast<size_t>(plan.nranks) : 1);
}

size_t output_elements(const Plan& plan, const PlanQuery& query) {
  const bool to_root = query.func == collFuncReduce || query.func == collFuncGather;
  if (to_root && plan.rank != query.root) return 0;
  if (query.func == collFuncSendRecv && plan.rank != query.peer) return 0;
  const bool own_block = query.func == collFuncReduceScatter || query.func == collFuncScatter;
  return query.count * (has_block_per_rank(query.func) && !own_block ? static_cast<size_t>(plan.nranks) : 1);
}

}  // namespace coll
