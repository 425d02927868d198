#include "transport/matcher.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace coll {

namespace {

void copy_bytes(std::byte* to, const std::byte* from, size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);  // empty spans may hold null
}

}  // namespace

void complete(Request* request, size_t bytes, size_t capacity) {
  request->bytes = std::min(bytes, capacity);
  request->truncated = bytes > capacity;
  request->done = true;
}

// Hands a message that came before its receive over to it, with the bytes that are here already.
void Matcher::adopt(Message& message, std::span<std::byte> buffer, Request* request) {
  copy_bytes(buffer.data(), message.heap.get(), std::min(message.arrived, buffer.size()));
  message.heap.reset();
  message.buffer = buffer;
  message.request = request;
}

std::optional<LentMatch> Matcher::post(size_t peer, uint32_t tag, std::span<std::byte> buffer, Request* request) {
  Peer& p = peers_[peer];
  const auto early =
      std::find_if(p.unexpected.begin(), p.unexpected.end(), [&](const auto& m) { return m.tag == tag; });
  if (early != p.unexpected.end() && early->lent) {
    const LentMatch match{buffer, request, *early->lent};
    p.unexpected.erase(early);
    return match;
  }
  if (early != p.unexpected.end()) {
    adopt(*early, buffer, request);
    complete(request, early->bytes, buffer.size());
    p.unexpected.erase(early);
  } else if (p.streaming && p.current.request == nullptr && p.current.tag == tag) {
    adopt(p.current, buffer, request);
  } else {
    p.posted.push_back({tag, buffer, request});
  }
  return std::nullopt;
}

std::optional<LentMatch> Matcher::begin_lent(size_t peer, uint32_t tag, const Lent& lent) {
  Peer& p = peers_[peer];
  const auto match = std::find_if(p.posted.begin(), p.posted.end(), [&](const auto& r) { return r.tag == tag; });
  if (match == p.posted.end()) {
    Message& kept = p.unexpected.emplace_back();
    kept.tag = tag;
    kept.lent = lent;
    return std::nullopt;
  }
  const LentMatch found{match->buffer, match->request, lent};
  p.posted.erase(match);
  return found;
}

bool Matcher::deliver(size_t peer, uint32_t tag, std::span<const std::byte> message) {
  Peer& p = peers_[peer];
  const auto match = std::find_if(p.posted.begin(), p.posted.end(), [&](const auto& r) { return r.tag == tag; });
  if (match == p.posted.end()) return false;
  copy_bytes(match->buffer.data(), message.data(), std::min(message.size(), match->buffer.size()));
  complete(match->request, message.size(), match->buffer.size());
  p.posted.erase(match);
  return true;
}

void Matcher::begin(size_t peer, uint32_t tag, size_t bytes) {
  Peer& p = peers_[peer];
  p.current = Message{};
  p.current.tag = tag;
  p.current.bytes = bytes;
  p.streaming = true;
  const auto match = std::find_if(p.posted.begin(), p.posted.end(), [&](const auto& r) { return r.tag == tag; });
  if (match != p.posted.end()) {
    p.current.buffer = match->buffer;
    p.current.request = match->request;
    p.posted.erase(match);
  } else {
    p.current.heap = std::make_unique_for_overwrite<std::byte[]>(bytes);
  }
  if (bytes == 0) finish(p);
}

void Matcher::feed(size_t peer, std::span<const std::byte> bytes) {
  Peer& p = peers_[peer];
  Message& m = p.current;
  if (m.request == nullptr) {
    copy_bytes(m.heap.get() + m.arrived, bytes.data(), bytes.size());
  } else if (m.arrived < m.buffer.size()) {  // what does not fit is dropped, and said so in `truncated`
    copy_bytes(m.buffer.data() + m.arrived, bytes.data(), std::min(bytes.size(), m.buffer.size() - m.arrived));
  }
  m.arrived += bytes.size();
  if (m.arrived == m.bytes) finish(p);
}

void Matcher::finish(Peer& p) {
  if (p.current.request != nullptr) {
    complete(p.current.request, p.current.bytes, p.current.buffer.size());
  } else {
    p.unexpected.push_back(std::move(p.current));
  }
  p.current = Message{};
  p.streaming = false;
}

void Matcher::clear() {
  for (Peer& p : peers_) p = Peer{};
}

}  // namespace coll
