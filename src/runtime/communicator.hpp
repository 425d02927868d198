// A communicator: ranks that know each other, the fabric between them, and the collectives in flight on it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "collectives/planner.hpp"
#include "runtime/bootstrap.hpp"
#include "runtime/call.hpp"
#include "runtime/config.hpp"
#include "runtime/execution.hpp"
#include "runtime/fabric.hpp"
#include "runtime/process.hpp"
#include "runtime/watchdog.hpp"
#include "topology/topology.hpp"

namespace coll {

class Communicator;
class Stream;

// One collective between its call and its completion.
class Operation {
 public:
  Operation(Communicator& communicator, std::unique_ptr<Execution> execution);
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  Communicator& communicator() const { return communicator_; }

 private:
  friend class Communicator;
  Communicator& communicator_;
  std::unique_ptr<Execution> execution_;
  Patience patience_;
};

// What makes a communicator; all of it is moved in.
struct Foundation {
  int rank = 0;
  int nranks = 1;
  Config config;
  topo::Topology topology;
  std::unique_ptr<Fabric> fabric;
  std::unique_ptr<Log> log;
  std::shared_ptr<const Codec> codec;        // of the plain calls; empty: exact
  std::vector<const Algorithm*> algorithms;  // that COLL_ALGO allows
};

class Communicator {
 public:
  explicit Communicator(Foundation foundation);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return base_.rank; }
  int nranks() const { return base_.nranks; }
  const std::shared_ptr<const Codec>& default_codec() const { return base_.codec; }

  // Runs the call to its end on this thread (stream empty), or enqueues it. The codec of a plain call is the default
  // one where it fits.
  Status run(const Call& call, const std::shared_ptr<Stream>& stream);
  Status query_plan(const Call& call, std::string* json);
  collStats_t stats();

  // Moves an operation on; never blocks. Sets *done when it is complete.
  Status advance(Operation& operation, bool* moved, bool* done);
  // Completes what is pending on streams.
  Status finalize();
  void abort();
  Status failure() const;  // what poisoned the communicator
  bool pending() const { return pending_.load() > 0; }
  // Whether the progress thread may move the communicator on: COLL_PROGRESS, the machine and the transports decide.
  bool progress_thread_allowed() const { return progress_thread_allowed_; }

 private:
  friend class Operation;
  Status begin(const Call& call, std::unique_ptr<Operation>* operation);
  Status complete(Operation& operation);
  Status step(Operation& operation, bool* moved, bool* done);
  Status plan_for(const Call& call, std::shared_ptr<const Plan>* plan);
  PlanQuery query_of(const Call& call) const;
  void log_choice(std::string_view function, const PlanQuery& query, const Plan& plan);
  Status poison(const Status& failure, bool tell_others);
  Status aborted() const;
  void heed_abort();
  bool decide_progress_thread() const;

  Foundation base_;
  std::shared_ptr<Process> process_;
  Watchdog watchdog_;
  Surroundings around_;
  const bool progress_thread_allowed_;
  collStats_t stats_{};
  std::recursive_mutex busy_;  // one thread at a time moves the communicator on
  uint64_t next_sequence_ = 0;
  std::map<std::string, std::shared_ptr<const Plan>> plans_;
  std::set<std::string> logged_;
  std::atomic<int> pending_{0};
  std::atomic<bool> abort_requested_{false};
  bool memory_still_accessed_ = false;  // after a failure: pending receives cannot be cancelled
  mutable std::mutex failure_mutex_;
  Status failure_;
};

}  // namespace coll
