#include "transport/inproc/inproc.hpp"

#include <utility>

#include "transport/matcher.hpp"

namespace coll {

namespace {

using inproc::Hub;

class InprocTransport final : public Transport {
 public:
  InprocTransport(std::shared_ptr<Hub> hub, int rank)
      : hub_(std::move(hub)), rank_(rank), matcher_(static_cast<size_t>(hub_->nranks())) {}

  std::string_view name() const override { return "inproc"; }
  bool reaches(int peer) const override { return peer >= 0 && peer < hub_->nranks(); }

  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    COLL_TRY(check(peer));
    Hub::Mailbox& box = hub_->mailbox(rank_, peer);
    {
      const std::lock_guard lock(box.mutex);
      box.messages.push_back({tag, {message.begin(), message.end()}});
    }
    request->bytes = message.size();
    request->done = true;
    return {};
  }

  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override {
    COLL_TRY(check(peer));
    matcher_.post(static_cast<size_t>(peer), tag, buffer, request);
    return {};
  }

  Status progress(bool* moved) override {
    for (int peer = 0; peer < hub_->nranks(); ++peer) {
      if (!matcher_.waiting(static_cast<size_t>(peer))) continue;
      std::deque<Hub::Message> arrived;
      {
        Hub::Mailbox& box = hub_->mailbox(peer, rank_);
        const std::lock_guard lock(box.mutex);
        arrived.swap(box.messages);
      }
      for (const Hub::Message& message : arrived) {
        matcher_.begin(static_cast<size_t>(peer), message.tag, message.bytes.size());
        if (!message.bytes.empty()) matcher_.feed(static_cast<size_t>(peer), message.bytes);
        *moved = true;
      }
    }
    return {};
  }

  std::span<std::byte> notices(int rank) override {
    return reaches(rank) ? hub_->notices(rank) : std::span<std::byte>();
  }

  Status send_control(int peer, const Control& control) override {
    if (!reaches(peer)) return unreachable(peer);
    Hub::Mailbox& box = hub_->mailbox(rank_, peer);
    const std::lock_guard lock(box.mutex);
    box.controls.push_back(control);
    return {};
  }

  bool poll_control(Control* control) override {
    for (int peer = 0; peer < hub_->nranks(); ++peer) {
      Hub::Mailbox& box = hub_->mailbox(peer, rank_);
      const std::lock_guard lock(box.mutex);
      if (box.controls.empty()) continue;
      *control = box.controls.front();
      box.controls.pop_front();
      return true;
    }
    return false;
  }

  bool abandon() override {
    abandoned_ = true;
    matcher_.clear();
    return false;
  }
  bool receives_in_calls() const override { return true; }
  bool any_thread() const override { return true; }

 private:
  Status unreachable(int peer) const {
    return {collInvalidArgument, text("rank ", rank_, ": transport inproc does not reach rank ", peer)};
  }
  Status check(int peer) const {
    if (!reaches(peer)) return unreachable(peer);
    if (abandoned_) return {collInvalidUsage, text("rank ", rank_, ": transport inproc was abandoned after a failure")};
    return {};
  }

  std::shared_ptr<Hub> hub_;
  int rank_;
  bool abandoned_ = false;
  Matcher matcher_;
};

}  // namespace

std::unique_ptr<Transport> make_inproc(std::shared_ptr<Hub> hub, int rank) {
  return std::make_unique<InprocTransport>(std::move(hub), rank);
}

}  // namespace coll
