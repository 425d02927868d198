// The mpi transport and its bootstrap, under mpirun: the conformance cases, duplicates, time-outs, groups by unique id.
#include <gtest/gtest.h>
#include <unistd.h>

#include "conformance.hpp"
#include "runtime/module.hpp"
#include "transport/mpi/comm.hpp"
#include "transport/mpi/mpi_bootstrap.hpp"
#include "transport/mpi/mpi_transport.hpp"

namespace coll::test {

namespace {

Clock::time_point in_ms(int ms) { return Clock::now() + std::chrono::milliseconds(ms); }

struct World {
  int rank = 0;
  int size = 1;
  World() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
  }
};

struct Made {
  std::unique_ptr<Bootstrap> bootstrap;
  std::unique_ptr<Transport> transport;
};

Made make_from(MPI_Comm comm, uint64_t nonce) {
  Made made;
  mpi::CommPtr ours;
  Status status = mpi::duplicate(comm, in_ms(30000), &ours);
  EXPECT_TRUE(status.ok()) << status.message();
  made.bootstrap = std::make_unique<mpi::MpiBootstrap>(ours);
  status = mpi::make_mpi(ours, nonce, &made.transport);
  EXPECT_TRUE(status.ok()) << status.message();
  return made;
}

class MpiConformance : public testing::TestWithParam<Case> {};

TEST_P(MpiConformance, Holds) {
  const Made made = make_from(MPI_COMM_WORLD, 1);
  Self self(*made.transport, *made.bootstrap);
  GetParam().body(self);
  self.barrier();
}

INSTANTIATE_TEST_SUITE_P(Mpi, MpiConformance, testing::ValuesIn(conformance_cases()),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(MpiTransport, LeftBehindControlsReachNoLaterCommunicator) {
  const World world;
  for (uint64_t nonce = 1; nonce < 20; ++nonce) {
    const Made made = make_from(MPI_COMM_WORLD, nonce);
    Self self(*made.transport, *made.bootstrap);
    Control control;
    control.from = world.rank;
    control.sequence = nonce;
    EXPECT_TRUE(made.transport->send_control(self.next(), control).ok());
    EXPECT_TRUE(made.transport->send_control(self.next(), control).ok());
    EXPECT_EQ(self.wait_control().sequence, nonce);  // the second one may be left behind
  }
}

// As MPI delivers a message of a freed communicator to a later one that has its context id.
TEST(MpiTransport, ControlsOfAnotherCommunicatorAreDropped) {
  mpi::CommPtr comm;
  ASSERT_TRUE(mpi::duplicate(MPI_COMM_WORLD, in_ms(30000), &comm).ok());
  mpi::MpiBootstrap bootstrap(comm);
  std::unique_ptr<Transport> transport;
  ASSERT_TRUE(mpi::make_mpi(comm, 2, &transport).ok());
  Self self(*transport, bootstrap);
  struct {
    uint64_t nonce = 1;
    Control control;
  } stale;
  stale.control.sequence = 77;
  MPI_Send(&stale, sizeof stale, MPI_BYTE, self.next(), 1 << 30, comm->get());
  Control genuine;
  genuine.sequence = 88;
  EXPECT_TRUE(transport->send_control(self.next(), genuine).ok());
  EXPECT_EQ(self.wait_control().sequence, 88u);
  self.barrier();
}

TEST(MpiBootstrap, GathersInRankOrder) {
  const World world;
  mpi::CommPtr comm;
  ASSERT_TRUE(mpi::duplicate(MPI_COMM_WORLD, in_ms(30000), &comm).ok());
  mpi::MpiBootstrap bootstrap(comm);
  for (const size_t bytes : {0, 1, 7, 100000}) {
    const Bytes mine = pattern(world.rank, 1, bytes);
    Bytes all(bytes * static_cast<size_t>(world.size));
    const Status status = bootstrap.allgather(mine, all.data(), in_ms(30000));
    ASSERT_TRUE(status.ok()) << status.message();
    for (int rank = 0; rank < world.size; ++rank) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(rank) * bytes);
      EXPECT_TRUE(Bytes(begin, begin + static_cast<std::ptrdiff_t>(bytes)) == pattern(rank, 1, bytes));
    }
  }
}

