// A world: the ranks of one communicator as threads of one process, on nodes of the test's choosing.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/handles.hpp"
#include "runtime/config.hpp"
#include "runtime/create.hpp"
#include "tests/support/inproc_bootstrap.hpp"
#include "transport/inproc/inproc.hpp"

namespace coll::test {

// Which node each rank is on.
using Placement = std::vector<int>;

inline Placement one_node(int nranks) { return Placement(static_cast<size_t>(nranks), 0); }

// Consecutive ranks on each node.
inline Placement blocks(const std::vector<int>& ranks_per_node) {
  Placement node_of;
  for (size_t node = 0; node < ranks_per_node.size(); ++node) {
    node_of.insert(node_of.end(), static_cast<size_t>(ranks_per_node[node]), static_cast<int>(node));
  }
  return node_of;
}

inline Placement round_robin(int nranks, int nodes) {
  Placement node_of;
  for (int rank = 0; rank < nranks; ++rank) node_of.push_back(rank % nodes);
  return node_of;
}

// Runs `body(rank)` on `nranks` threads; what it throws is a failure of the test.
inline void run_threads(int nranks, const std::function<void(int rank)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < nranks; ++rank) {
    threads.emplace_back([&body, rank] {
      try {
        body(rank);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "rank " << rank << " threw: " << error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

struct WorldOptions {
  Placement node_of;
  bool shm = false;  // between ranks of a node; everything else is inproc
  std::function<void(int rank, Config& config)> edit{};
  // What stands between a rank and its inproc transport; for tests of damaged messages.
  std::function<std::unique_ptr<Transport>(int rank, std::unique_ptr<Transport> real)> wrap{};
};

class World {
 public:
  // The ranks' communicators are made at once; created() tells how that went.
  explicit World(const WorldOptions& options)
      : hub_(std::make_shared<inproc::Hub>(static_cast<int>(options.node_of.size()))),
        meeting_(std::make_shared<Meeting>(hub_->nranks())),
        created_(options.node_of.size()),
        handles_(options.node_of.size()) {
    run_threads(nranks(), [&](int rank) { created_[static_cast<size_t>(rank)] = create(options, rank); });
  }

  int nranks() const { return hub_->nranks(); }
  const Status& created(int rank) const { return created_[static_cast<size_t>(rank)]; }
  bool ok() const {
    for (const Status& status : created_) {
      if (!status.ok()) return false;
    }
    return true;
  }
  // The first rank's reason for not having been made, for messages.
  std::string why() const {
    for (size_t rank = 0; rank < created_.size(); ++rank) {
      if (!created_[rank].ok()) return text("rank ", rank, ": ", created_[rank].message());
    }
    return "";
  }
  Communicator& communicator(int rank) { return *handles_[static_cast<size_t>(rank)].communicator; }
  collComm_t handle(int rank) { return &handles_[static_cast<size_t>(rank)]; }

  // Runs `body` for every rank on a thread of its own. A rank that throws takes the others out of their calls.
  void run(const std::function<void(int rank, Communicator& communicator)>& body) {
    run_threads(nranks(), [&](int rank) {
      try {
        body(rank, communicator(rank));
      } catch (...) {
        for (collComm& each : handles_) each.communicator->abort();
        throw;
      }
    });
  }

 private:
  Status create(const WorldOptions& options, int rank) {
    Config config;
    COLL_TRY(resolve_config(nullptr, &config));
    config.timeout_ms = 60000;
    config.env.host_id = text("node", options.node_of[static_cast<size_t>(rank)]);
    config.env.tuning_file = "none";  // the machine that tests run on may have been tuned
    if (!options.shm) config.env.transport = "inproc";
    if (options.edit) options.edit(rank, config);
    InprocBootstrap bootstrap(meeting_, rank);
    const OpenFar open_far = [&](const FarRequest&, std::unique_ptr<Transport>* far) {
      *far = make_inproc(hub_, rank);
      if (options.wrap) *far = options.wrap(rank, std::move(*far));
      return Status();
    };
    const FarWay ways[] = {{"inproc", open_far}};
    return create_communicator(bootstrap, ways, config, &handles_[static_cast<size_t>(rank)].communicator);
  }

  std::shared_ptr<inproc::Hub> hub_;
  std::shared_ptr<Meeting> meeting_;
  std::vector<Status> created_;
  std::vector<collComm> handles_;
};

}  // namespace coll::test
