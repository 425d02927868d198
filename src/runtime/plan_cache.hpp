// What the calls of a communicator come to, kept for calls of the same shape.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>

#include "collectives/plan.hpp"
#include "runtime/call.hpp"
#include "runtime/short_run.hpp"

namespace coll {

struct Selection {
  std::shared_ptr<const Codec> codec;  // that the call uses; empty: exact
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const ShortPlan> short_plan{};  // empty: the call is none of one short post
};

class PlanCache {
 public:
  // NULL where no such call has been planned; else valid until the next keep(). Never allocates.
  const Selection* find(const Call& call) {
    const Key key = key_of(call);
    const Entry*& last = last_[static_cast<size_t>(call.function)];
    if (last != nullptr && last->first == key) return &last->second.selection;
    const auto known = plans_.find(key);
    if (known == plans_.end()) return nullptr;
    last = &*known;
    return &last->second.selection;
  }
  void keep(const Call& call, Selection selection) {
    last_ = {};
    if (plans_.size() >= kMostPlans) plans_.clear();
    plans_[key_of(call)] = {call.codec, std::move(selection)};
  }

 private:
  static constexpr size_t kMostPlans = 256;

  struct Key {
    const Codec* asked;  // kept alive beside the plan, so that its address is its own
    size_t count;
    int root;
    Function function;
    DataType type;
    RedOp op;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const {
      const auto kind = static_cast<size_t>(key.function) << 16 | static_cast<size_t>(key.type) << 8 | key.op;
      const size_t mixed = (key.count ^ kind << 40) + static_cast<size_t>(key.root) * 0x9e3779b97f4a7c15;
      return mixed ^ reinterpret_cast<uintptr_t>(key.asked);
    }
  };
  struct Kept {
    std::shared_ptr<const Codec> asked;
    Selection selection;
  };
  using Entry = std::pair<const Key, Kept>;
  static Key key_of(const Call& call) {
    return {call.codec.get(), call.count, call.root, call.function, call.type, call.op};
  }

  std::unordered_map<Key, Kept, Hash> plans_;
  std::array<const Entry*, std::size(kFunctionNames)> last_{};  // most calls are like the one of their kind before
};

}  // namespace coll
