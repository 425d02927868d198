#include "collectives/values.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace coll {

size_t Values::KeyHash::operator()(const std::vector<int>& key) const {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const int word : key) hash = (hash ^ static_cast<uint32_t>(word)) * 0x100000001b3u;
  return hash;
}

ValueId Values::intern(Value value) {
  std::vector<int> key = {static_cast<int>(value.kind), value.rank, value.shard};
  key.insert(key.end(), value.parts.begin(), value.parts.end());
  const auto [at, is_new] = numbers_.try_emplace(std::move(key), static_cast<ValueId>(values_.size()));
  if (is_new) values_.push_back(std::move(value));
  return at->second;
}

ValueId Values::input(int rank, int shard) {
  Value value;
  value.rank = rank;
  value.shard = shard;
  value.ranks.resize(words_);
  value.ranks[static_cast<size_t>(rank) / 64] |= uint64_t{1} << (rank % 64);
  return intern(std::move(value));
}

ValueId Values::reduce(const std::vector<ValueId>& parts, int* twice) {
  Value value;
  value.kind = ValueKind::kReduced;
  value.shard = (*this)[parts.front()].shard;
  value.ranks.resize(words_);
  value.parts = parts;
  for (const ValueId id : parts) {
    const Value& part = (*this)[id];
    value.encodings = std::max(value.encodings, part.encodings);
    for (size_t word = 0; word < words_; ++word) {
      if (const uint64_t both = value.ranks[word] & part.ranks[word]; both != 0) {
        *twice = static_cast<int>(word) * 64 + std::countr_zero(both);
        return kNoValue;
      }
      value.ranks[word] |= part.ranks[word];
    }
  }
  return intern(std::move(value));
}

ValueId Values::finish(ValueId part) {
  Value value = (*this)[part];
  value.kind = ValueKind::kFinished;
  value.rank = -1;
  value.finished = true;
  value.parts = {part};
  return intern(std::move(value));
}

ValueId Values::code(ValueId part, int by_rank) {
  Value value = (*this)[part];
  value.kind = ValueKind::kCoded;
  value.rank = by_rank;
  ++value.encodings;
  value.parts = {part};
  return intern(std::move(value));
}

bool Values::holds(ValueId id, int rank) const {
  return ((*this)[id].ranks[static_cast<size_t>(rank) / 64] >> (rank % 64) & 1) != 0;
}

ValueId Values::source(ValueId id) const {
  while ((*this)[id].kind == ValueKind::kCoded || (*this)[id].kind == ValueKind::kFinished) id = (*this)[id].parts[0];
  return (*this)[id].kind == ValueKind::kInput ? id : kNoValue;
}

bool Values::in_rank_order(ValueId id, int nranks, bool alike) const {
  if (nranks == 1) return true;
  while ((*this)[id].kind == ValueKind::kCoded || (*this)[id].kind == ValueKind::kFinished) id = (*this)[id].parts[0];
  const Value& sum = (*this)[id];
  if (sum.kind != ValueKind::kReduced || sum.parts.size() != static_cast<size_t>(nranks)) return false;
  for (int rank = 0; rank < nranks; ++rank) {
    const ValueId part = sum.parts[static_cast<size_t>(rank)];
    const ValueId own = source(part);
    if (own == kNoValue || (*this)[own].rank != rank) return false;
    if (alike && (*this)[part].encodings != (*this)[sum.parts[0]].encodings) return false;
  }
  return true;
}

}  // namespace coll
