// fork() while the progress thread runs: the parent goes on, and the child can use and give back what it inherited.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/communicator.hpp"
#include "tests/support/host_stream.hpp"
#include "tests/support/world.hpp"

namespace coll::test {

namespace {

World world_of(int nranks) {
  WorldOptions options{one_node(nranks)};
  options.edit = [](int, Config& config) { config.env.progress = "on"; };
  return World(options);
}

collResult_t all_reduce(std::vector<float>* x, collComm_t comm, collStream_t stream) {
  return collAllReduce(x->data(), x->data(), x->size(), collFloat32, collSum, comm, stream);
}

// What the child does with a communicator of one rank and the streams; the status it ends with.
int child(collComm_t alone, HostStream* streams) {
  alarm(30);  // a child that hangs ends with a signal
  std::vector<float> x(100, 3);
  if (all_reduce(&x, alone, streams[0].get()) != collSuccess) return 1;
  while (alone->communicator->pending()) usleep(100);  // on a progress thread of the child's own
  if (collStreamSynchronize(streams[0].get()) != collSuccess || x[99] != 3) return 2;
  if (collStreamDestroy(streams[0].release()) != collSuccess) return 3;
  alone->communicator.reset();
  return 0;
}

TEST(Fork, ParentAndChildBothGoOn) {
  World alone = world_of(1);
  World pair = world_of(2);
  ASSERT_TRUE(alone.ok() && pair.ok()) << alone.why() << pair.why();
  for (int i = 0; i < 10; ++i) {
    HostStream streams[3];
    std::vector<float> x(100, 1), y[2] = {std::vector<float>(50000, 1), std::vector<float>(50000, 1)};
    ASSERT_EQ(all_reduce(&x, alone.handle(0), streams[0].get()), collSuccess);
    ASSERT_EQ(collStreamSynchronize(streams[0].get()), collSuccess);
    for (const int rank : {0, 1}) {
      ASSERT_EQ(all_reduce(&y[rank], pair.handle(rank), streams[rank + 1].get()), collSuccess);
    }
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) _exit(child(alone.handle(0), streams));
    int status = -1;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    for (const int rank : {0, 1}) {
      while (pair.communicator(rank).pending()) usleep(100);
      EXPECT_EQ(y[rank][49999], 2);
    }
  }
}

}  // namespace

}  // namespace coll::test
