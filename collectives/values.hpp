// Symbolic values: what a buffer holds, as an expression over the ranks' inputs. Equal expressions are one value, so
// two ranks hold the same bits where their values have the same number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace coll {

using ValueId = int;
inline constexpr ValueId kNoValue = -1;

enum class ValueKind : uint8_t {
  kInput,     // a rank's own data of a shard
  kReduced,   // the parts, combined in this order
  kFinished,  // the operator's last step applied
  kCoded,     // what a codec's message of the part decodes to, drawn by one rank
};

struct Value {
  ValueKind kind = ValueKind::kInput;
  int rank = -1;  // whose input, or who encoded it
  int shard = -1;
  bool finished = false;
  int encodings = 0;  // most that any of its elements went through
  std::vector<ValueId> parts{};
  std::vector<uint64_t> ranks{};  // bit set of the ranks whose input is in it
};

class Values {
 public:
  explicit Values(int nranks) : words_((static_cast<size_t>(nranks) + 63) / 64) {}

  const Value& operator[](ValueId id) const { return values_[static_cast<size_t>(id)]; }
  ValueId input(int rank, int shard);
  // kNoValue where a rank's input would be counted twice; *twice is then that rank.
  ValueId reduce(const std::vector<ValueId>& parts, int* twice);
  ValueId finish(ValueId part);
  ValueId code(ValueId part, int by_rank);

  bool holds(ValueId id, int rank) const;
  // The input that a value is but for coding and finishing; kNoValue where it is a reduction.
  ValueId source(ValueId id) const;
  // The value is one flat reduction of all ranks' own data in rank order; `alike`: coded for all ranks or for none.
  bool in_rank_order(ValueId id, int nranks, bool alike) const;

 private:
  struct KeyHash {
    size_t operator()(const std::vector<int>& key) const;
  };
  ValueId intern(Value value);

  size_t words_;
  std::vector<Value> values_;
  std::unordered_map<std::vector<int>, ValueId, KeyHash> numbers_;
};

}  // namespace coll
