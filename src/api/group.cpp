#include "api/group.hpp"

#include "api/guard.hpp"
#include "base/twin.hpp"

using namespace coll;
using api::guarded;

namespace coll::api {

namespace {
// One of the library's thread_local values: a group belongs to the thread that opened it.
thread_local Group open_group;
}  // namespace

Group& group() { return open_group; }

}  // namespace coll::api

extern "C" {

collResult_t collGroupStart(void) {
  return guarded("collGroupStart", [] {
    api::group().start();
    return Status();
  });
}

collResult_t collGroupEnd(void) {
  return guarded("collGroupEnd", [] { return api::group().end(); });
}
}

COLL_TWIN(collGroupStart);
COLL_TWIN(collGroupEnd);
