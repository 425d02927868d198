#include "runtime/choice.hpp"

#include <algorithm>
#include <limits>

namespace coll {

namespace {

constexpr int kAnyEncodings = std::numeric_limits<int>::max();  // the codec's own limit counts

// What a lossy plan must be predicted to save, of the exact one's time, so that `auto` takes it: predictions err.
constexpr double kLeastGain = 0.1;

class Chooser {
 public:
  Chooser(const topo::Topology& topology, const PlanQuery& query, std::span<const Algorithm* const> allowed)
      : topology_(topology), query_(query), allowed_(allowed) {}

  // The cheapest plan with the selection's codec.
  Status plan(int max_encodings, Selection* selection) const {
    PlanQuery query = query_;
    query.codec = cost_of(selection->codec.get(), query.type, topology_.rates);
    query.codec.max_encodings = std::min(query.codec.max_encodings, max_encodings);
    auto chosen = std::make_shared<Plan>();
    COLL_TRY(choose_plan(topology_, query, allowed_, chosen.get()));
    selection->plan = std::move(chosen);
    return {};
  }

  // The cheapest of the exact plan and those of the candidates, which have to be clearly cheaper.
  Status among_candidates(const Codec& codec, Selection* selection) const {
    Status exact = plan(kAnyEncodings, selection);
    // Which one is cheaper depends on the size and the placement, on which bits must not depend then. And where the
    // data decides which ones may be used, it has to be looked at first: the call is settled, or exact.
    if (query_.deterministic || codec.traits().asks_magnitude) return exact;
    double to_beat = exact.ok() ? selection->plan->predicted_us * (1 - kLeastGain) : 0;
    bool found = exact.ok();
    for (const Candidate& candidate : codec.candidates()) {
      if (!candidate.codec->supports(query_.type).ok() || !candidate.codec->supports(query_.op).ok()) continue;
      Selection other{candidate.codec, nullptr};
      if (!plan(candidate.max_encodings, &other).ok() || other.plan->encodings == 0) continue;
      if (found && other.plan->predicted_us >= to_beat) continue;
      to_beat = other.plan->predicted_us;
      *selection = std::move(other);
      found = true;
    }
    return found ? Status() : exact;
  }

 private:
  const topo::Topology& topology_;
  const PlanQuery& query_;
  const std::span<const Algorithm* const> allowed_;
};

}  // namespace

CodecCost cost_of(const Codec* codec, DataType type, const topo::Rates& rates) {
  CodecCost cost;
  cost.bytes_per_element = static_cast<double>(size_of(type));
  cost.has_kernels = codec == nullptr || codec->traits().fixed_size;
  // What a codec that chooses comes to is not known yet.
  if (codec == nullptr || codec->traits().lossless || codec->traits().chooses) return cost;
  const CodecTraits& traits = codec->traits();
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

Status choose(const topo::Topology& topology, const PlanQuery& query, std::span<const Algorithm* const> allowed,
              const std::shared_ptr<const Codec>& codec, Selection* selection) {
  const Chooser chooser(topology, query, allowed);
  *selection = {};
  if (codec && codec->traits().chooses) return chooser.among_candidates(*codec, selection);
  selection->codec = codec;
  return chooser.plan(kAnyEncodings, selection);
}

}  // namespace coll
