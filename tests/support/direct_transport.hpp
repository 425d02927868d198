// A transport between "nodes" that takes memory of a device that is none: it reaches by a way of its own what the host
// must not touch, and only where it has been told of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "tests/support/async_device.hpp"
#include "tests/support/forwarding_transport.hpp"

namespace coll::test {

// Of all ranks of a world, as far as they have such a transport.
struct DirectTraffic {
  std::atomic<size_t> sent{0}, received{0};  // messages that lay in device memory
  std::atomic<size_t> shortest{SIZE_MAX};    // bytes of one of them
  std::atomic<size_t> beside{0};             // bytes of other messages
  std::atomic<int> registered{0};            // stretches of memory, at the moment
  std::atomic<int> refused{0};
  std::atomic<bool> refuses{false};         // to register memory
  std::atomic<bool> still_accesses{false};  // memory of what was abandoned
};

class DirectTransport final : public ForwardingTransport {
 public:
  // Of `device`. The real one is done with a message's memory when send() returns, as inproc is.
  DirectTransport(std::unique_ptr<Transport> real, AsyncDevice* device, std::shared_ptr<DirectTraffic> traffic)
      : ForwardingTransport(std::move(real)), device_(device), traffic_(std::move(traffic)) {}
  ~DirectTransport() override {
    for (const auto& range : ranges_) expect_device_memory(range);
  }

  bool takes_device_memory(std::string*) const override { return true; }
  std::span<std::byte> notices(int) override { return {}; }  // as between nodes

  Status register_device(std::span<std::byte> memory) override {
    if (traffic_->refuses) {
      ++traffic_->refused;
      return {collSystemError, "no memory is registered here"};
    }
    expect_device_memory(memory);
    const std::lock_guard lock(mutex_);
    ranges_.push_back(memory);
    ++traffic_->registered;
    return {};
  }
  void unregister_device(std::span<std::byte> memory) override {
    expect_device_memory(memory);  // still
    const std::lock_guard lock(mutex_);
    const auto is_it = [&](const auto& range) { return range.data() == memory.data(); };
    traffic_->registered -= static_cast<int>(std::erase_if(ranges_, is_it));
  }

  Status send(int peer, uint32_t tag, std::span<const std::byte> message, Request* request) override {
    if (!is_registered(message)) {
      traffic_->beside += message.size();
      return real().send(peer, tag, message, request);
    }
    ++traffic_->sent;
    traffic_->shortest = std::min<size_t>(traffic_->shortest, message.size());
    std::vector<std::byte> bytes(message.size());
    device_->download(bytes.data(), message.data(), bytes.size());
    COLL_TRY(real().send(peer, tag, bytes, request));
    EXPECT_TRUE(request->done);
    return {};
  }

  Status receive(int peer, uint32_t tag, std::span<std::byte> buffer, Request* request) override {
    if (!is_registered(buffer)) return real().receive(peer, tag, buffer, request);
    Receive& receive = receives_.emplace_back(Receive{buffer, request, std::vector<std::byte>(buffer.size()), {}});
    return real().receive(peer, tag, receive.bytes, &receive.real);
  }

  Status progress(bool* moved) override {
    COLL_TRY(real().progress(moved));
    for (const Receive& receive : receives_) {
      if (receive.real.done) bring(receive);
    }
    std::erase_if(receives_, [](const Receive& receive) { return receive.real.done; });
    return {};
  }

  bool abandon() override {
    const bool still_accessed = real().abandon();
    receives_.clear();
    return still_accessed || traffic_->still_accesses;
  }

 private:
  struct Receive {
    std::span<std::byte> place;
    Request* request;
    std::vector<std::byte> bytes;
    Request real;
  };

  void expect_device_memory(std::span<std::byte> memory) const {
    for (const std::byte* const at : {&memory.front(), &memory.back()}) {
      MemoryOwner owner;
      EXPECT_TRUE(device_->owner_of(at, &owner).ok());
      EXPECT_EQ(owner.kind, MemoryKind::kDevice);
    }
  }
  bool is_registered(std::span<const std::byte> message) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const auto& range) {
      return message.data() >= range.data() && message.data() < range.data() + range.size();
    });
  }
  void bring(const Receive& receive) const {
    ++traffic_->received;
    device_->upload(receive.place.data(), receive.bytes.data(), receive.real.bytes);
    receive.request->bytes = receive.real.bytes;
    receive.request->truncated = receive.real.truncated;
    receive.request->done = true;
  }

  AsyncDevice* const device_;
  const std::shared_ptr<DirectTraffic> traffic_;
  mutable std::mutex mutex_;
  std::vector<std::span<std::byte>> ranges_;
  std::list<Receive> receives_;
};

}  // namespace coll::test
