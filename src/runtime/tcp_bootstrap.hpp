// The TCP bootstrap behind unique ids: works before and without MPI.
#pragma once

#include <memory>
#include <string>

#include "base/status.hpp"
#include "coll/coll.h"
#include "runtime/bootstrap.hpp"

namespace coll::tcp {

// Starts a meeting point in this process, on the interface `ifname` ("": the first that is not a loopback), and writes
// its address and a secret to `id`. Its thread ends when the ranks have met and parted, or after `timeout_ms`.
Status make_unique_id(const std::string& ifname, int timeout_ms, collUniqueId* id);

// Meets the other ranks. Returns when all have joined, or collTimeout that names those that have not. One rank alone
// needs no network.
Status join(const collUniqueId& id, int nranks, int rank, Clock::time_point deadline,
            std::unique_ptr<Bootstrap>* bootstrap);

}  // namespace coll::tcp
