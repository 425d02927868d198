// The far transport: what carries messages between ranks that shared memory does not reach. Chosen here, and alike on
// all ranks.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "runtime/module.hpp"

namespace coll {

// One transport that may be the far one.
struct FarWay {
  std::string_view name;  // as COLL_TRANSPORT knows it
  OpenFar open;
};

// UCX, by the module libcoll_ucx.so.
FarWay ucx_way();
// MPI, by the module libcoll_mpi.so, for programs that have called MPI_Init.
FarWay mpi_way();

// Opens the first of the ways that works on all ranks; collective. Rank 0 logs which, and why not an earlier one.
Status open_far(std::span<const FarWay* const> ways, const FarRequest& request, const Log& log,
                std::unique_ptr<Transport>* transport);

// Version of the library beneath a module, or why the module cannot be used; for people.
std::string module_version(std::string_view name);

}  // namespace coll
