// Cases of the conformance suite: one collective call each, run by all ranks of a world and compared with a reference.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/elements.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

// Whose memory a case's buffers are.
enum class Memory {
  kOrdinary,
  kMapped,  // of collMemAlloc()
  kDevice,
  kMixed,  // a device's on odd ranks, ordinary on even ones
};

struct Case {
  Function function = Function::kAllReduce;
  size_t count = 0;
  DataType type = collFloat32;
  RedOp op = collSum;
  int root = 0;
  Pattern pattern{};
  bool odd = false;  // buffers at odd addresses
  Memory memory = Memory::kOrdinary;
};

using SharedCodec = std::shared_ptr<const Codec>;  // empty: exact

// Every registered codec by its spec, the exact one first and empty; some with another block size or tolerance too.
std::vector<SharedCodec> all_codecs();
// Those of them that a call uses whatever it costs.
std::vector<SharedCodec> fixed_codecs();
std::string codec_name(const SharedCodec& codec);

// Elements of a rank's send and receive buffers.
size_t send_count(const Case& test, int nranks);
size_t recv_count(const Case& test, int nranks);

std::string describe(const Case& test);

// The cases for one codec on `nranks` ranks; `few` is enough for a slow build. On many ranks types and operators take
// turns, so that all ranks together see all of them.
std::vector<Case> cases_for(const SharedCodec& codec, int nranks, bool few);

// One rank's part of a case: what came out, not in place and in place.
struct Outcome {
  Status status;
  Bytes result;
  std::string damage;  // what else was written to, if anything
};

struct Tally {
  size_t served = 0;
  size_t unserved = 0;  // collUnsupported, on every rank
  size_t bounded = 0;   // elements that were compared with a finite bound, or exactly
};

// Runs the cases on a world, each twice (not in place, in place), and reports what is wrong to GoogleTest.
Tally run_cases(World& world, const SharedCodec& codec, const std::vector<Case>& cases);

// The call's result on every rank, not in place.
std::vector<Outcome> results_of(World& world, const SharedCodec& codec, const Case& test);

}  // namespace coll::test
