// One rank with a device that is none: device_rank_program NRANKS RANK ID DYING_RANK SECOND_ID.
// The ranks sum on their devices. DYING_RANK then makes a call that its stream does not come to, and kills itself. The
// others make that call, too, which has to fail, join anew by SECOND_ID, and sum again.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tests/fault/rank.hpp"
#include "tests/fault/unique_id.hpp"
#include "tests/support/async_device.hpp"
#include "tests/support/device_buffer.hpp"

namespace coll::test {

namespace {

constexpr size_t kCount = 300'007;
constexpr int kSums = 4;  // after two of them the ranks know each other's memory

class Rank {
 public:
  AsyncDevice& device() { return *device_; }
  collStream_t stream() const { return stream_.get(); }

  collResult_t call(collComm_t comm) {
    return collAllReduce(buffer_.data(), buffer_.data(), kCount, collFloat32, collSum, comm, stream());
  }

  // A sum of ones, to its end.
  Outcome sum(collComm_t comm) {
    const std::vector<float> ones(kCount, 1);
    buffer_.put(reinterpret_cast<const std::byte*>(ones.data()), buffer_.bytes());
    const Outcome made = outcome_of(comm, [&] { return call(comm); });
    if (made.code != collSuccess) return made;
    if (const Status end = stream_.synchronize(); !end.ok()) return {collInternalError, end.message()};
    const Outcome outcome = outcome_of(comm, [&] { return state_of(comm); });
    return outcome.code != collSuccess || right(comm) ? outcome : Outcome{collInternalError, "wrong sum"};
  }

 private:
  static collResult_t state_of(collComm_t comm) {
    collResult_t state = collInProgress;
    while (state == collInProgress && collCommGetAsyncError(comm, &state) == collSuccess) std::this_thread::yield();
    return state;
  }
  bool right(collComm_t comm) const {
    int nranks = 0;
    if (collCommCount(comm, &nranks) != collSuccess) return false;
    std::vector<float> values(kCount);
    const Bytes bytes = buffer_.get();
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return std::ranges::all_of(values, [&](float value) { return value == static_cast<float>(nranks); });
  }

  const TestDevices devices_;
  AsyncDevice* const device_ = static_cast<AsyncDevice*>(Process::acquire()->devices().operations());
  DeviceBuffer buffer_{*device_, kCount * sizeof(float)};
  const DeviceStream stream_{*device_};
};

Outcome join_and_sum(Rank* rank, int nranks, int at, const char* id, collComm_t* comm) {
  Outcome outcome = outcome_of(nullptr, [&] { return collCommInitRank(comm, nranks, id_from(id), at); });
  for (int i = 0; i < kSums && outcome.code == collSuccess; ++i) outcome = rank->sum(*comm);
  return outcome;
}

// With a call on the device that its peers wait for.
[[noreturn]] void die(Rank* rank, collComm_t comm) {
  void* never = nullptr;
  if (rank->device().allocate_pinned(sizeof(uint32_t), &never).ok()) {
    *static_cast<uint32_t*>(never) = 0;
    static_cast<void>(rank->device().await_flag(rank->stream(), static_cast<uint32_t*>(never), 1));
    static_cast<void>(rank->call(comm));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // so that the others have come to it
  }
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

int run(char** argv) {
  const int nranks = std::atoi(argv[1]), at = std::atoi(argv[2]), dying = std::atoi(argv[4]);
  Rank rank;
  collComm_t comm = nullptr;
  Outcome outcome = join_and_sum(&rank, nranks, at, argv[3], &comm);
  if (outcome.code == collSuccess && at == dying) die(&rank, comm);
  if (outcome.code == collSuccess) outcome = rank.sum(comm);
  if (collCommDestroy(comm) != collSuccess) outcome = {collInternalError, "destroying failed"};
  const size_t reached = rank.device().reached();
  const Outcome again = join_and_sum(&rank, nranks - 1, at - (at > dying ? 1 : 0), argv[5], &comm);
  if (again.code != collSuccess || collCommDestroy(comm) != collSuccess) outcome = again;
  print(at, outcome);
  std::printf("peers' memory was %sread\n", reached > 0 && rank.device().reached() > reached ? "" : "not ");
  return static_cast<int>(outcome.code);
}

}  // namespace

}  // namespace coll::test

int main(int argc, char** argv) { return argc == 6 ? coll::test::run(argv) : collNumResults; }
