// The ucx transport: tag-matched messages over UCP, on whatever network UCX finds.
//
// Each communicator has a worker of its own, so that no message of another one can arrive. A 64-bit tag holds, from the
// top: one bit for control messages, the sender's rank, the message's tag. A message that is too long for its buffer is
// told as such and leaves the buffer as it was.
//
// Where the ranks are many, endpoints are made when a peer is first sent to or awaited, so that a peer's death is
// noticed by those who wait for it. A peer may also have gone because it was done: its loss is an error only where
// something is still wanted of it after kGrace, since its last messages may come over another connection than the one
// that ended.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "transport/transport.hpp"
#include "transport/ucx/context.hpp"

namespace coll::ucx {

// `addresses` of all ranks, by rank. Up to 64 ranks connect and hear of each other here, so that all of them must call
// this together; a failure says who was not reached.
Status make_ucx(std::unique_ptr<Worker> worker, std::vector<std::vector<std::byte>> addresses, int rank,
                std::chrono::steady_clock::time_point deadline, std::unique_ptr<Transport>* transport);

}  // namespace coll::ucx
