#include "transport/ucx/operations.hpp"

#include <algorithm>

namespace coll::ucx {

namespace {

constexpr uint64_t kWholeTag = ~uint64_t{0};

ucp_request_param_t param_of(void* entry) {
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE;
  param.user_data = entry;
  param.memory_type = UCS_MEMORY_TYPE_HOST;
  return param;
}

ucp_request_param_t send_param(void* entry, ucp_send_nbx_callback_t callback) {
  ucp_request_param_t param = param_of(entry);
  param.cb.send = callback;
  return param;
}

}  // namespace

Operations::Entry* Operations::add(Request* request, Account* account) {
  std::unique_ptr<Entry> entry;
  if (unused_.empty()) {
    entry = std::make_unique<Entry>();
  } else {
    entry = std::move(unused_.back());
    unused_.pop_back();
  }
  *entry = Entry();
  entry->all = this;
  entry->place = entries_.size();
  entry->request = request;
  entry->account = account;
  if (account != nullptr) ++account->pending;
  if (account == nullptr) ++controls_pending_;
  entries_.push_back(std::move(entry));
  return entries_.back().get();
}

void Operations::finish(Entry* entry, ucs_status_t status, size_t bytes) {
  // A receiver whose buffer is too short says so to the sender, who has nothing to do with it.
  const bool truncated = status == UCS_ERR_MESSAGE_TRUNCATED;
  const bool complete = status == UCS_OK || truncated;
  if (entry->account == nullptr) --controls_pending_;
  if (entry->account != nullptr) {
    --entry->account->pending;
    completed_ += complete ? 1 : 0;
    if (!complete && entry->request != nullptr && failed_rank_ < 0) {
      failed_rank_ = entry->account->rank;
      failure_ = status;
    }
  }
  if (complete && entry->request != nullptr) {
    entry->request->truncated = truncated && entry->receives;
    entry->request->bytes = truncated && entry->receives ? entry->capacity : bytes;
    entry->request->done = true;
  }
  entry->control.reset();
  const size_t place = entry->place;
  std::swap(entries_[place], entries_.back());
  entries_[place]->place = place;
  unused_.push_back(std::move(entries_.back()));
  entries_.pop_back();
}

void Operations::on_sent(void* handle, ucs_status_t status, void* user_data) {
  auto* entry = static_cast<Entry*>(user_data);
  entry->all->finish(entry, status, entry->capacity);
  ucp_request_free(handle);
}

void Operations::on_received(void* handle, ucs_status_t status, const ucp_tag_recv_info_t* info, void* user_data) {
  auto* entry = static_cast<Entry*>(user_data);
  const size_t bytes = status == UCS_OK ? info->length : 0;
  if (entry->starting) {
    entry->early = Early{status, bytes};
    return;
  }
  entry->all->finish(entry, status, bytes);
  ucp_request_free(handle);
}

ucs_status_t Operations::started(Entry* entry, ucs_status_ptr_t handle, size_t bytes) {
  if (UCS_PTR_IS_PTR(handle)) {
    entry->handle = handle;
    return UCS_OK;
  }
  const ucs_status_t status = UCS_PTR_STATUS(handle);
  finish(entry, status, bytes);
  return status == UCS_ERR_MESSAGE_TRUNCATED ? UCS_OK : status;
}

ucs_status_t Operations::send(ucp_ep_h endpoint, uint64_t tag, std::span<const std::byte> message, Request* request,
                              Account* account) {
  Entry* entry = add(request, account);
  entry->capacity = message.size();
  ucp_request_param_t param = send_param(entry, &on_sent);
  describe(message, &param);
  return started(entry, ucp_tag_send_nbx(endpoint, message.data(), message.size(), tag, &param), message.size());
}

ucs_status_t Operations::send(ucp_ep_h endpoint, uint64_t tag, const Control& control) {
  auto copy = std::make_unique<Control>(control);
  Entry* entry = add(nullptr, nullptr);
  entry->control = std::move(copy);
  const ucp_request_param_t param = send_param(entry, &on_sent);
  return started(entry, ucp_tag_send_nbx(endpoint, entry->control.get(), sizeof(Control), tag, &param), 0);
}

ucs_status_t Operations::send_mark(ucp_ep_h endpoint, uint64_t tag) {
  Entry* entry = add(nullptr, nullptr);
  const ucp_request_param_t param = send_param(entry, &on_sent);
  return started(entry, ucp_tag_send_nbx(endpoint, nullptr, 0, tag, &param), 0);
}

ucs_status_t Operations::receive(ucp_worker_h worker, uint64_t tag, std::span<std::byte> buffer, Request* request,
                                 Account* account) {
  Entry* entry = add(request, account);
  entry->capacity = buffer.size();
  entry->receives = true;
  // Where a receive completes at once, UCX 1.13 tells its size to the callback alone.
  ucp_request_param_t param = param_of(entry);
  param.op_attr_mask |= UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  param.cb.recv = &on_received;
  describe(buffer, &param);
  entry->starting = true;
  void* handle = ucp_tag_recv_nbx(worker, buffer.data(), buffer.size(), tag, kWholeTag, &param);
  entry->starting = false;
  if (!UCS_PTR_IS_PTR(handle) || !entry->early) return started(entry, handle, 0);
  const Early early = *entry->early;
  finish(entry, early.status, early.bytes);
  ucp_request_free(handle);
  return early.status == UCS_ERR_MESSAGE_TRUNCATED ? UCS_OK : early.status;
}

bool Operations::forget(ucp_worker_h worker) {
  std::vector<void*> receives;
  for (const auto& entry : entries_) {
    entry->request = nullptr;
    if (entry->receives) receives.push_back(entry->handle);
  }
  // What was posted and has met no message is over with this; UCX calls back in the meantime.
  for (void* handle : receives) ucp_request_cancel(worker, handle);
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) { return entry->account != nullptr; });
}

}  // namespace coll::ucx
