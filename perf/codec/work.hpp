// One codec at work on one type: the hops that an executor would run, and the memcpy that they are measured beside.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/simd.hpp"
#include "check.hpp"
#include "compression/codec.hpp"
#include "perf/tools/buffer.hpp"
#include "perf/tools/files.hpp"
#include "perf/tools/input.hpp"

namespace coll::perf {

struct Subject {
  std::string spec;
  Isa isa;
  std::unique_ptr<Codec> codec;  // NULL: exact
  bool stream = false;           // elements are stored past the caches
};

// The subject that a spec names, or why there is none.
Problem make_subject(const std::string& spec, Isa isa, collDataType_t type, Subject* subject);

enum class Operation {
  kEncode,        // elements to a message
  kDecode,        // a message to elements
  kDecodeReduce,  // the ranks' messages to the elements of their sum
  kFused,         // ... to the sum's message
  kReduce,        // the ranks' elements to those of their sum; of exact codecs
};
std::string_view name(Operation operation);
// What a subject can do.
std::vector<Operation> operations_of(const Subject& subject);

// All memory of a run; written to before anything is measured.
class Work {
 public:
  // Throws std::bad_alloc.
  Work(const Input& input, int ranks, size_t max_count, const std::vector<Subject>& subjects);

  // From now on `count` elements with this subject, which outlives it; the ranks' messages are made.
  void take(const Subject& subject, size_t count);
  void run(Operation operation);
  void copy(size_t bytes);  // memcpy

  size_t moved_bytes(Operation operation) const;  // read and written
  size_t message_bytes() const;
  Errors judge(Operation operation);  // of one run
  Errors judge_message(size_t rank);  // of that rank's message

 private:
  std::byte* native(size_t rank) const { return inputs_[rank]->data(); }
  bool one_contribution(Operation operation) const { return operation <= Operation::kDecode; }
  void encode(const std::byte* elements, std::byte* message) const;
  void decode(const std::byte* message, std::byte* elements) const;
  void combine(std::byte* elements, std::byte* message) const;

  collDataType_t type_;
  std::vector<std::unique_ptr<Buffer>> inputs_, messages_;
  Buffer result_, message_, copy_from_, copy_to_;
  const Subject* subject_ = nullptr;
  size_t count_ = 0;
};

}  // namespace coll::perf
