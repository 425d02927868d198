// A plan: what one rank does for a collective, as data.
//
// The elements are cut into shards, every shard into pieces, and chunk c is piece c of every shard. The step list is
// run once for every chunk, several chunks at a time, so that its length does not depend on the message. A step is one
// hop: it takes what some peers sent for a shard and, if told to, the rank's own data, combines them, and hands the
// value on: to the output buffer, to a slot, to other peers. Within a chunk steps run in order; sends complete on their
// own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"

namespace coll {

// How elements travel in a message.
enum class Wire : uint8_t {
  kNative,   // the user's type
  kPartial,  // the accumulator type: a sum that is not finished
  kCoded,    // the codec's message
};
inline constexpr std::string_view kWireNames[] = {"native", "partial", "coded"};

// A range of elements of the whole vector, in the order of the collective's definition.
struct Shard {
  size_t offset;
  size_t count;
};

using RankList = std::shared_ptr<const std::vector<int>>;

// Entries (first + round*per_round + j) mod size, j < count, of one of the plan's rank lists.
struct Pick {
  int list = -1;
  int first = 0;
  int count = 0;
  int per_round = 0;

  // Where an entry lies in a list of `size`: mostly without a division, which short calls would feel.
  size_t index(int round, int j, int size) const {
    int at = first + round * per_round + j;
    if (at < 0 || at >= size) {
      at %= size;
      if (at < 0) at += size;
    }
    return static_cast<size_t>(at);
  }
};

// Where a step's own contribution comes from. What is held of a shard is the last value that an earlier step has held
// of it; of a shard that none has held, the input.
enum class Local : uint8_t { kNone, kInput, kSlot, kHeld };

// Names the leg of the collective a message belongs to, so that (chunk, leg, shard) is unique between two ranks.
using Leg = uint8_t;
inline constexpr int kMaxLegs = 8;

inline constexpr int kMostBoardRanks = 64;  // whose posts one step reads

struct Step {
  std::string_view what;  // "send", "recv-reduce-send", ...: for people
  int rounds = 1;
  Pick shard;  // the shard of each round (entries of the list index Plan::shards), or the several of a bundle

  // In: messages for the shard. Entries of `from` that are this rank itself stand for the local contribution and fix
  // its place in the order of reduction; where `from` does not hold this rank, the local contribution comes first.
  Pick from;
  Wire from_wire = Wire::kNative;
  Leg from_leg = 0;
  Local local = Local::kNone;
  int local_slot = -1;      // with Local::kSlot: a value of accumulators kept by an earlier step
  int slots_per_round = 0;  // how far local_slot and keep_slot advance each round
  bool code_local = false;  // the local contribution counts as what its coded message decodes to, as it does elsewhere

  bool reduce = false;  // more than one contribution is combined with the operator
  bool finish = false;  // the value is the collective's result: apply the operator's last step

  // Out. A value that is finished and travels coded is encoded here, once; everyone, this rank included, uses what
  // those bytes decode to. A coded message that is only passed on keeps its bytes.
  bool to_output = false;
  int keep_slot = -1;  // keep the value's accumulators for a later step
  bool hold = false;   // keep the value of each shard as it is, for later steps (Local::kHeld)
  Pick to;             // entries that are this rank itself are passed over
  Wire to_wire = Wire::kNative;
  Leg to_leg = 0;

