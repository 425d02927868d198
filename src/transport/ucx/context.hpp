// One UCP context with its worker: what UCX is told, and the address that peers reach it by.
#pragma once

#include <ucp/api/ucp.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.hpp"

namespace coll::ucx {

// UCX's words for a status.
std::string words_of(ucs_status_t status);

class Worker {
 public:
  // `device` is what UCX may use ("eth0", "mlx5_0:1"); "" leaves the choice to UCX. `nranks` is a hint.
  static Status make(const std::string& device, int nranks, std::unique_ptr<Worker>* worker);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  ucp_worker_h get() const { return worker_; }
  Status address(std::vector<std::byte>* bytes) const;

 private:
  Worker() = default;

  ucp_context_h context_ = nullptr;
  ucp_worker_h worker_ = nullptr;
};

}  // namespace coll::ucx
