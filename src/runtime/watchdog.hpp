// The watchdog: turns waiting that does not end into an error that names who is missing.
//
// A rank that has waited for most of its time-out tells everybody in which call it is, and everybody that waits too
// answers. Whoever was not heard of when the time is up is missing. Failures of others arrive on the same channel.
//
// Where the transport can tell whether a peer has ended, a wait that does not move asks it now and then, and fails when
// nothing more of that peer arrives.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/status.hpp"
#include "runtime/fabric.hpp"

namespace coll {

using Clock = std::chrono::steady_clock;

// How long one execution has waited; kept beside it.
struct Patience {
  Clock::time_point since = Clock::now();
  Clock::time_point seen = since;    // last time anybody looked
  Clock::time_point probed = since;  // last time the awaited were looked for
  int lost = -1;                     // the awaited rank that had ended then
  bool warned = false;
  bool announced = false;
};

// What the watchdog wants to know of a call that waits.
struct WaitingCall {
  uint64_t sequence;
  std::string_view function;
  std::vector<int> awaited;  // ranks whose messages it waits for, or that have not taken its own
  bool of_two = false;       // a send or receive, which the other ranks know nothing of
};

class Watchdog {
 public:
  Watchdog(Fabric& fabric, const Log& log, int rank, int nranks, int timeout_ms);

  // Takes the news that have come; a failure of another rank is returned.
  Status listen() { return fabric_.poll_control(&heard_) ? take_news() : Status(); }
  // Looks at a call that did not move; collTimeout once its time is up. `call` is asked for only when it is needed.
  template <typename CallOf>
  Status look(Patience& patience, const CallOf& call) {
    const auto now = Clock::now();
    note_gap(patience, now);
    const bool probe_due = patience.lost >= 0 || now - patience.probed >= probe_every_;
    if (now - patience.since < first_notice_ && !must_answer_ && !probe_due) return {};
    const WaitingCall waiting = call();
    if (probe_due) COLL_TRY(probe(patience, waiting, now));
    return look_closer(patience, waiting, now);
  }
  // Tells all peers that this rank has failed; best effort.
  void report(const Status& failure);

 private:
  Status take_news();  // heard_ is the first of them
  static void note_gap(Patience& patience, Clock::time_point now);
  Status probe(Patience& patience, const WaitingCall& call, Clock::time_point now) const;
  Status look_closer(Patience& patience, const WaitingCall& call, Clock::time_point now);
  void announce(Patience& patience, const WaitingCall& call);
  Status timed_out(const WaitingCall& call) const;

  Fabric& fabric_;
  const Log& log_;
  int rank_;
  int nranks_;
  int timeout_ms_;
  Clock::duration first_notice_;
  Clock::duration probe_every_;
  Control heard_;                  // the last of the news
  bool must_answer_ = false;       // somebody asked who is there
  std::vector<uint64_t> present_;  // by rank: latest call it said it waits in, plus one; 0: never heard
};

}  // namespace coll
