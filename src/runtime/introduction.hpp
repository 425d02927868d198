// Introduction: before a transfer's data, the sender says what is to come, so that a receiver that wants something else
// fails rather than waits. Nothing goes back: the sender begins at once.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/call.hpp"
#include "runtime/fabric.hpp"

namespace coll {

class Introduction {
 public:
  Introduction(Fabric& fabric, const Call& call, int rank, uint32_t tag);

  // Never blocks. collInvalidUsage where the two ranks do not mean the same.
  Status advance(bool* moved);
  bool settled() const { return sends_ ? started_ : over(); }  // the data may go
  bool over() const { return started_ && request_.done; }

 private:
  using Terms = std::array<uint64_t, 2>;  // count and type
  Status compare() const;

  Fabric& fabric_;
  const bool sends_;
  const int rank_;
  const int peer_;
  const uint32_t tag_;
  const Terms own_;
  Terms theirs_{};
  Request request_;
  bool started_ = false;
  bool compared_ = false;
};

}  // namespace coll