TEST(MpiBootstrap, NamesTheRankThatDoesNotCome) {
  const World world;
  MPI_Comm apart = MPI_COMM_NULL;  // what is left pending on it disturbs no other test
  MPI_Comm_dup(MPI_COMM_WORLD, &apart);
  if (world.rank != 1) {
    mpi::CommPtr comm;
    const Status status = mpi::duplicate(apart, in_ms(300), &comm);
    EXPECT_EQ(status.code(), collTimeout);
    EXPECT_EQ(status.message().find("rank 1 did not call collCommInitMPI within "), 0u) << status.message();
  } else {
    ::usleep(400000);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

TEST(MpiBootstrap, NamesTheRankThatStopsHalfWay) {
  const World world;
  mpi::CommPtr comm;
  ASSERT_TRUE(mpi::duplicate(MPI_COMM_WORLD, in_ms(30000), &comm).ok());
  mpi::MpiBootstrap bootstrap(comm);
  if (world.rank != 0) {
    const Bytes mine(50);
    Bytes all(50 * static_cast<size_t>(world.size));
    const Status status = bootstrap.allgather(mine, all.data(), in_ms(300));
    EXPECT_EQ(status.code(), collTimeout);
    EXPECT_EQ(status.message().find("rank 0 did not take part in an exchange within "), 0u) << status.message();
  } else {
    comm->leak();
    ::usleep(400000);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

TEST(MpiModule, JoinsASubsetInAnotherOrder) {
  const World world;
  const ModuleApi* module = collModuleMPI();
  ASSERT_EQ(module->abi, kModuleAbi);
  ASSERT_TRUE(module->usable());
  EXPECT_NE(std::string(module->version()), "");
  // All but rank 0 of the world, backwards; rank 0 takes no part in anything.
  MPI_Comm backwards = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, world.rank == 0 ? MPI_UNDEFINED : 1, -world.rank, &backwards);
  if (world.rank != 0) {
    mpi::CommPtr comm;
    ASSERT_TRUE(mpi::duplicate(backwards, in_ms(30000), &comm).ok());
    mpi::MpiBootstrap bootstrap(comm);
    std::unique_ptr<Transport> transport;
    const Status status = module->open({&bootstrap, in_ms(30000), {}}, &transport);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(bootstrap.rank(), world.size - 1 - world.rank);
    EXPECT_FALSE(transport->reaches(world.size - 1));
    Self self(*transport, bootstrap);
    const Bytes out = pattern(self.rank(), 1, 5000);
    Bytes in(5000);
    Request sent, received;
    self.receive(self.previous(), 1, in, &received);
    self.send(self.next(), 1, out, &sent);
    self.wait(received);
    self.wait(sent);
    EXPECT_TRUE(in == pattern(self.previous(), 1, 5000));
    transport.reset();
    MPI_Comm_free(&backwards);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

// A bootstrap that shows the others as members of another MPI world.
class OtherWorld final : public Bootstrap {
 public:
  explicit OtherWorld(Bootstrap& real) : real_(real) {}
  int rank() const override { return real_.rank(); }
  int nranks() const override { return real_.nranks(); }
  Status allgather(std::span<const std::byte> mine, std::byte* all, Clock::time_point deadline) override {
    COLL_TRY(real_.allgather(mine, all, deadline));
    for (int r = 0; r < nranks(); ++r)
      std::memcpy(all + static_cast<size_t>(r) * mine.size(), mine.data(), mine.size());
    return {};
  }

 private:
  Bootstrap& real_;
};

TEST(MpiModule, TwoWorldsAreAnError) {
  mpi::CommPtr comm;
  ASSERT_TRUE(mpi::duplicate(MPI_COMM_WORLD, in_ms(30000), &comm).ok());
  mpi::MpiBootstrap real(comm);
  OtherWorld bootstrap(real);
  std::unique_ptr<Transport> transport;
  const Status status = collModuleMPI()->open({&bootstrap, in_ms(30000), {}}, &transport);
  EXPECT_EQ(status.code(), collInvalidUsage);
  EXPECT_NE(status.message().find("rank 1 and rank 0 are not in the same MPI_COMM_WORLD"), std::string::npos)
      << status.message();
}

TEST(MpiTransport, OutlivesMpi) {
  // Kept until after MPI_Finalize, as by a program that destroys its communicators too late.
  static Made kept = make_from(MPI_COMM_WORLD, 1);
  EXPECT_NE(kept.transport, nullptr);
}

}  // namespace

}  // namespace coll::test

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  testing::InitGoogleTest(&argc, argv);
  int failed = RUN_ALL_TESTS();
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return failed;
}
