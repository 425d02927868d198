// Ranks of a node that are threads, with shared memory between them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "conformance.hpp"
#include "ranks.hpp"
#include "transport/shm/shm.hpp"

namespace coll::test {

struct Result {
  Status status;
  std::string warning;
  std::unique_ptr<Transport> transport;
};

// Runs make_shm() on `nranks` threads, with options that `change` may alter.
inline std::vector<Result> setup(int nranks, const std::function<void(ShmOptions&)>& change) {
  const auto meeting = std::make_shared<Meeting>(nranks);
  std::vector<Result> results(static_cast<size_t>(nranks));
  run_ranks(nranks, [&](int rank) {
    InprocBootstrap bootstrap(meeting, rank);
    ShmOptions options = shm_options(bootstrap);
    change(options);
    Result& result = results[static_cast<size_t>(rank)];
    result.status = make_shm(options, &result.transport, &result.warning);
  });
  return results;
}

}  // namespace coll::test
