#include "work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "perf/tools/numbers.hpp"
#include "reduce/reduce.hpp"
#include "runtime/hop.hpp"

namespace coll::perf {
namespace {

size_t message_bytes_of(const std::vector<Subject>& subjects, size_t count) {
  size_t most = 0;
  for (const Subject& s : subjects) most = std::max(most, s.codec != nullptr ? s.codec->max_bytes(count) : 0);
  return most;
}

std::vector<std::unique_ptr<Buffer>> make_buffers(int ranks, size_t bytes) {
  std::vector<std::unique_ptr<Buffer>> all;
  for (int rank = 0; rank < ranks; ++rank) all.push_back(std::make_unique<Buffer>(bytes));
  return all;
}

// By any operation.
size_t most_moved(int ranks, size_t elements, size_t message) {
  return (static_cast<size_t>(ranks) + 1) * std::max(elements, message);
}

}  // namespace

Problem make_subject(const std::string& spec, Isa isa, collDataType_t type, Subject* subject) {
  std::unique_ptr<Codec> codec;
  Status status = make_codec(spec, &codec, isa);
  if (status.ok()) status = codec->supports(type);
  if (!status.ok()) return {status.message(), kUsage};
  if (codec->traits().chooses) {
    return {fmt::format("codec {} picks another one for each collective and has no kernels; name one", spec), kUsage};
  }
  const bool exact = codec->traits().name == "none";  // the library leaves it out, too
  subject->spec = spec;
  subject->isa = isa;
  subject->codec = exact ? nullptr : std::move(codec);
  return {};
}

std::string_view name(Operation operation) {
  constexpr std::string_view kNames[] = {"encode", "decode", "decode_reduce", "fused", "reduce"};
  return kNames[static_cast<int>(operation)];
}

std::vector<Operation> operations_of(const Subject& subject) {
  if (subject.codec == nullptr) return {Operation::kReduce};
  return {Operation::kEncode, Operation::kDecode, Operation::kDecodeReduce, Operation::kFused};
}

Work::Work(const Input& input, int ranks, size_t max_count, const std::vector<Subject>& subjects)
    : type_(input.type()),
      inputs_(make_buffers(ranks, max_count * facts(type_).bytes)),
      messages_(make_buffers(ranks, message_bytes_of(subjects, max_count))),
      result_(max_count * facts(type_).bytes),
      message_(message_bytes_of(subjects, max_count)),
      copy_from_(most_moved(ranks, max_count * facts(type_).bytes, message_bytes_of(subjects, max_count)) / 2),
      copy_to_(most_moved(ranks, max_count * facts(type_).bytes, message_bytes_of(subjects, max_count)) / 2) {
  for (int rank = 0; rank < ranks; ++rank) input.fill(rank, 0, max_count, native(static_cast<size_t>(rank)));
}

void Work::take(const Subject& subject, size_t count) {
  subject_ = &subject;
  count_ = count;
  if (subject.codec == nullptr) return;
  for (size_t rank = 0; rank < inputs_.size(); ++rank) encode(native(rank), messages_[rank]->data());
}

void Work::encode(const std::byte* elements, std::byte* message) const {
  Hop hop{type_, collSum, 1, subject_->codec.get(), {}, count_};
  hop.isa = subject_->isa;
  hop.coded = message;
  const Contribution only{Wire::kNative, elements};
  run_hop(hop, {&only, 1});
}

void Work::decode(const std::byte* message, std::byte* elements) const {
  Hop hop{type_, collSum, 1, subject_->codec.get(), {}, count_};
  hop.isa = subject_->isa;
  hop.native = elements;
  hop.stream = subject_->stream;
  const Contribution only{Wire::kCoded, message};
  run_hop(hop, {&only, 1});
}

void Work::combine(std::byte* elements, std::byte* message) const {
  Hop hop{type_, collSum, static_cast<int>(messages_.size()), subject_->codec.get(), {}, count_};
  hop.isa = subject_->isa;
  hop.native = elements;
  hop.coded = message;
  hop.stream = subject_->stream;
  std::vector<Contribution> all;
  for (const auto& buffer : messages_) all.push_back({Wire::kCoded, buffer->data()});
  run_hop(hop, all);
}

void Work::run(Operation operation) {
  switch (operation) {
    case Operation::kEncode:
      return encode(native(0), message_.data());
    case Operation::kDecode:
      return decode(messages_[0]->data(), result_.data());
    case Operation::kDecodeReduce:
      return combine(result_.data(), nullptr);
    case Operation::kFused:
      return combine(nullptr, message_.data());
    case Operation::kReduce:
      break;
  }
  reduce::Reduction reduction{type_, collSum};
  reduction.stream = subject_->stream;
  std::vector<const std::byte*> all;
  for (size_t rank = 0; rank < inputs_.size(); ++rank) all.push_back(native(rank));
  std::byte* const result = result_.data();
  reduce::reduce_many(reduction, all, {&result, 1}, count_, subject_->isa);
}

void Work::copy(size_t bytes) { std::memcpy(copy_to_.data(), copy_from_.data(), bytes); }

size_t Work::message_bytes() const {
  return subject_->codec != nullptr ? subject_->codec->max_bytes(count_) : count_ * facts(type_).bytes;
}

size_t Work::moved_bytes(Operation operation) const {
  const size_t elements = count_ * facts(type_).bytes, message = message_bytes(), ranks = inputs_.size();
  switch (operation) {
    case Operation::kEncode:
    case Operation::kDecode:
      return elements + message;
    case Operation::kDecodeReduce:
      return ranks * message + elements;
    case Operation::kFused:
      return (ranks + 1) * message;
    default:
      return (ranks + 1) * elements;
  }
}

Errors Work::judge(Operation operation) {
  std::memset(result_.data(), 0xff, count_ * facts(type_).bytes);
  run(operation);
  if (operation == Operation::kEncode || operation == Operation::kFused) decode(message_.data(), result_.data());
  std::vector<const std::byte*> contributions;
  const size_t ranks = one_contribution(operation) ? 1 : inputs_.size();
  for (size_t rank = 0; rank < ranks; ++rank) contributions.push_back(native(rank));
  return check({type_, subject_->codec.get(), contributions, operation == Operation::kFused, result_.data(), count_});
}

Errors Work::judge_message(size_t rank) {
  decode(messages_[rank]->data(), result_.data());
  const std::byte* const contribution = native(rank);
  return check({type_, subject_->codec.get(), {&contribution, 1}, false, result_.data(), count_});
}

}  // namespace coll::perf
