// A communicator: ranks that know each other, the fabric between them, and the collectives in flight on it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "collectives/planner.hpp"
#include "runtime/bootstrap.hpp"
#include "runtime/call.hpp"
#include "runtime/config.hpp"
#include "runtime/execution.hpp"
#include "runtime/fabric.hpp"
#include "runtime/operation.hpp"
#include "runtime/plan_cache.hpp"
#include "runtime/process.hpp"
#include "runtime/transfer.hpp"
#include "runtime/turn.hpp"
#include "runtime/watchdog.hpp"
#include "topology/topology.hpp"

namespace coll {

class Backoff;
class Communicator;
class Stream;

inline constexpr int kMostPending = 16;  // collectives in flight; half of what message tags can tell apart

// A call that was put off until its group ends.
struct Deferred {
  Deferred(Communicator& its, Call&& made, std::shared_ptr<Stream>&& on)
      : communicator(&its), call(std::move(made)), stream(std::move(on)) {}
  Communicator* communicator;
  Call call;
  std::shared_ptr<Stream> stream;  // empty: the caller waits for it
};

// A transfer that goes the short way, and its turn in the lane.
struct TransferInLane {
  TransferInLane(Fabric& fabric, const Call& call, int rank, Lane* its) : transfer(fabric, call, rank), lane(its) {}
  Transfer transfer;
  Lane* lane;
  uint64_t turn = 0;
};

// What makes a communicator; all of it is moved in.
struct Foundation {
  int rank = 0;
  int nranks = 1;
  Config config;
  topo::Topology topology;
  std::shared_ptr<Process> process;
  std::unique_ptr<Fabric> fabric;
  std::unique_ptr<Log> log;
  std::shared_ptr<const Codec> codec;        // of the plain calls; empty: exact
  std::vector<const Algorithm*> algorithms;  // that COLL_ALGO allows
  std::string simulated_host;                // as Bootstrap::simulated_host()
};

class Communicator {
 public:
  explicit Communicator(Foundation foundation);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return base_.rank; }
  int nranks() const { return base_.nranks; }
  bool oversubscribed() const { return base_.topology.oversubscribed(); }
  // The codec of a plain call: the communicator's default one where it fits; other calls stay exact.
  std::shared_ptr<const Codec> default_codec_for(const Call& call) const;

  // Finds out whose memory the call's buffers are. Where they, or the stream, are a device's, `stream` becomes the line
  // of the calls there; it stays empty where the call blocks, and is a host stream's where it was. `handle`: the
  // program's, if that is none of a host stream. To be called outside of visits to the process, since it may wait for
  // the device.
  Status place(collStream_t handle, Call* call, std::shared_ptr<Stream>* stream);
  // Runs the call to its end on this thread (stream empty), or enqueues it. The codec of a plain call is the default
  // one where it fits.
  Status run(const Call& call, const std::shared_ptr<Stream>& stream);
  // Runs a group's calls side by side, where all of them can go the short way of transfers; sets *taken then.
  Status run_together(std::span<const Deferred> calls, bool* taken);
  Status query_plan(const Call& call, std::string* json);
  collStats_t stats();
  size_t memory_bytes() const;
  size_t device_bytes() const;
  // What went wrong with the work of its devices, which it can no longer be used after. Asks the devices.
  Status look_at_devices();
  int device() const { return device_; }  // of its device buffers; -1: it has had none
  const Config& config() const { return base_.config; }
  const std::string& simulated_host() const { return base_.simulated_host; }
  const topo::Topology& topology() const { return base_.topology; }  // does not change

  // Moves an operation on; never blocks. Sets *done when it is complete.
  Status advance(Operation& operation, bool* moved, bool* done);
  // Completes what is pending on streams.
  Status finalize();
  void abort();
  // What poisoned the communicator.
  Status failure() const { return failed_.load(std::memory_order_acquire) ? kept_failure() : Status(); }
  bool pending() const { return pending_.load() > 0; }
  // Whether the progress thread may move the communicator on: COLL_PROGRESS, the machine and the transports decide.
  bool progress_thread_allowed() const { return progress_thread_allowed_; }

