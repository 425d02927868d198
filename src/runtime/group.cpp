#include "runtime/group.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "runtime/backoff.hpp"

namespace coll {

namespace {

bool to_self(const Deferred& each) {
  return is_transfer(each.call.function) && each.call.root == each.communicator->rank();
}

bool overlap_in_part(const Call& send, const Call& receive) {
  const size_t bytes = send.count * size_of(send.type);
  return send.send != receive.recv && send.send < receive.recv + bytes && receive.recv < send.send + bytes;
}

// What a rank sends to itself, with its receive: one copy.
Status join(const Deferred& send, Deferred* receive) {
  if (send.call.count != receive->call.count || send.call.type != receive->call.type) {
    return {collInvalidUsage, text("rank ", receive->call.root, " sends ", send.call.count, " ",
                                   info(send.call.type).name, " to itself, but receives ", receive->call.count, " ",
                                   info(receive->call.type).name, ". Make both agree")};
  }
  if (send.stream != receive->stream)
    return {collInvalidUsage, "a rank sends to itself on one stream and receives on another; use one for both"};
  if (overlap_in_part(send.call, receive->call))
    return {collInvalidArgument, "what a rank sends to itself overlaps where it receives it"};
  receive->call.function = Function::kSend;
  receive->call.send = send.call.send;
  receive->call.on_device.send = send.call.on_device.send;
  receive->call.on_device.reached &= send.call.on_device.reached;
  return {};
}

// Finds the receive for everything that ranks send to themselves.
Status join_selves(std::vector<Deferred>* calls) {
  if (std::none_of(calls->begin(), calls->end(), to_self)) return {};
  std::vector<Deferred> kept;
  std::map<Communicator*, std::pair<std::vector<Deferred>, std::vector<Deferred>>> selves;
  for (Deferred& each : *calls) {
    if (!to_self(each)) {
      kept.push_back(std::move(each));
      continue;
    }
    auto& [sends, receives] = selves[each.communicator];
    (each.call.function == Function::kSend ? sends : receives).push_back(std::move(each));
  }
  for (auto& [communicator, both] : selves) {
    auto& [sends, receives] = both;
    if (sends.size() != receives.size()) {
      return {collInvalidUsage, text("rank ", communicator->rank(), " has ", sends.size(), " sends to itself and ",
                                     receives.size(), " receives from itself in one group; each needs the other")};
    }
    for (size_t i = 0; i < sends.size(); ++i) {
      COLL_TRY(join(sends[i], &receives[i]));
      kept.push_back(std::move(receives[i]));
    }
  }
  *calls = std::move(kept);
  return {};
}

// Sends and receives first, as none of them waits; then every communicator's first collective, every second one, and so
// on. So ranks that are in the same groups have begun all that they wait for, in whatever order they were called.
void put_in_order(std::vector<Deferred>* calls) {
  std::map<Communicator*, int> layers;
  std::vector<std::pair<int, Deferred>> layered;
  for (Deferred& each : *calls) {
    const int layer = is_transfer(each.call.function) ? 0 : ++layers[each.communicator];
    layered.emplace_back(layer, std::move(each));
  }
  std::stable_sort(layered.begin(), layered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  calls->clear();
  for (auto& [layer, each] : layered) calls->push_back(std::move(each));
}

// One open batch on each of the streams, closed at the end.
class Batches {
 public:
  Status open(const std::shared_ptr<Stream>& stream) {
    if (streams_.contains(stream)) return {};
    COLL_TRY(stream->open_batch());
    streams_.insert(stream);
    return {};
  }
  Status close() {
    Status first;
    for (const auto& stream : std::exchange(streams_, {})) {
      const Status status = stream->close_batch();
      if (first.ok()) first = status;
    }
    return first;
  }
  ~Batches() { static_cast<void>(close()); }
  Batches() = default;
  Batches(const Batches&) = delete;
  Batches& operator=(const Batches&) = delete;

 private:
  std::set<std::shared_ptr<Stream>> streams_;
};

// The first calls, up to the number that one communicator may have in flight: those of a device's batch begin when it
// is closed, so that more would wait for ever.
size_t calls_of_a_batch(std::span<const Deferred> calls) {
  std::map<const Communicator*, int> numbered;
  size_t some = 0;
  while (some < calls.size() &&
         (is_transfer(calls[some].call.function) || ++numbered[calls[some].communicator] <= kMostPending)) {
    ++some;
  }
  return some;
}

// Batches are opened and closed outside of the visit: those of devices may wait for what others have to move on.
Status issue_batch(std::span<const Deferred> calls, const std::shared_ptr<Stream>& waited, Process& process) {
  Batches batches;
  Status first;
  for (const Deferred& each : calls) COLL_TRY(batches.open(each.stream ? each.stream : waited));
  {
    const auto visit = process.visit();
    for (const Deferred& each : calls) {
      const Status status = each.communicator->run(each.call, each.stream ? each.stream : waited);
      if (!status.ok() && first.ok()) first = status;
    }
  }
  const Status closed = batches.close();
  return first.ok() ? closed : first;
}

Status issue_all(std::span<const Deferred> calls, const std::shared_ptr<Stream>& waited, Process& process) {
  const bool device = std::any_of(calls.begin(), calls.end(), [](const Deferred& each) {
    return each.stream && each.stream->device_line() != nullptr;
  });
  Status first;
  while (!calls.empty()) {
    const size_t some = device ? calls_of_a_batch(calls) : calls.size();
    const Status status = issue_batch(calls.first(some), waited, process);
    if (first.ok()) first = status;
    calls = calls.subspan(some);
  }
  return first;
}

Status issue(std::vector<Deferred>& calls) {
  COLL_TRY(join_selves(&calls));
  if (calls.empty()) return {};
  if (calls.size() == 1) return calls[0].communicator->run(calls[0].call, calls[0].stream);
  bool taken = false;
  COLL_TRY(calls[0].communicator->run_together(calls, &taken));
  if (taken) return {};
  put_in_order(&calls);
  const std::shared_ptr<Process> process = Process::acquire();
  const auto waited = std::make_shared<Stream>();  // of the calls without one
  process->add(waited);
  const Status issued = issue_all(calls, waited, *process);
  const auto visit = process->visit();
  const auto oversubscribed = [](const Deferred& each) { return each.communicator->oversubscribed(); };
  Backoff backoff(std::any_of(calls.begin(), calls.end(), oversubscribed));
  while (!waited->empty()) {
    bool moved = false;
    process->advance_streams(&moved);
    backoff.pause(moved);
  }
  const Status finished = waited->take_failure();
  return issued.ok() ? finished : issued;
}

}  // namespace

void Group::refuse(const Status& why) {
  if (open() && refused_.ok()) refused_ = why;
}

bool Group::uses(const Communicator& communicator) const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [&](const Deferred& each) { return each.communicator == &communicator; });
}

Status Group::end() {
  if (depth_ == 0) return {collInvalidUsage, "there is no group to end; call collGroupStart() first"};
  if (--depth_ > 0) return {};
  struct Emptying {
    std::vector<Deferred>& calls;  // whose memory serves the next group
    ~Emptying() { calls.clear(); }
  } const emptying{calls_};
  Status refused = std::exchange(refused_, Status());
  if (refused.ok()) return issue(calls_);
  for (const Deferred& each : calls_) {
    if (each.stream && each.stream->device_line() != nullptr) each.stream->device_line()->forget_reserved();
  }
  return refused;
}

}  // namespace coll
