// A group: calls that were put off, and are issued together.
#pragma once

#include <memory>
#include <vector>

#include "runtime/communicator.hpp"
#include "runtime/stream.hpp"

namespace coll {

// Of one thread.
class Group {
 public:
  void start() { ++depth_; }
  bool open() const { return depth_ > 0; }
  void add(Communicator& communicator, Call&& call, std::shared_ptr<Stream>&& stream) {
    calls_.emplace_back(communicator, std::move(call), std::move(stream));
  }
  // A call was refused: the group will issue nothing.
  void refuse(const Status& why);
  bool uses(const Communicator& communicator) const;
  // Closes the innermost group. The outermost one issues its calls and waits for those without a stream.
  Status end();

 private:
  int depth_ = 0;
  std::vector<Deferred> calls_;
  Status refused_;
};

}  // namespace coll
