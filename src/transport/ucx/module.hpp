// What the module does when a communicator asks it for a transport.
#pragma once

#include <ucp/api/ucp.h>

#include <memory>

#include "runtime/module.hpp"

namespace coll::ucx {

// An OpenFar. `of_devices`: the type of devices' memory, CUDA's; tests, which have no device, take the host's.
Status open_transport(const FarRequest& request, ucs_memory_type_t of_devices, std::unique_ptr<Transport>* transport);

}  // namespace coll::ucx
