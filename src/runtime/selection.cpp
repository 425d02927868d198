// How a communicator comes to the plan of a call, and to its codec where the named one chooses.
#include <bit>

#include "runtime/choice.hpp"
#include "runtime/communicator.hpp"
#include "transport/board.hpp"

namespace coll {

namespace {

collFunc_t public_function(Function function) {
  switch (function) {
    case Function::kReduceScatter:
      return collFuncReduceScatter;
    case Function::kAllGather:
      return collFuncAllGather;
    case Function::kBroadcast:
      return collFuncBroadcast;
    case Function::kReduce:
      return collFuncReduce;
    case Function::kAllToAll:
      return collFuncAlltoAll;
    case Function::kGather:
      return collFuncGather;
    case Function::kScatter:
      return collFuncScatter;
    case Function::kSend:
    case Function::kRecv:
      return collFuncSendRecv;
    default:
      return collFuncAllReduce;
  }
}

std::string spec_of(const std::shared_ptr<const Codec>& codec) { return codec ? codec->spec() : "none"; }

}  // namespace

std::shared_ptr<const Codec> Communicator::default_codec_for(const Call& call) const {
  const auto& codec = base_.codec;
  const bool can_be_coded = call.function == Function::kAllReduce || call.function == Function::kReduceScatter ||
                            call.function == Function::kAllGather;
  const bool fits = codec && can_be_coded && codec->supports(call.type).ok() && codec->supports(call.op).ok();
  return fits ? codec : nullptr;
}

PlanQuery Communicator::query_of(const Call& call) const {
  PlanQuery query;
  query.func = public_function(call.function);
  query.count = call.count;
  query.type = call.type;
  query.op = call.op;
  query.root = call.function == Function::kSend ? base_.rank : call.root;
  query.peer = call.function == Function::kSend ? call.root : base_.rank;
  query.rank = base_.rank;
  query.deterministic = base_.config.deterministic;
  query.buffer_bytes = base_.config.buffer_bytes;
  query.chunk_bytes = base_.config.env.chunk_bytes;
  Board* const board = base_.fabric->board();
  // What is posted has no checksum, and is numbered in the order of the calls.
  if (board != nullptr && !around_.checksums && !call.settled) query.board_bytes = board->capacity();
  query.chunks_in_flight = kChunksInFlight;
  return query;
}

// Calls of the same shape are planned once.
Status Communicator::select(const Call& call, Selection* selection) {
  if (const Selection* known = plans_.find(call); known != nullptr) {
    *selection = *known;
    return {};
  }
  std::vector<const Algorithm*> allowed = base_.algorithms;
  // COLL_ALGO chooses among collectives' algorithms: there is one way for two ranks alone.
  if (is_transfer(call.function)) COLL_TRY(parse_algorithms("", &allowed));
  COLL_TRY(choose(base_.topology, query_of(call), allowed, call.codec, selection));
  selection->short_plan = short_plan_of(*selection->plan, size_of(call.type));
  log_choice(call, *selection);
  // Calls of nothing are made without a plan, also where one was asked for.
  if (call.count > 0) plans_.keep(call, *selection);
  return {};
}

// Once per size class (a power of two of bytes), so that the log stays short.
void Communicator::log_choice(const Call& call, const Selection& selection) {
  if (!base_.log->on(LogLevel::kInfo, LogPart::kPlan)) return;
  const int size_class = std::bit_width(call.count * size_of(call.type));
  const std::string asked = spec_of(call.named ? call.named : call.codec);
  const std::string codec = spec_of(selection.codec);
  if (!logged_.insert(text(name(call.function), " ", size_class, " ", asked, ">", codec)).second) return;
  const Plan& plan = *selection.plan;
  base_.log->info(LogPart::kPlan, name(call.function), " of ", call.count, " ", info(call.type).name, ", codec ", asked,
                  codec == asked ? "" : ">" + codec, ": ", plan.algorithm, ", ", plan.chunks, " chunks, predicted ",
                  plan.predicted_us, " us");
}

Status Communicator::query_plan(const Call& call, std::string* json) {
  const auto visit = base_.process->visit();
  const std::lock_guard lock(busy_);
  COLL_TRY(failure());
  Selection selection;
  COLL_TRY(select(call, &selection));
  std::string transports = "[";
  for (const std::string_view each : base_.fabric->names()) {
    transports += text(transports.size() > 1 ? "," : "", "\"", each, "\"");
  }
  *json = plan_json(*selection.plan, spec_of(selection.codec), transports + "]");
  return {};
}

}  // namespace coll
