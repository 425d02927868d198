// How a communicator comes to the plan of a call, and to its codec where the named one chooses.
#include <algorithm>
#include <bit>
#include <limits>

#include "runtime/communicator.hpp"
#include "transport/board.hpp"

namespace coll {

namespace {

constexpr int kAnyEncodings = std::numeric_limits<int>::max();  // the codec's own limit counts

// What a lossy plan must be predicted to save, of the exact one's time, so that `auto` takes it: predictions err.
constexpr double kLeastGain = 0.1;

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

// What a codec that chooses comes to is not known yet.
bool lossy(const Call& call) { return call.codec && !call.codec->traits().lossless && !call.codec->traits().chooses; }

std::string spec_of(const std::shared_ptr<const Codec>& codec) { return codec ? codec->spec() : "none"; }

CodecCost cost_of(const Call& call, const topo::Rates& rates) {
  CodecCost cost;
  cost.bytes_per_element = static_cast<double>(size_of(call.type));
  if (!lossy(call)) return cost;
  const CodecTraits& traits = call.codec->traits();
  cost.lossy = true;
  cost.sums_on_wire = traits.sums_on_wire;
  cost.max_encodings = traits.max_encodings;
  cost.block = traits.block;
  cost.bytes_per_element = traits.bits_per_element / 8;
  const topo::CodecRate& rate = rates.codec(traits.name);
  cost.encode_gbs = rate.encode_gbs;
  cost.decode_gbs = rate.decode_gbs;
  return cost;
}

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
  query.codec = cost_of(call, base_.topology.rates);
  return query;
}

// Calls of the same shape are planned once.
Status Communicator::select(const Call& call, Selection* selection) {
  if (const Selection* known = plans_.find(call); known != nullptr) {
    *selection = *known;
    return {};
  }
  if (call.codec && call.codec->traits().chooses) {
    COLL_TRY(select_among_candidates(call, selection));
  } else {
    selection->codec = call.codec;
    COLL_TRY(plan(call, kAnyEncodings, selection));
  }
  log_choice(call, *selection);
  plans_.keep(call, *selection);
  return {};
}

// The cheapest of the exact plan and those of the candidates, which have to be clearly cheaper. All ranks decide alike:
// by the call's arguments, and the topology and rates that they share.
Status Communicator::select_among_candidates(const Call& call, Selection* selection) const {
  Status exact = plan(call, kAnyEncodings, selection);
  // Which one is cheaper depends on the size and the placement, on which bits must not depend then. And where the data
  // decides which ones may be used, it has to be looked at first: the call is settled, or exact.
  if (base_.config.deterministic || call.codec->traits().asks_magnitude) return exact;
  double to_beat = exact.ok() ? selection->plan->predicted_us * (1 - kLeastGain) : 0;
  bool found = exact.ok();
  for (const Candidate& candidate : call.codec->candidates()) {
    if (!candidate.codec->supports(call.type).ok() || !candidate.codec->supports(call.op).ok()) continue;
    Selection other{candidate.codec, nullptr};
    if (!plan(call, candidate.max_encodings, &other).ok() || other.plan->encodings == 0) continue;
    if (found && other.plan->predicted_us >= to_beat) continue;
    to_beat = other.plan->predicted_us;
    *selection = std::move(other);
    found = true;
  }
  return found ? Status() : exact;
}

// The cheapest plan of the call with the selection's codec.
Status Communicator::plan(const Call& call, int max_encodings, Selection* selection) const {
  Call with_codec = call;
  with_codec.codec = selection->codec;
  PlanQuery query = query_of(with_codec);
  query.codec.max_encodings = std::min(query.codec.max_encodings, max_encodings);
  auto chosen = std::make_shared<Plan>();
  std::vector<const Algorithm*> allowed = base_.algorithms;
  // COLL_ALGO chooses among collectives' algorithms: there is one way for two ranks alone.
  if (is_transfer(call.function)) COLL_TRY(parse_algorithms("", &allowed));
  COLL_TRY(choose_plan(base_.topology, query, allowed, chosen.get()));
  selection->plan = std::move(chosen);
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
