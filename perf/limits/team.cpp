#include "team.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <system_error>

namespace coll::perf {
namespace {

constexpr int kSpins = 1 << 14;  // then the core is given away: there may be one for both

void bind_to(int index) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) < Team::kSize) return;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && index-- == 0) CPU_SET(cpu, &one);
  }
  sched_setaffinity(0, sizeof(one), &one);
}

}  // namespace

Pages::Pages(Kind kind, size_t bytes) : bytes_(bytes) {
  const int sharing = kind == Kind::kShared ? MAP_SHARED : MAP_PRIVATE;
  data_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
  if (data_ == MAP_FAILED) throw std::bad_alloc();
}

Pages::~Pages() { munmap(data_, bytes_); }

Team::Team() : pages_(Pages::Kind::kShared, sizeof(Shared)), shared_(new (pages_.data()) Shared{}), parent_(getpid()) {
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  rank_ = child == 0 ? 1 : 0;
  peer_ = child == 0 ? parent_ : child;
  if (rank_ == 1) prctl(PR_SET_PDEATHSIG, SIGKILL);  // no peer is left spinning behind a first process that was ended
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);         // where Yama keeps a child from reading its parent's memory
  bind_to(rank_);
  barrier();
}

Team::~Team() {
  barrier();
  if (rank_ == 1) _exit(0);
  waitpid(peer_, nullptr, 0);
}

void Team::barrier() const {
  const int round = shared_->round.load(std::memory_order_acquire);
  if (shared_->arrived.fetch_add(1, std::memory_order_acq_rel) == kSize - 1) {
    shared_->arrived.store(0, std::memory_order_relaxed);
    shared_->round.store(round + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; shared_->round.load(std::memory_order_acquire) == round; ++spins) {
    if (spins > kSpins) sched_yield();
  }
}

bool Team::any_failed(bool mine) const {
  if (mine) shared_->failed.store(true, std::memory_order_relaxed);
  barrier();
  return shared_->failed.load(std::memory_order_relaxed);
}

}  // namespace coll::perf
