// Settling: what comes before a call whose codec has to know the data's magnitude. Each rank looks at what it sends,
// and the rounds that compare the calls tell all ranks the largest magnitude of any; so all settle on the same codec.
#pragma once

#include <optional>

#include "runtime/agreement.hpp"
#include "runtime/call.hpp"
#include "runtime/execution.hpp"

namespace coll {

// Whether the call has to be settled before it can be planned; the same on all ranks that make the same call.
bool needs_settling(const Call& call, int nranks);

class Settling {
 public:
  Settling(const Surroundings& around, const Call& call, uint64_t sequence);
  Settling(const Settling&) = delete;
  Settling& operator=(const Settling&) = delete;

  // Never blocks. Sets *done once all ranks' data has been taken into account, and *moved where anything happened. The
  // data is read at the first call, not before: calls on the same stream may still write to it until then.
  Status advance(bool* moved, bool* done);
  // After done: the call with the codec that chooses for data like this.
  Call settled() const;

  const Call& call() const { return call_; }
  uint64_t sequence() const { return sequence_; }
  int waiting_for() const { return agreement_ ? agreement_->waiting_for() : -1; }

 private:
  Surroundings around_;
  Call call_;
  uint64_t sequence_;
  std::optional<Agreement> agreement_;
};

}  // namespace coll