 private:
  friend class Operation;
  Status begin(const Call& call, std::unique_ptr<Operation>* operation);
  Status begin_collective(const Call& call, std::unique_ptr<Operation>* operation);
  Status begin_transfer(const Call& call, std::unique_ptr<Operation>* operation);
  Status make_execution(const Call& call, uint64_t sequence, bool agree, std::unique_ptr<Execution>* execution);
  Status move_on(Operation& operation, bool* moved);
  void advance_pending(Backoff* backoff);
  // Calls on devices, in device_calls.cpp.
  std::vector<std::shared_ptr<DeviceLine>> lines() const;
  void forget_idle_lines();
  bool lends_device_memory() const;
  void close_device_peers();
  Status locate(const DeviceOperations& operations, Call* call, int* device) const;
  Status find_line(int device, collStream_t handle, std::shared_ptr<DeviceLine>* line);
  Status may_use_device(int device) const;
  Status reserve(DeviceLine& line, int device, Call* call);
  Status reserve_direct(DeviceLine& line, Call* call, DeviceRoom* room);
  DeviceRoom find_room(const DeviceLine& line, Call* call);
  void publish_buffers(Call* call);
  bool selects_device(const Call& call, Selection* selection);
  Status run_on_line(const Call& call, DeviceLine& line);
  Status enqueue_on_line(const Call& call, DeviceLine& line);
  Status complete(Operation& operation);
  // The short ways of blocking calls in a node, in short_calls.cpp; they set *taken where they are open.
  Status run_at_once(const Call& call, bool* taken);
  Status run_on_board(const Call& call, bool* taken);
  template <typename Run>
  Status finish_on_board(const Call& call, Run* run);
  bool add_transfer(const Call& call);
  Status run_transfers();
  Status advance_transfers(bool* moved, bool* done);
  template <typename Advance, typename Waiting, typename Busy>
  Status wait_for(const Advance& advance, const Waiting& waiting, const Busy& busy_s);
  bool to_check(uint64_t sequence) const;
  Status step(Operation& operation, bool* moved, bool* done);
  Status select(const Call& call, Selection* selection);
  PlanQuery query_of(const Call& call) const;  // but for the codec
  void log_choice(const Call& call, const Selection& selection);
  Status poison(const Status& failure, bool tell_others);
  Status aborted() const;
  Status kept_failure() const;
  // What ends every call: a failure before it, or an abort.
  Status heed() {
    COLL_TRY(failure());
    return abort_requested_.load() ? poison(aborted(), true) : Status();
  }
  void heed_abort();
  bool decide_progress_thread() const;

  Foundation base_;
  Watchdog watchdog_;
  DevicePeers device_peers_;
  DeviceDirect device_direct_;
  Surroundings around_;
  const bool progress_thread_allowed_;
  const int spins_;  // looks at what short calls wait for before a waiting rank gives its core away
  collStats_t stats_{};
  Turn busy_;  // one thread at a time moves the communicator on
  uint64_t next_sequence_ = 0;
  PlanCache plans_;
  std::set<std::string> logged_;
  std::vector<Lane> sends_;  // by rank
  std::vector<Lane> receives_;
  int device_ = -1;
  mutable std::mutex lines_mutex_;  // any thread may ask for the devices' failures
  std::map<collStream_t, std::shared_ptr<DeviceLine>> lines_;
  std::vector<TransferInLane> transfers_;  // that go the short way at the moment
  std::atomic<int> pending_{0};
  std::atomic<int> numbered_{0};  // those of them that are collectives
  std::atomic<bool> abort_requested_{false};
  bool memory_still_accessed_ = false;  // after a failure: pending receives cannot be cancelled
  std::atomic<bool> failed_{false};
  mutable std::mutex failure_mutex_;
  Status failure_;
};

}  // namespace coll
