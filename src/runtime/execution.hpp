// An execution: one collective on its way. It checks that the ranks agree, then runs the plan's steps for every chunk,
// several chunks at a time, so that one chunk's messages travel while the next is encoded and reduced.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collectives/plan.hpp"
#include "runtime/agreement.hpp"
#include "runtime/board_call.hpp"
#include "runtime/call.hpp"
#include "runtime/device_layout.hpp"
#include "runtime/fabric.hpp"
#include "runtime/hop.hpp"
#include "runtime/introduction.hpp"
#include "runtime/plan_cache.hpp"
#include "runtime/staging.hpp"
#include "runtime/step.hpp"

namespace coll {

inline constexpr int kChunksInFlight = 4;

inline size_t chunks_in_flight(const Plan& plan) { return std::min<size_t>(kChunksInFlight, plan.chunks); }

// What an execution uses and does not own; all of it outlives the execution.
struct Surroundings {
  Fabric* fabric;
  StagingPool* staging;
  collStats_t* stats;
  int rank;
  int nranks;
  bool checksums;               // every message carries a checksum of its bytes
  DevicePeers* device_peers;    // who lends and takes loans of device memory; NULL: nobody does
  DeviceDirect* device_direct;  // whose messages lie in memory of this rank's device; NULL: nobody's
  DeviceWays device_ways() const { return {device_peers, device_direct}; }
};

inline bool overlap(const std::byte* a, size_t a_bytes, const std::byte* b, size_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

class DeviceWork;

class Execution {
 public:
  // `selection` has no plan where the call only has to be agreed on: barriers, and counts of 0. Transfers are agreed on
  // between their two ranks, whatever `agree` says.
  Execution(const Surroundings& around, const Call& call, Selection selection, uint64_t sequence, bool agree);
  ~Execution();
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  // Its steps are to run on the batch's device, which has reserved what device_room() says; before it is first
  // advanced.
  Status work_on_device(const std::shared_ptr<DeviceBatch>& batch);
  void leave_device();  // before an execution that has failed is given up

  // Does what can be done now; never blocks. Sets *moved where anything happened.
  Status advance(bool* moved);
  bool done() const { return done_; }
  uint64_t sequence() const { return sequence_; }
  const Call& call() const { return call_; }
  std::vector<int> awaited_ranks() const;  // whose messages it waits for at this moment, or to take its own
  bool waits_for_device() const;
  bool compressed() const { return plan_ && plan_->encodings > 0; }

 private:
  struct Incoming {
    int peer;
    int shard;
    Wire wire;
    Shard part;
    Block block;
    std::byte* place;  // in the output, where the message is received there; else the block's
    Request request;
    const std::byte* data() const { return request.view != nullptr ? request.view : place; }
  };
  struct Outgoing {
    int peer;
    Block block;  // empty where the user's memory is sent
    std::span<const std::byte> message;
    Request request;
    DeviceLoan loan{};               // the message, where it says where the value lies
    Request returned{.done = true};  // of a loan: the receiver has read it
    bool over() const { return request.done && returned.done; }
  };
  // A shard's part as this rank has it: what a step holds of it for later ones, or the input.
  struct Held {
    const std::byte* data = nullptr;
    Block block;  // keeps it; empty where it is the user's memory
    Wire wire = Wire::kNative;
    size_t count = 0;
  };
  // A step that the device may run.
  struct Released {
    uint32_t number;  // what stands for its end
    bool lends;       // what it hands on stays on the device
  };
  // One chunk's walk through the steps.
  struct ChunkRun {
    size_t chunk = 0;
    size_t step = 0;
    int round = 0;
    std::deque<Incoming> incoming;  // in the order the steps take them; requests keep their address
    size_t taken = 0;
    std::deque<Outgoing> outgoing;
    std::vector<Block> slots;
    std::vector<Held> held;          // by shard, where the plan holds any
    DeviceChunk on_device;           // its steps, where they run there
    std::vector<Released> released;  // the first of them
    size_t settled = 0;              // steps that have ended
  };
  // The value a step hands on.
  struct Value {
    std::span<const std::byte> message;
    Block block;
  };

  Status agree(bool* moved);
  Status scale_input();
  void join_board();
  void advance_on_board(bool* moved);
  Status start_chunk();
  Status post_receives(ChunkRun& run);
  Status post_receive(ChunkRun& run, const Step& step, int peer, int shard, const Shard& part);
  bool received_in_output(const Step& step, const Shard& part, int peer) const;
  Status advance_chunk(ChunkRun& run, bool* moved);
  bool ready(const ChunkRun& run, const Step& step, size_t messages) const;
  Status perform(ChunkRun& run, const Step& step, const Shard& part, size_t messages);
  Status verify(const Incoming& in, const Step& step) const;
  std::vector<Contribution> gather(const ChunkRun& run, const Step& step, const Shard& part) const;
  Status pass_on(const ChunkRun& run, const Step& step, const Shard& part, Value* value);
  Status produce(ChunkRun& run, const Step& step, const Shard& part, std::span<const Contribution> from, Value* value);
  Status send_user_memory(const ChunkRun& run, const Step& step, std::span<const std::byte> memory, Value* value);
  // Steps that work on bundles, in bundle.cpp.
  Shard bundle_part(const Step& step, int round, size_t chunk) const;
  bool bundle_may_go_out(const ChunkRun& run, const Step& step) const;
  Status work_on_bundle(ChunkRun& run, const Step& step, const Shard& part, size_t messages);
  std::vector<Held> unpack(const ChunkRun& run, const Step& step) const;
  std::vector<Held> pick_up(const ChunkRun& run, const Step& step) const;
  Status reduce_bundle(ChunkRun& run, const Step& step, const Shard& part, const std::vector<Held>& came);
  void put_down(ChunkRun& run, const Step& step, const std::vector<Held>& parts) const;
  Status pack(const ChunkRun& run, const Step& step, const std::vector<Held>& parts, size_t bytes, Value* value);
  Status send_all(ChunkRun& run, const Step& step, const Shard& part, int round, const Value& value);
  Status send_to(int peer, ChunkRun& run, const Step& step, const Shard& part, int shard, const Value& value);
  void count_sent(const Step& step, const Shard& part, size_t bytes) const;
  Status damaged(const Incoming& in, const Step& step, const std::string& how) const;
  Hop hop_of(const Step& step, const Shard& part) const;
  // Steps on a device, in device_steps.cpp.
  Status perform_on_device(ChunkRun& run);
  Status settle_device(ChunkRun& run, bool* moved);
  bool is_loan(const Incoming& in) const;
  Status find_message(const Incoming& in, const Step& step, const std::byte** at) const;
  bool lends(const DeviceStep& step) const;
  Status hand_on(ChunkRun& run, const DeviceStep& step, bool lends);
  Status lend_to(int peer, ChunkRun& run, const DeviceStep& step, int shard);
  Status check_loans(const ChunkRun& run, const DeviceStep& step) const;
  Status return_loans(ChunkRun& run, const DeviceStep& step);
  bool finished(const ChunkRun& run) const;
  bool may_write(const ChunkRun& run, const Shard& part) const;

  const std::byte* input(const Shard& part) const { return input_of(call_, *plan_, part); }
  std::byte* output(const Shard& part) const { return output_of(call_, *plan_, part); }
  size_t message_bytes(Wire wire, size_t elements) const { return wire_bytes(call_, wire, elements); }
  Status take_block(size_t message_bytes, Block* block) const;
  bool lends_user_memory(const ChunkRun& run, const Step& step, std::span<const std::byte> memory) const;
  bool is_copied(const Step& step) const;
  bool reduces_into(int shard) const;
  Block take_lent(const ChunkRun& run, const Step& step, size_t message_bytes) const;
  Status take_outgoing(const ChunkRun& run, const Step& step, size_t message_bytes, Block* block) const;
  void copy_to_output(const std::byte* from, const Shard& part) const;
  uint32_t tag(const ChunkRun& run, Leg leg, int shard) const;
  uint32_t agreement_tag() const;
  uint32_t return_tag(const ChunkRun& run, Leg leg, int shard) const;
  std::span<const std::byte> seal(const Block& block, size_t message_bytes) const;
  void run_timed(const Hop& hop, std::span<const Contribution> contributions);

  Surroundings around_;
  Call call_;
  Block scaled_;  // the input, where the operator multiplies it first
  std::shared_ptr<const ShortPlan> short_plan_;
  std::shared_ptr<const Plan> plan_;
  uint64_t sequence_;
  bool overwrites_input_;
  bool streams_;  // the output is too long to stay in the caches
  std::optional<Agreement> agreement_;
  std::optional<Introduction> introduction_;  // of a transfer
  std::unique_ptr<BoardCall> board_call_;     // where the plan goes over the board
  std::shared_ptr<DeviceWork> work_;          // where its steps run on a device
  std::deque<ChunkRun> running_;
  size_t next_chunk_ = 0;
  bool done_ = false;
};

}  // namespace coll
