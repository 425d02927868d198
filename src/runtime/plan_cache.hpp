// The plans of a communicator's calls, kept for calls of the same shape.
#pragma once

#include <memory>
#include <unordered_map>

#include "collectives/plan.hpp"
#include "runtime/call.hpp"

namespace coll {

class PlanCache {
 public:
  // NULL where no such call has been planned; else valid until the next keep(). Never allocates.
  const std::shared_ptr<const Plan>* find(const Call& call) {
    const Key key = key_of(call);
    if (last_ != nullptr && last_->first == key) return &last_->second.plan;
    const auto known = plans_.find(key);
    if (known == plans_.end()) return nullptr;
    last_ = &*known;
    return &last_->second.plan;
  }
  void keep(const Call& call, std::shared_ptr<const Plan> plan) {
    last_ = nullptr;
    if (plans_.size() >= kMostPlans) plans_.clear();
    plans_[key_of(call)] = {call.codec, std::move(plan)};
  }

 private:
  static constexpr size_t kMostPlans = 256;

  struct Key {
    const Codec* codec;  // kept alive beside the plan, so that its address is its own
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
      return mixed ^ reinterpret_cast<uintptr_t>(key.codec);
    }
  };
  struct Kept {
    std::shared_ptr<const Codec> codec;
    std::shared_ptr<const Plan> plan;
  };
  static Key key_of(const Call& call) {
    return {call.codec.get(), call.count, call.root, call.function, call.type, call.op};
  }

  std::unordered_map<Key, Kept, Hash> plans_;
  const std::pair<const Key, Kept>* last_ = nullptr;  // most calls are like the one before
};

}  // namespace coll
