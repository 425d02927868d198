// The group of the calling thread.
#pragma once

#include "runtime/group.hpp"

namespace coll::api {

Group& group();

}  // namespace coll::api
