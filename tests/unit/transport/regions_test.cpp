// Memory of another process: read where it lies, and what is said once that process has ended.
#include "transport/shm/regions.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "transport/shm/kernel_copy.hpp"

namespace coll::test {

namespace {

constexpr char kWords[] = "lent by another process";
constexpr uid_t kNobody = 65534;

// A process that lends a region, as a rank does whose peers have not mapped it yet.
class Lender {
 public:
  Lender() {
    int ends[2] = {};
    if (::pipe(ends) != 0) return;
    process_ = ::fork();
    if (process_ == 0) lend(ends[1]);
    ::close(ends[1]);
    lends_ = ::read(ends[0], &part_, sizeof part_) == sizeof part_;
    ::close(ends[0]);
  }
  ~Lender() { end(); }
  Lender(const Lender&) = delete;
  Lender& operator=(const Lender&) = delete;

  bool lends() const { return lends_; }
  pid_t process() const { return process_; }
  const shm::RegionPart& part() const { return part_; }
  // Killed, but still somebody's child that has not been waited for.
  void kill() const {
    ::kill(process_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOWAIT);
  }
  void end() {
    if (!lends_) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    lends_ = false;
  }

 private:
  [[noreturn]] static void lend(int to) {
    shm::Regions regions;
    void* memory = nullptr;
    if (!regions.allocate(sizeof kWords, &memory).ok()) ::_exit(1);
    std::memcpy(memory, kWords, sizeof kWords);
    const auto part = regions.find({static_cast<std::byte*>(memory), sizeof kWords});
    if (!part || ::write(to, &*part, sizeof *part) != sizeof *part) ::_exit(1);
    while (true) ::pause();
  }

  pid_t process_ = -1;
  shm::RegionPart part_;
  bool lends_ = false;
};

// What a rank that has not mapped the memory comes to.
Status pin(const Lender& lender) {
  const std::byte* at = nullptr;
  return shm::PeerRegions(lender.process()).pin(lender.part(), 0, &at);
}

// The system shows a process that has ended otherwise to root than to the user it belonged to.
int as_an_ordinary_user(int (*body)()) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool ordinary = ::geteuid() != 0 || (::setgid(kNobody) == 0 && ::setuid(kNobody) == 0);
    ::prctl(PR_SET_DUMPABLE, 1);  // or its own files are root's
    ::_exit(ordinary ? body() : 100);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

// 0, or the number of the first line that does not hold.
int lend_and_end() {
  Lender lender;
  if (!lender.lends()) return 1;
  shm::PeerRegions mapped(lender.process());
  const std::byte* at = nullptr;
  if (!mapped.pin(lender.part(), 0, &at).ok() || std::memcmp(at, kWords, sizeof kWords) != 0) return 2;
  lender.kill();
  if (pin(lender).code() != collRemoteError) return 3;
  lender.end();
  if (pin(lender).code() != collRemoteError) return 4;
  // What is mapped stays.
  return std::memcmp(at, kWords, sizeof kWords) == 0 ? 0 : 5;
}

TEST(Regions, OfAProcessThatHasEndedAreARemoteError) { EXPECT_EQ(lend_and_end(), 0); }

TEST(Regions, AreSoForOrdinaryUsersToo) { EXPECT_EQ(as_an_ordinary_user(&lend_and_end), 0); }

TEST(Regions, TheErrorSaysWhatMayHaveHappened) {
  Lender lender;
  ASSERT_TRUE(lender.lends());
  lender.end();
  const std::string words = pin(lender).message();
  EXPECT_NE(words.find("collMemAlloc()"), std::string::npos) << words;
  EXPECT_NE(words.find("its process has ended, or freed the memory"), std::string::npos) << words;
}

TEST(KernelCopy, ReadsWhatIsThereAndNothingElse) {
  std::array<std::byte, 3 * 4096> to{};
  auto* const pages =
      static_cast<std::byte*>(::mmap(nullptr, to.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  std::memset(pages, 0x5a, to.size());
  const auto address = reinterpret_cast<uint64_t>(pages);
  ASSERT_TRUE(shm::copy_from(::getpid(), address + 1, std::span(to).first(to.size() - 1)));
  EXPECT_EQ(to[to.size() - 2], std::byte{0x5a});
  EXPECT_EQ(to.back(), std::byte{0});
  ::munmap(pages + 2 * 4096, 4096);
  EXPECT_FALSE(shm::copy_from(::getpid(), address, to)) << "its last page is not there";
  EXPECT_EQ(errno, EFAULT);
  ::munmap(pages, 2 * 4096);
}

TEST(KernelCopy, OfAProcessThatHasEndedFails) {
  Lender lender;
  ASSERT_TRUE(lender.lends());
  lender.end();
  std::byte byte{};
  EXPECT_FALSE(shm::copy_from(lender.process(), reinterpret_cast<uint64_t>(&byte), {&byte, 1}));
  EXPECT_EQ(errno, ESRCH);
}

TEST(KernelCopy, IsTriedWithAProof) {
  shm::FileDescriptor file;
  shm::Proof proof;
  ASSERT_TRUE(shm::show(&file, &proof).ok());
  EXPECT_TRUE(shm::can_read(proof));
  shm::Proof other = proof;  // as where the number is another process's
  other.random[3] ^= std::byte{1};
  EXPECT_FALSE(shm::can_read(other));
  EXPECT_FALSE(shm::can_read(shm::Proof{}));
}

}  // namespace

}  // namespace coll::test
