// One UCP context with its worker: what UCX is told, and the address that peers reach it by.
#pragma once

#include <ucp/api/ucp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "transport/ucx/registered_memory.hpp"

namespace coll::ucx {

// UCX's words for a status.
std::string words_of(ucs_status_t status);

struct WorkerOptions {
  std::string device{};  // that UCX may use ("eth0", "mlx5_0:1"); "" leaves the choice to UCX
  int nranks = 1;        // a hint
  // Messages may lie in memory of this type as well, where UCX says that it knows it.
  std::optional<ucs_memory_type_t> direct{};
};

class Worker {
 public:
  static Status make(const WorkerOptions& options, std::unique_ptr<Worker>* worker);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  ucp_worker_h get() const { return worker_; }
  Status address(std::vector<std::byte>* bytes) const;
  // Of a device; NULL where messages lie in the host's alone.
  RegisteredMemory* registered_memory() const { return registered_memory_.get(); }

 private:
  Worker() = default;

  ucp_context_h context_ = nullptr;
  ucp_worker_h worker_ = nullptr;
  std::unique_ptr<RegisteredMemory> registered_memory_;
};

}  // namespace coll::ucx
