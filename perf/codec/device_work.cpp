#include "device_work.hpp"

#include <algorithm>
#include <cstring>

#include "perf/tools/numbers.hpp"
#include "runtime/hop.hpp"

namespace coll::perf {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kMostTurns = 32768;

size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

std::string_view name(DeviceOperation operation) {
  constexpr std::string_view kNames[] = {"encode", "decode", "decode_reduce", "fused", "separate", "reduce"};
  return kNames[static_cast<int>(operation)];
}

std::vector<DeviceOperation> device_operations_of(const Subject& subject) {
  if (subject.codec == nullptr) return {DeviceOperation::kReduce};
  return {DeviceOperation::kEncode, DeviceOperation::kDecode, DeviceOperation::kDecodeReduce, DeviceOperation::kFused,
          DeviceOperation::kSeparate};
}

DeviceMemory::~DeviceMemory() {
  if (memory_ != nullptr) static_cast<void>(operations_.release(memory_).ok());
}

Status DeviceMemory::make(size_t bytes) { return operations_.allocate(std::max<size_t>(bytes, 1), &memory_); }

DeviceWork::DeviceWork(const DeviceOperations& operations, const Input& input, int ranks, size_t span_bytes)
    : operations_(operations), input_(input), ranks_(ranks), span_bytes_(span_bytes) {}

std::byte* DeviceWork::element_of(size_t rank) const {
  return elements_->data() + (turn_ * (rank_count() + 1) + rank) * elements_stride_;
}
std::byte* DeviceWork::result() const { return element_of(rank_count()); }
std::byte* DeviceWork::message_of(size_t rank) const {
  return messages_->data() + (turn_ * (rank_count() + 1) + rank) * message_stride_;
}
std::byte* DeviceWork::result_message() const { return message_of(rank_count()); }

Status DeviceWork::take(const Subject& subject, size_t count) {
  subject_ = &subject;
  count_ = count;
  elements_bytes_ = count * facts(input_.type()).bytes;
  message_bytes_ = subject.codec != nullptr ? subject.codec->max_bytes(count) : 0;
  elements_stride_ = rounded(elements_bytes_);
  message_stride_ = rounded(message_bytes_);
  // The operation that touches least of a turn is the one that goes through the messages alone.
  const size_t least = subject.codec != nullptr ? message_stride_ * (rank_count() + 1) : elements_stride_;
  turns_ = std::clamp<size_t>(span_bytes_ / std::max<size_t>(least, 1) + 1, 2, kMostTurns);
  size_t most_moved = 0;
  for (const DeviceOperation operation : device_operations_of(subject)) {
    most_moved = std::max(most_moved, moved_bytes(operation));
  }
  copy_bytes_ = std::max(span_bytes_, rounded(most_moved / 2));
  copy_at_ = 0;
  for (auto* memory : {&elements_, &messages_, &copy_from_, &copy_to_}) {
    memory->reset();
    *memory = std::make_unique<DeviceMemory>(operations_);
  }
  COLL_TRY(elements_->make(turns_ * (rank_count() + 1) * elements_stride_));
  COLL_TRY(messages_->make(turns_ * (rank_count() + 1) * message_stride_));
  COLL_TRY(copy_from_->make(copy_bytes_));
  COLL_TRY(copy_to_->make(copy_bytes_));
  return fill();
}

// Every turn has the same elements and messages.
Status DeviceWork::fill() {
  std::vector<std::byte> host(elements_bytes_);
  for (size_t rank = 0; rank < rank_count(); ++rank) {
    input_.fill(static_cast<int>(rank), 0, count_, host.data());
    turn_ = 0;
    COLL_TRY(operations_.copy(element_of(rank), host.data(), elements_bytes_, nullptr));
    COLL_TRY(operations_.synchronize(nullptr));
    const std::byte* const first = element_of(rank);
    for (turn_ = 1; turn_ < turns_; ++turn_) {
      COLL_TRY(operations_.copy(element_of(rank), first, elements_bytes_, nullptr));
    }
    for (turn_ = 0; subject_->codec != nullptr && turn_ < turns_; ++turn_) {
      COLL_TRY(encode(element_of(rank), 0, message_of(rank)));
    }
  }
  turn_ = 0;
  COLL_TRY(operations_.copy(copy_from_->data(), elements_->data(), std::min(elements_bytes_, copy_bytes_), nullptr));
  return operations_.synchronize(nullptr);
}

DeviceHop DeviceWork::blank() const {
  DeviceHop hop;
  hop.codec = subject_->codec != nullptr ? subject_->codec->traits().name : "none";
  hop.block = subject_->codec != nullptr ? subject_->codec->traits().block : 1;
  hop.type = input_.type();
  hop.count = count_;
  return hop;
}

// As run_hop() draws on the host.
void DeviceWork::draw(int rank, DeviceHop* hop) const {
  if (subject_->codec == nullptr) return;
  const Rounding& rounding = subject_->codec->traits().rounding;
  hop->random = rounding.random;
  hop->draws = draws_of(rounding, {0, rank, 0}, 0);
}

Status DeviceWork::encode(const std::byte* elements, int rank, std::byte* message) const {
  DeviceHop hop = blank();
  draw(rank, &hop);
  hop.own = elements;
  hop.coded = message;
  return run_hop(hop);
}

Status DeviceWork::decode(const std::byte* message, std::byte* elements) const {
  DeviceHop hop = blank();
  const void* const only = message;
  hop.messages = {&only, 1};
  hop.native = elements;
  return run_hop(hop);
}

Status DeviceWork::combine(std::byte* elements, std::byte* message) const {
  std::vector<const void*> all;
  for (size_t rank = 0; rank < rank_count(); ++rank) all.push_back(message_of(rank));
  DeviceHop hop = blank();
  draw(Draw::kResult, &hop);
  hop.messages = all;
  hop.native = elements;
  hop.coded = message;
  return run_hop(hop);
}

Status DeviceWork::reduce(std::span<const void* const> inputs, std::byte* elements) const {
  DeviceHop hop = blank();
  hop.codec = "none";
  hop.messages = inputs;
  hop.native = elements;
  return run_hop(hop);
}

// What an exact reduction between two casts costs; the decoded elements take the place of the ranks' own.
Status DeviceWork::separately() {
  std::vector<const void*> decoded;
  for (size_t rank = 0; rank < rank_count(); ++rank) {
    COLL_TRY(decode(message_of(rank), element_of(rank)));
    decoded.push_back(element_of(rank));
  }
  COLL_TRY(reduce(decoded, result()));
  return encode(result(), Draw::kResult, result_message());
}

Status DeviceWork::run(DeviceOperation operation) {
  turn_ = (turn_ + 1) % turns_;
  switch (operation) {
    case DeviceOperation::kEncode:
      return encode(element_of(0), 0, result_message());
    case DeviceOperation::kDecode:
      return decode(message_of(0), result());
    case DeviceOperation::kDecodeReduce:
      return combine(result(), nullptr);
    case DeviceOperation::kFused:
      return combine(nullptr, result_message());
    case DeviceOperation::kSeparate:
      return separately();
    case DeviceOperation::kReduce:
      break;
  }
  std::vector<const void*> all;
  for (size_t rank = 0; rank < rank_count(); ++rank) all.push_back(element_of(rank));
  return reduce(all, result());
}

Status DeviceWork::copy(size_t bytes) {
  if (copy_at_ + bytes > copy_bytes_) copy_at_ = 0;
  COLL_TRY(operations_.copy(copy_to_->data() + copy_at_, copy_from_->data() + copy_at_, bytes, nullptr));
  copy_at_ += rounded(bytes);
  return {};
}

size_t DeviceWork::moved_bytes(DeviceOperation operation) const {
  const size_t ranks = rank_count();
  switch (operation) {
    case DeviceOperation::kEncode:
    case DeviceOperation::kDecode:
      return elements_bytes_ + message_bytes_;
    case DeviceOperation::kDecodeReduce:
      return ranks * message_bytes_ + elements_bytes_;
    case DeviceOperation::kFused:
      return (ranks + 1) * message_bytes_;
    case DeviceOperation::kSeparate:
      return (ranks + 1) * message_bytes_ + 2 * (ranks + 1) * elements_bytes_;
    default:
      return (ranks + 1) * elements_bytes_;
  }
}

// From the first turn's elements as the host has them, and the codec's own code.
Status DeviceWork::judge(DeviceOperation operation, uint64_t* wrong) {
  COLL_TRY(run(operation));
  const bool coded = operation == DeviceOperation::kEncode || operation == DeviceOperation::kFused ||
                     operation == DeviceOperation::kSeparate;
  std::vector<std::byte> actual(coded ? message_bytes_ : elements_bytes_), expected(actual.size());
  COLL_TRY(operations_.copy(actual.data(), coded ? result_message() : result(), actual.size(), nullptr));
  COLL_TRY(operations_.synchronize(nullptr));

  const bool one = operation == DeviceOperation::kEncode || operation == DeviceOperation::kDecode;
  std::vector<std::vector<std::byte>> inputs(one ? 1 : rank_count());
  std::vector<Contribution> all;
  for (size_t rank = 0; rank < inputs.size(); ++rank) {
    std::vector<std::byte> elements(elements_bytes_);
    input_.fill(static_cast<int>(rank), 0, count_, elements.data());
    inputs[rank] = elements;
    if (subject_->codec != nullptr && operation != DeviceOperation::kEncode) {
      inputs[rank].assign(message_bytes_, std::byte{0});
      Hop encode{input_.type(), collSum, 1, subject_->codec.get(), {}, count_};
      encode.coded = inputs[rank].data();
      const Contribution only{Wire::kNative, elements.data()};
      coll::run_hop(encode, {&only, 1});
    }
    const bool native = subject_->codec == nullptr || operation == DeviceOperation::kEncode;
    all.push_back({native ? Wire::kNative : Wire::kCoded, inputs[rank].data()});
  }
  Hop hop{input_.type(), collSum, ranks_, subject_->codec.get(), {}, count_};
  (coded ? hop.coded : hop.native) = expected.data();
  coll::run_hop(hop, all);
  *wrong = 0;
  for (size_t i = 0; i < actual.size(); ++i) *wrong += actual[i] != expected[i] ? 1 : 0;
  return {};
}

}  // namespace coll::perf
