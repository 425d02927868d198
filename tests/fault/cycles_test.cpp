// Two processes make and destroy communicators over and over, and memory that they read of each other, and call small
// collectives by the ten thousand: heap, mappings, descriptors and /dev/shm stay as they were. CYCLES_FACTOR multiplies
// how often (the soak: 10, so a million calls).
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/fault/buffer.hpp"
#include "tests/fault/held.hpp"
#include "tests/fault/outcome.hpp"
#include "tests/fault/processes.hpp"
#include "tests/support/sanitized.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 2;

int times(int quick) {
  const char* factor = std::getenv("CYCLES_FACTOR");
  return quick * (factor != nullptr ? std::max(1, std::atoi(factor)) : 1);
}

struct Held {
  size_t heap_bytes;
  size_t resident_bytes;
  int mappings;
  int descriptors;
};

std::ostream& operator<<(std::ostream& out, const Held& held) {
  return out << held.heap_bytes << " bytes of heap, " << held.resident_bytes << " resident, " << held.mappings
             << " mappings, " << held.descriptors << " descriptors";
}

Held held_now() {
  const size_t resident = resident_bytes();  // first: it trims the heap
  std::ifstream maps("/proc/self/maps");
  const auto lines = std::count(std::istreambuf_iterator<char>(maps), {}, '\n');
  const struct mallinfo2 heap = ::mallinfo2();
  return {heap.uordblks + heap.hblkhd, resident, static_cast<int>(lines), open_descriptors()};
}

// A leak of the smallest object in each of a hundred turns exceeds these; the allocators' own habits do not.
bool flat(const Held& before, const Held& after) {
  constexpr size_t kMiB = size_t{1} << 20;
  return after.heap_bytes <= before.heap_bytes + (2 << 10) &&
         after.resident_bytes <= before.resident_bytes + (kSanitized ? 200 : 2) * kMiB &&
         after.mappings <= before.mappings + (kSanitized ? 400 : 8) && after.descriptors <= before.descriptors;
}

// What is held once the meeting points have ended, a moment after their last rank has left.
Held settled(const Held* before) {
  Held held = held_now();
  for (int look = 0; look < 100 && (look < 2 || (before != nullptr && !flat(*before, held))); ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    held = held_now();
  }
  return held;
}

// One of the two processes, and the pipe through which rank 0 hands the unique ids to rank 1.
struct Rank {
  int rank;
  std::array<int, 2> pipe;
};

collComm_t join(const Rank& me) {
  collUniqueId id{};
  const bool made = me.rank != 0 || (collGetUniqueId(&id) == collSuccess &&
                                     ::write(me.pipe[1], &id, sizeof id) == static_cast<ssize_t>(sizeof id));
  if (!made || (me.rank == 1 && ::read(me.pipe[0], &id, sizeof id) != static_cast<ssize_t>(sizeof id))) return nullptr;
  collComm_t comm = nullptr;
  return collCommInitRank(&comm, kRanks, id, me.rank) == collSuccess ? comm : nullptr;
}

// Prints and returns whether everything went well.
bool report(const Rank& me, bool worked, const Held& before, const Held& after) {
  const bool good = worked && flat(before, after);
  std::ostringstream words;
  words << "rank " << me.rank << (worked ? "" : ": a call failed: ") << (worked ? "" : collGetLastError(nullptr))
        << ": before " << before << "; after " << after << "\n";
  if (!good) std::fputs(words.str().c_str(), stderr);
  return good;
}

bool lives(const Rank& me, int count) {
  for (int i = 0; i < count; ++i) {
    collComm_t comm = join(me);
    if (comm == nullptr || sum_of_ones(comm, i % 2 == 0 ? 100000 : 10).code != collSuccess) return false;
    if (collCommDestroy(comm) != collSuccess) return false;
  }
  return true;
}

// On a thread of its own, whose end gives back what malloc keeps for it: freed memory that counts as used.
template <typename Work>
bool apart(const Work& work) {
  bool worked = false;
  std::thread([&] { worked = work(); }).join();
  return worked;
}

// ThreadSanitizer adds mappings of its own in each turn, so there are fewer of them.
bool live_over_and_over(const Rank& me) {
  bool worked = apart([&] { return lives(me, 20); });
  const Held before = settled(nullptr);
  worked = worked && apart([&] { return lives(me, times(kSanitized ? 20 : 100)); });
  return report(me, worked, before, settled(&before));
}

bool mapped_sums(collComm_t comm, int count) {
  constexpr size_t kFloats = 100000;
  for (int i = 0; i < count; ++i) {
    const Buffer in(kFloats, true), out(kFloats, true);
    if (in.floats().empty() || out.floats().empty()) return false;
    std::ranges::fill(in.floats(), 1.0F);
    const collResult_t result =
        collAllReduce(in.floats().data(), out.floats().data(), kFloats, collFloat32, collSum, comm, nullptr);
    const auto right = [](float sum) { return sum == static_cast<float>(kRanks); };
    if (result != collSuccess || !std::ranges::all_of(out.floats(), right)) return false;
  }
  return true;
}

// Every size is planned anew, since fewer plans are kept, and then called on the board. The plans that are kept are the
// same ones after every round.
bool sums(collComm_t comm, int rounds) {
  constexpr int kSizes = 1024, kCallsOfSize = 4;
  for (int i = 0; i < rounds * kSizes * kCallsOfSize; ++i) {
    const auto count = static_cast<size_t>(1 + i / kCallsOfSize % kSizes);
    if (sum_of_ones(comm, count).code != collSuccess) return false;
  }
  return true;
}

// On one communicator; `count` is how often in a quick run.
bool use_over_and_over(const Rank& me, bool (*work)(collComm_t, int), int count) {
  collComm_t comm = join(me);
  bool worked = comm != nullptr && apart([&] { return work(comm, 2); });
  const Held before = settled(nullptr);
  worked = worked && apart([&] { return work(comm, times(count)); });
  const bool good = report(me, worked, before, settled(&before));
  return collCommDestroy(comm) == collSuccess && good;
}

// AddressSanitizer keeps what is freed for a while, up to 256 MiB.
bool call_over_and_over(const Rank& me) { return use_over_and_over(me, &sums, kSanitized ? 2 : 25); }

bool map_over_and_over(const Rank& me) { return use_over_and_over(me, &mapped_sums, 100); }

void expect_flat(bool (*what)(const Rank&)) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  for (int rank = 0; rank < kRanks; ++rank) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::mallopt(M_ARENA_MAX, 1);
      ::_exit(what({rank, pipe}) ? 0 : 1);
    }
  }
  for (int rank = 0; rank < kRanks; ++rank) {
    int status = 0;
    EXPECT_GT(::wait(&status), 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  for (const int end : pipe) ::close(end);
  EXPECT_EQ(left_in_shared_memory(), std::vector<std::string>());
}

TEST(Cycles, CommunicatorsLeaveNothing) { expect_flat(&live_over_and_over); }

TEST(Cycles, MappedMemoryLeavesNothing) { expect_flat(&map_over_and_over); }

TEST(Cycles, SmallCallsLeaveNothing) { expect_flat(&call_over_and_over); }

}  // namespace

}  // namespace coll::test
