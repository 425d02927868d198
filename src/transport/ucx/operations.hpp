// What UCX is working on for one transport: an entry for each send and receive, until UCX has called back for it.
#pragma once

#include <ucp/api/ucp.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "transport/transport.hpp"
#include "transport/ucx/registered_memory.hpp"

namespace coll::ucx {

// The part of a peer that its operations touch.
struct Account {
  int rank = -1;
  int pending = 0;  // sends and receives of data
};

class Operations {
 public:
  struct Early {
    ucs_status_t status;
    size_t bytes;
  };
  struct Entry {
    Operations* all = nullptr;
    size_t place = 0;            // in entries_
    Request* request = nullptr;  // null once it was forgotten, and for control messages
    Account* account = nullptr;  // null for control messages
    size_t capacity = 0;         // of the buffer
    bool receives = false;
    bool starting = false;             // UCX has not returned from the call that starts it
    std::optional<Early> early;        // how it ended within that call
    void* handle = nullptr;            // UCX's
    std::unique_ptr<Control> control;  // that is being sent
  };

  // `registered_memory`: where messages may lie besides the host's; or NULL.
  explicit Operations(const RegisteredMemory* registered_memory) : registered_memory_(registered_memory) {}
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  // All of these return what UCX says to starting it; a message that is complete at once is marked so.
  ucs_status_t send(ucp_ep_h endpoint, uint64_t tag, std::span<const std::byte> message, Request* request,
                    Account* account);
  ucs_status_t receive(ucp_worker_h worker, uint64_t tag, std::span<std::byte> buffer, Request* request,
                       Account* account);
  ucs_status_t send(ucp_ep_h endpoint, uint64_t tag, const Control& control);
  ucs_status_t send_mark(ucp_ep_h endpoint, uint64_t tag);  // an empty control message

  size_t completed() const { return completed_; }  // so far, control messages not counted
  // The first one that UCX gave up: the peer's rank and why. -1 where there is none.
  int failed_rank() const { return failed_rank_; }
  ucs_status_t failure() const { return failure_; }

  // Touches no request from now on. Returns true where UCX may still access a buffer.
  bool forget(ucp_worker_h worker);
  bool controls_pending() const { return controls_pending_ != 0; }

 private:
  static void on_sent(void* handle, ucs_status_t status, void* entry);
  static void on_received(void* handle, ucs_status_t status, const ucp_tag_recv_info_t* info, void* entry);
  Entry* add(Request* request, Account* account);
  ucs_status_t started(Entry* entry, ucs_status_ptr_t handle, size_t bytes);
  void finish(Entry* entry, ucs_status_t status, size_t bytes);
  void describe(std::span<const std::byte> message, ucp_request_param_t* param) const {
    if (registered_memory_ != nullptr) registered_memory_->describe(message, param);
  }

  const RegisteredMemory* const registered_memory_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<std::unique_ptr<Entry>> unused_;
  size_t completed_ = 0;
  size_t controls_pending_ = 0;
  int failed_rank_ = -1;
  ucs_status_t failure_ = UCS_OK;
};

}  // namespace coll::ucx