  // The step works on a bundle of shards: their parts, one behind the other, are one message, named by the first of
  // them. It sends the bundle on, or combines each shard's part with what is held of it.
  bool bundles() const { return shard.count > 1 || hold || local == Local::kHeld; }
  // What it makes of others' data goes on; what it sends is this rank's own.
  bool relays() const { return from.count > 0 && to.count > 0; }
  bool sends_own() const { return from.count == 0 && to.count > 0; }
  // It sends on as it came what it receives, ...
  bool sends_on() const { return !reduce && from.count > 0 && to.count > 0; }
  // ... and has nothing else to do with it: devices leave that to the host.
  bool forwards() const { return sends_on() && !to_output; }
};

// Hops that a piece makes one after another, until its result is everywhere.
struct Hops {
  int in_node = 0;
  int between_nodes = 0;
  int relays = 1;  // ranks that work on a whole piece one after another, each like this one
  int total() const { return in_node + between_nodes; }
};

struct Plan {
  std::string_view algorithm;
  collFunc_t func = collFuncAllReduce;
  int rank = 0;
  int nranks = 1;
  std::vector<RankList> lists;
  std::vector<Shard> shards;
  std::vector<Step> steps;
  int slots = 0;
  size_t input_origin = 0;  // element offset of the input (output) buffer's first element in the whole vector
  size_t output_origin = 0;
  bool by_distance = false;  // alltoall: shard i of a rank is what it sends to the rank i places on
  size_t piece = 1;          // elements of a shard in one chunk; a multiple of the codec's block
  size_t chunks = 1;
  int encodings = 0;        // most encodings an element goes through
  bool on_board = false;    // what is sent is posted on the node's board, once for all readers
  size_t posts_ahead = 1;   // on the board: chunks whose input is posted before the first chunk's result
  bool rank_order = false;  // every element is reduced in rank order from all ranks' own data
  Hops hops;                // for the cost model
  double predicted_us = 0;

  int entry(const Pick& pick, int round, int j) const {
    const auto& list = *lists[static_cast<size_t>(pick.list)];
    return list[pick.index(round, j, static_cast<int>(list.size()))];
  }
  static size_t slot_of(const Step& step, int slot, int round) {
    return static_cast<size_t>(slot) + static_cast<size_t>(round) * static_cast<size_t>(step.slots_per_round);
  }
  // On the board: pieces in a post of a rank's own data, one for each shard that others need of it. What a rank gives
  // to all is one.
  size_t pieces_posted() const {
    if (by_distance) return shards.size() - 1;
    return func == collFuncAllGather || func == collFuncGather ? 1 : shards.size();
  }
  // Elements of a piece in a post, at most.
  size_t posted_piece() const { return piece < shards.front().count ? piece : shards.front().count; }
  // Elements before a shard's piece in a post of inputs. Of an alltoall, the first is the rank's own, which it does not
  // post.
  size_t posted_at(int shard) const {
    if (pieces_posted() == 1) return 0;
    return static_cast<size_t>(by_distance ? shard - 1 : shard) * posted_piece();
  }
  // What peers send this rank for a round of the step.
  size_t messages_of(const Step& step, int round) const {
    size_t messages = 0;
    for (int j = 0; j < step.from.count; ++j) messages += entry(step.from, round, j) != rank;
    return messages;
  }
  const Shard& shard_of(const Step& step, int round) const {
    return shards[static_cast<size_t>(entry(step.shard, round, 0))];
  }
  const Shard& shard_at(const Step& step, int round, int j) const {
    return shards[static_cast<size_t>(entry(step.shard, round, j))];
  }
  // Elements of all the shards that the step works on in a round.
  size_t elements_of(const Step& step, int round) const {
    size_t elements = 0;
    for (int j = 0; j < step.shard.count; ++j) elements += shard_at(step, round, j).count;
    return elements;
  }
  // Elements before a part in this rank's input buffer, and in its output buffer.
  size_t input_at(const Shard& part) const {
    return by_distance ? block_at(part, rank + distance_of(part)) : part.offset - input_origin;
  }
  size_t output_at(const Shard& part) const {
    return by_distance ? block_at(part, rank - distance_of(part) + nranks) : part.offset - output_origin;
  }
  // The part of `shard` that chunk `chunk` covers; empty past the shard's end.
  Shard part(const Shard& shard, size_t chunk) const {
    const size_t begin = chunk * piece < shard.count ? chunk * piece : shard.count;
    const size_t end = begin + piece < shard.count ? begin + piece : shard.count;
    return {shard.offset + begin, end - begin};
  }

 private:
  // With by_distance all shards are of one length.
  int distance_of(const Shard& part) const { return static_cast<int>(part.offset / shards[0].count); }
  size_t block_at(const Shard& part, int place) const {
    return static_cast<size_t>(place % nranks) * shards[0].count + part.offset % shards[0].count;
  }
};

}  // namespace coll
