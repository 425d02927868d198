#include "runtime/watchdog.hpp"

#include <algorithm>
#include <cstdio>

namespace coll {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWarnAfter{60000};
// Nobody calls the library during a gap this long, so the gap is not time spent waiting for peers.
constexpr milliseconds kGap{1000};
constexpr milliseconds kProbeEvery{100};

milliseconds warn_after(int timeout_ms) { return std::min(kWarnAfter, milliseconds(timeout_ms / 2)); }
// Leaves enough time for the answers to come in.
milliseconds announce_after(int timeout_ms) { return milliseconds(timeout_ms - std::clamp(timeout_ms / 4, 1, 5000)); }

std::string list_of(const std::vector<int>& ranks) {
  constexpr size_t kMostNamed = 16;
  std::string all;
  for (size_t i = 0; i < std::min(ranks.size(), kMostNamed); ++i) all += text(i > 0 ? ", " : "", "rank ", ranks[i]);
  if (ranks.size() > kMostNamed) all += text(" and ", ranks.size() - kMostNamed, " more");
  return all;
}

}  // namespace

Watchdog::Watchdog(Fabric& fabric, const Log& log, int rank, int nranks, int timeout_ms)
    : fabric_(fabric),
      log_(log),
      rank_(rank),
      nranks_(nranks),
      timeout_ms_(timeout_ms),
      first_notice_(std::min(warn_after(timeout_ms), announce_after(timeout_ms))),
      probe_every_(std::min(kProbeEvery, milliseconds(timeout_ms / 4))),
      present_(static_cast<size_t>(nranks), 0) {}

Status Watchdog::take_news() {
  do {
    Control& control = heard_;
    if (control.from < 0 || control.from >= nranks_) continue;
    if (control.kind == Control::kPresent) {
      auto& latest = present_[static_cast<size_t>(control.from)];
      latest = std::max(latest, control.sequence + 1);
      must_answer_ = true;
    } else if (control.kind == Control::kFailed) {
      control.text[sizeof(control.text) - 1] = '\0';
      const bool timeout = control.code == collTimeout;
      return {timeout ? collTimeout : collRemoteError, text("rank ", control.from, " gave up: ", control.text)};
    }
  } while (fabric_.poll_control(&heard_));
  return {};
}

void Watchdog::note_gap(Patience& patience, Clock::time_point now) {
  if (now - patience.seen > kGap) patience.since += now - patience.seen;
  patience.seen = now;
}

// What a rank sent before it ended is taken up in the turn between two looks; only then it is known what is missing.
Status Watchdog::probe(Patience& patience, const WaitingCall& call, Clock::time_point now) const {
  const auto& awaited = call.awaited;
  if (patience.lost >= 0 && std::find(awaited.begin(), awaited.end(), patience.lost) != awaited.end()) {
    return {collRemoteError, text(call.function, " #", call.sequence, ": rank ", patience.lost,
                                  " has ended, or destroyed its communicator, while more of it is needed. Look there "
                                  "for a crash, a kill for want of memory, or fewer calls")};
  }
  const auto ended = std::find_if(awaited.begin(), awaited.end(), [this](int peer) {
    return fabric_.reaches(peer) && fabric_.to(peer).has_ended(peer);
  });
  patience.lost = ended != awaited.end() ? *ended : -1;
  patience.probed = now;
  return {};
}

Status Watchdog::look_closer(Patience& patience, const WaitingCall& call, Clock::time_point now) {
  const auto waited = now - patience.since;
  if (!patience.announced && !call.of_two && (must_answer_ || waited >= announce_after(timeout_ms_)))
    announce(patience, call);
  if (!patience.warned && waited >= warn_after(timeout_ms_)) {
    patience.warned = true;
    log_.warn(LogPart::kTransport, call.function, " #", call.sequence, " has waited for ",
              std::chrono::duration_cast<milliseconds>(waited).count(), " ms, now for ", list_of(call.awaited),
              "; it gives up after ", timeout_ms_, " ms (COLL_TIMEOUT_MS)");
  }
  return waited >= milliseconds(timeout_ms_) ? timed_out(call) : Status();
}

void Watchdog::announce(Patience& patience, const WaitingCall& call) {
  patience.announced = true;
  must_answer_ = false;
  Control control;
  control.kind = Control::kPresent;
  control.sequence = call.sequence;
  fabric_.send_control_to_all(control, rank_);
}

Status Watchdog::timed_out(const WaitingCall& call) const {
  if (call.of_two) {
    const char* const counterpart = call.function == "send" ? " has not received" : " has not sent";
    return {collTimeout,
            text(call.function, " timed out after ", timeout_ms_, " ms: ", list_of(call.awaited), counterpart,
                 " its part. Look there for a crash, a send without its receive or slow work, or raise "
                 "COLL_TIMEOUT_MS")};
  }
  std::vector<int> missing;
  for (int peer = 0; peer < nranks_; ++peer) {
    if (peer != rank_ && present_[static_cast<size_t>(peer)] <= call.sequence) missing.push_back(peer);
  }
  const std::string what = text(call.function, " #", call.sequence, " timed out after ", timeout_ms_, " ms: ");
  if (!missing.empty()) {
    return {collTimeout, text(what, list_of(missing), missing.size() == 1 ? " has" : " have",
                              " not joined the call. Look there for a crash, a different order of calls or slow "
                              "work, or raise COLL_TIMEOUT_MS")};
  }
  return {collTimeout, text(what, "all ranks are in the call, but data from or for ", list_of(call.awaited),
                            " does not arrive. Look at the network between them, or raise COLL_TIMEOUT_MS")};
}

void Watchdog::report(const Status& failure) {
  Control control;
  control.kind = Control::kFailed;
  control.code = failure.code();
  std::snprintf(control.text, sizeof(control.text), "%s", failure.message().c_str());
  fabric_.send_control_to_all(control, rank_);
  bool moved = false;
  constexpr int kPushes = 8;  // enough for a transport that sends from its progress
  for (int i = 0; i < kPushes; ++i) static_cast<void>(fabric_.progress(&moved));
}

}  // namespace coll
