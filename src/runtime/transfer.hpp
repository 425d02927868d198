// A transfer: a send or receive whose data is one message at most, and has no checksum. It needs no execution, which
// would cost more than the messages of a few bytes. The other side may be an execution.
#pragma once

#include "runtime/introduction.hpp"

namespace coll {

class Transfer {
 public:
  // `call` outlives it.
  Transfer(Fabric& fabric, const Call& call, int rank)
      : fabric_(fabric), call_(call), introduction_(fabric, call, rank, false) {}

  // Never blocks; not called again once it is over. From the first call on it stays where it is.
  Status advance(bool* moved);
  bool over() const { return introduction_.over() && (introduction_.carries() || (begun_ && data_.done)); }
  const Call& call() const { return call_; }
  size_t bytes() const { return call_.count * size_of(call_.type); }

 private:
  Status begin();
  Status verify() const;

  Fabric& fabric_;
  const Call& call_;
  Introduction introduction_;
  Request data_;
  bool begun_ = false;
};

}  // namespace coll
