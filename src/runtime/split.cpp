// A part of a communicator: its ranks find each other, and exchange what a new communicator needs, over the parent.
#include <algorithm>
#include <cstring>

#include "runtime/create.hpp"
#include "runtime/group.hpp"

namespace coll {

namespace {

struct Choice {
  int32_t color;
  int32_t key;
};

// The members of one color meet by messages between them.
class SplitBootstrap final : public Bootstrap {
 public:
  SplitBootstrap(Communicator& parent, std::vector<int> members)
      : parent_(parent),
        members_(std::move(members)),
        rank_(static_cast<int>(std::find(members_.begin(), members_.end(), parent.rank()) - members_.begin())) {}

  int rank() const override { return rank_; }
  int nranks() const override { return static_cast<int>(members_.size()); }

  std::string simulated_host() const override { return parent_.simulated_host(); }

  // The parent's time-out counts.
  Status allgather(std::span<const std::byte> mine, std::byte* all, Clock::time_point) override {
    Group group;
    group.start();
    for (int member = 0; member < nranks(); ++member) {
      std::byte* const theirs = all + static_cast<size_t>(member) * mine.size();
      if (member == rank_) {
        std::memcpy(theirs, mine.data(), mine.size());
        continue;
      }
      Call call{Function::kSend, mine.data(), nullptr, mine.size()};
      call.root = members_[static_cast<size_t>(member)];
      group.add(parent_, Call(call), nullptr);
      call.function = Function::kRecv;
      call.send = nullptr;
      call.recv = theirs;
      group.add(parent_, Call(call), nullptr);
    }
    return group.end();
  }

 private:
  Communicator& parent_;
  const std::vector<int> members_;  // ranks of the parent
  const int rank_;
};

// Ranks of this color, by key.
std::vector<int> members_of(const std::vector<Choice>& choices, int color) {
  std::vector<int> members;
  for (size_t rank = 0; rank < choices.size(); ++rank) {
    if (choices[rank].color == color) members.push_back(static_cast<int>(rank));
  }
  std::stable_sort(members.begin(), members.end(), [&](int a, int b) {
    return choices[static_cast<size_t>(a)].key < choices[static_cast<size_t>(b)].key;
  });
  return members;
}

}  // namespace

Status split_communicator(Communicator& parent, int color, int key, const Config& config,
                          std::unique_ptr<Communicator>* communicator) {
  const Choice mine{color, key};
  std::vector<Choice> choices(static_cast<size_t>(parent.nranks()));
  Call call{Function::kAllGather, reinterpret_cast<const std::byte*>(&mine),
            reinterpret_cast<std::byte*>(choices.data()), sizeof(Choice)};
  COLL_TRY(parent.run(call, nullptr));
  if (color == kNoColor) return {};
  SplitBootstrap bootstrap(parent, members_of(choices, color));
  const FarWay ways[] = {ucx_way(), mpi_way()};
  return create_communicator(bootstrap, ways, config, communicator);
}

}  // namespace coll
