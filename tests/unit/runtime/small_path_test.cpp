// Small calls between processes of a node take no system call, no lock and no allocation. Waiting may give the core
// away; that is not the path of a message.
#include <coll/coll.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdlib>

extern "C" void* __libc_malloc(size_t bytes);

namespace {

thread_local bool watching = false;  // the thread that calls: a meeting point's thread may end at any time
std::atomic<int> allocations{0};
std::atomic<int> locks{0};
std::atomic<int> system_calls{0};

void count(std::atomic<int>& what) {
  if (watching) ++what;
}

}  // namespace

// In the place of the C library's.
extern "C" void* malloc(size_t bytes) {
  count(allocations);
  return __libc_malloc(bytes);
}

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto real = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  count(locks);
  return real(mutex);
}

namespace {

constexpr int kRanks = 2;
constexpr int kCalls = 6000;  // of each kind

void on_system_call(int) { ++system_calls; }

// From now on every system call but those below is counted instead of made.
bool trap_system_calls() {
  struct sigaction action {};
  action.sa_handler = on_system_call;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return false;
  constexpr auto kNumber = static_cast<uint32_t>(offsetof(seccomp_data, nr));
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 5, 0),  // waiting
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_nanosleep, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(filter), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct Seen {
  int failures = 0;
  int allocations = 0;
  int locks = 0;
  int system_calls = 0;
};

// What both ranks send each other: little, and more than fits an introduction.
int transfers(collComm_t comm, int peer, const float* in, float* out) {
  int failures = 0;
  for (const size_t count : {size_t{2}, size_t{700}}) {
    failures += collGroupStart() != collSuccess;
    failures += collSend(in, count, collFloat32, peer, comm, nullptr) != collSuccess;
    failures += collRecv(out, count, collFloat32, peer, comm, nullptr) != collSuccess;
    failures += collGroupEnd() != collSuccess;
    failures += collSend(in, count, collFloat32, peer, comm, nullptr) != collSuccess;
    failures += collRecv(out, count, collFloat32, peer, comm, nullptr) != collSuccess;
  }
  return failures;
}

// Calls of every function whose data fits a slot of the board.
int calls(collComm_t comm, int rounds) {
  int failures = 0;
  std::array<float, 1024> in{}, out{};
  int rank = 0;
  failures += collCommUserRank(comm, &rank) != collSuccess;
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i);
  for (int i = 0; i < rounds; ++i) {
    failures += collAllReduce(in.data(), out.data(), 1, collFloat32, collSum, comm, nullptr) != collSuccess;
    failures += out[0] != 0;
    failures += collAllReduce(in.data(), out.data(), 1024, collFloat32, collSum, comm, nullptr) != collSuccess;
    failures += out[1023] != 1023 * kRanks;
    failures += collReduceScatter(in.data(), out.data(), 8, collFloat32, collMax, comm, nullptr) != collSuccess;
    failures += collAllGather(in.data(), out.data(), 16, collFloat32, comm, nullptr) != collSuccess;
    failures += collBroadcast(in.data(), out.data(), 33, collFloat32, 1, comm, nullptr) != collSuccess;
    failures += out[32] != 32;
    failures += collReduce(in.data(), out.data(), 5, collFloat32, collSum, 0, comm, nullptr) != collSuccess;
    failures += rank == 0 && out[4] != 4 * kRanks;
    failures += collAlltoAll(in.data(), out.data(), 40, collFloat32, comm, nullptr) != collSuccess;
    failures += out[79] != static_cast<float>(rank * 40 + 39);
    failures += collGather(in.data(), out.data(), 9, collFloat32, 1, comm, nullptr) != collSuccess;
    failures += rank == 1 && out[17] != 8;
    failures += collScatter(in.data(), out.data(), 300, collFloat32, 0, comm, nullptr) != collSuccess;
    failures += out[0] != static_cast<float>(rank * 300);
    failures += transfers(comm, 1 - rank, in.data(), out.data());
    failures += out[0] != 0 || out[1] != 1;
  }
  return failures;
}

Seen run_rank(int rank, const int pipe_in, const int pipe_out) {
  Seen seen;
  collUniqueId id{};
  if (rank == 0) seen.failures += collGetUniqueId(&id) != collSuccess || write(pipe_out, &id, sizeof id) != sizeof id;
  if (rank != 0) seen.failures += read(pipe_in, &id, sizeof id) != sizeof id;
  collComm_t comm = nullptr;
  seen.failures += collCommInitRank(&comm, kRanks, id, rank) != collSuccess;
  if (seen.failures != 0) return seen;
  seen.failures += calls(comm, 10);  // the compared first calls, and the plans
  seen.failures += !trap_system_calls();
  watching = true;
  seen.failures += calls(comm, kCalls);
  watching = false;
  seen.allocations = allocations;
  seen.locks = locks;
  seen.system_calls = system_calls;
  return seen;
}

TEST(SmallCalls, TakeNoSystemCallNoLockAndNoAllocation) {
  int id_pipe[2], seen_pipe[2];
  ASSERT_EQ(pipe(id_pipe), 0);
  ASSERT_EQ(pipe(seen_pipe), 0);
  for (int rank = 0; rank < kRanks; ++rank) {
    if (fork() != 0) continue;
    const Seen seen = run_rank(rank, id_pipe[0], id_pipe[1]);
    _exit(write(seen_pipe[1], &seen, sizeof seen) == sizeof seen ? 0 : 1);
  }
  for (int rank = 0; rank < kRanks; ++rank) {
    int status = 0;
    ASSERT_GT(wait(&status), 0);
    EXPECT_EQ(status, 0);
    Seen seen;
    ASSERT_EQ(read(seen_pipe[0], &seen, sizeof seen), static_cast<ssize_t>(sizeof seen));
    EXPECT_EQ(seen.failures, 0);
    EXPECT_EQ(seen.allocations, 0);
    EXPECT_EQ(seen.locks, 0);
    EXPECT_EQ(seen.system_calls, 0);
  }
}

// What the test above counts with does count.
TEST(SmallCalls, EachCounterCounts) {
  const pid_t child = fork();
  if (child == 0) {
    if (!trap_system_calls()) _exit(2);
    watching = true;
    void* volatile memory = malloc(10);
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    syscall(SYS_getpid);
    watching = false;
    _exit(memory != nullptr && allocations == 1 && locks == 1 && system_calls == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
