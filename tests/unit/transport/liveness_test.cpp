// Signs of life: seen while the process lives, gone when it is killed, and kept by a child that it forked.
#include "transport/shm/liveness.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/support/directory.hpp"
#include "transport/shm/segment.hpp"

namespace coll::test {

namespace {

using shm::FileDescriptor;
using shm::show_life;
using shm::shows_life;

constexpr size_t kOther = 1;

class Liveness : public testing::Test {
 protected:
  Liveness() { std::ofstream(path()) << "a segment"; }
  std::string path() const { return directory_.path() / "segment"; }
  FileDescriptor open_as(int mode) const { return FileDescriptor(::open(path().c_str(), mode | O_CLOEXEC)); }

  // A process that shows life as kOther; its `body` writes child_ when it is ready.
  pid_t start(void (*body)(int fd)) {
    int ends[2] = {};
    if (::pipe(ends) != 0) return -1;
    const pid_t process = ::fork();
    if (process == 0) {
      const FileDescriptor file = open_as(O_RDWR);
      if (!show_life(file.get(), kOther)) ::_exit(1);
      body(ends[1]);
      while (true) ::pause();
    }
    ::close(ends[1]);
    const bool started = ::read(ends[0], &child_, sizeof child_) == ssize_t{sizeof child_};
    ::close(ends[0]);
    return started ? process : -1;
  }
  static void kill(pid_t process) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }

  static bool becomes_lifeless(int file) {
    constexpr int kLooks = 20000;
    for (int look = 0; look < kLooks && shows_life(file, kOther); ++look) ::usleep(1000);
    return !shows_life(file, kOther);
  }

  const Directory directory_;
  pid_t child_ = -1;  // of the process that was started
};

TEST_F(Liveness, EndsWithTheProcess) {
  const FileDescriptor file = open_as(O_RDWR);
  EXPECT_FALSE(shows_life(file.get(), kOther));
  const pid_t process = start([](int fd) {
    const pid_t none = 0;
    EXPECT_EQ(::write(fd, &none, sizeof none), ssize_t{sizeof none});
  });
  ASSERT_GT(process, 0);
  EXPECT_TRUE(shows_life(file.get(), kOther));
  EXPECT_FALSE(shows_life(file.get(), kOther + 1));
  kill(process);
  EXPECT_FALSE(shows_life(file.get(), kOther));
}

TEST_F(Liveness, IsKeptByAChildThatWasForked) {
  const FileDescriptor file = open_as(O_RDWR);
  const pid_t process = start([](int fd) {
    const pid_t child = ::fork();
    if (child != 0) {
      EXPECT_EQ(::write(fd, &child, sizeof child), ssize_t{sizeof child});
    }
  });
  ASSERT_GT(process, 0);
  kill(process);
  EXPECT_TRUE(shows_life(file.get(), kOther));
  ::kill(child_, SIGKILL);
  EXPECT_TRUE(becomes_lifeless(file.get()));  // nobody here is its parent
}

TEST_F(Liveness, IsOfTheOpenFileAndNotOfTheProcess) {
  const FileDescriptor mine = open_as(O_RDWR);
  {
    const FileDescriptor theirs = open_as(O_RDWR);
    EXPECT_TRUE(show_life(mine.get(), 0));
    EXPECT_TRUE(show_life(theirs.get(), kOther));
    EXPECT_TRUE(shows_life(mine.get(), kOther));
    EXPECT_TRUE(shows_life(theirs.get(), 0));
    const FileDescriptor third = open_as(O_RDWR);  // closing another one takes nothing away
  }
  EXPECT_FALSE(shows_life(mine.get(), kOther));
}

TEST_F(Liveness, IsAssumedWhereItCannotBeAsked) {
  EXPECT_FALSE(show_life(open_as(O_RDONLY).get(), 0));
  EXPECT_FALSE(show_life(-1, 0));
  EXPECT_TRUE(shows_life(-1, 0));
}

}  // namespace

}  // namespace coll::test
