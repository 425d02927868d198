// What each algorithm is predicted to take for a call of each size with each codec, and what is taken.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/cost.hpp"
#include "compression/codec.hpp"

namespace coll::plan_tool {

// The calls that are asked about.
struct Question {
  collFunc_t func = collFuncAllReduce;
  DataType type = collFloat32;
  RedOp op = collSum;
  int root = 0;
  bool deterministic = false;
  std::vector<std::shared_ptr<const Codec>> codecs;
  std::vector<const Algorithm*> algorithms;
  std::vector<size_t> sizes;  // in bytes, of the whole vector
};

struct Option {
  std::string_view algorithm;
  Cost cost;
};

// One size with one codec.
struct Entry {
  std::string codec;            // what it comes to, where the named one chooses
  std::vector<Option> options;  // in the order of the registry; of a codec that chooses, only what is taken
  int taken = -1;               // index of the cheapest; -1: nothing serves the call
  const Option& choice() const { return options[static_cast<size_t>(taken)]; }
};

struct Line {
  size_t size_bytes = 0;
  size_t count = 0;            // of one rank, where each has a block
  std::vector<Entry> entries;  // by codec of the question
  int fastest = -1;            // index of the entry
};

// The query of one size, but for its codec, as a communicator with default settings asks it.
PlanQuery query_of(const topo::Topology& topology, const Question& question, size_t size_bytes);

// Gives the query a codec's part.
Status price(const topo::Topology& topology, const std::string& spec, PlanQuery* query);

// collUnsupported where nothing serves a call with any of the codecs.
Status predict_all(const topo::Topology& topology, const Question& question, std::vector<Line>* lines);

// Why a call takes that long, in a sentence or two.
std::string explain(const Cost& cost);

}  // namespace coll::plan_tool
