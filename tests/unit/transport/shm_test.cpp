// Setting up shared memory: small file systems, files left behind, ranks that fail, ranks on several nodes.
#include "transport/shm/shm.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "conformance.hpp"
#include "shm_ranks.hpp"
#include "tests/support/directory.hpp"
#include "transport/shm/liveness.hpp"

namespace coll::test {

namespace {

// In what the leader says of its file: behind the rings' size and the token.
constexpr size_t kPathInOffer = 24;

// A file system with room for `bytes`.
shm::Allocate room_for(size_t bytes) {
  return [bytes](int fd, size_t offset, size_t wanted) {
    if (offset + wanted > bytes) return ENOSPC;
    return ::posix_fallocate(fd, static_cast<off_t>(offset), static_cast<off_t>(wanted));
  };
}

TEST(Shm, LeavesNoNameBehind) {
  const Directory directory;
  const auto results = setup(3, [&](ShmOptions& o) { o.directory = directory.path(); });
  for (const Result& r : results) {
    EXPECT_TRUE(r.status.ok()) << r.status.message();
    EXPECT_NE(r.transport, nullptr);
  }
  EXPECT_TRUE(directory.empty());
}

TEST(Shm, FileIsForThisUserAloneAndUnpredictable) {
  const Directory directory;
  shm::Segment segment;
  std::string first;
  for (int i = 0; i < 2; ++i) {
    shm::FileName name;
    shm::Token token{};
    std::string warning;
    const shm::CreateRequest request{directory.path(), 2, shm::kMinRingBytes, room_for(1 << 20)};
    ASSERT_TRUE(shm::create_segment(request, &segment, &name, &token, &warning).ok());
    struct stat info {};
    ASSERT_EQ(::stat(name.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_NE(name.path(), first);
    first = name.path();
  }
  EXPECT_TRUE(directory.empty());
}

TEST(Shm, SmallFileSystemMeansSmallerRingsAndOneWarning) {
  const Directory directory;
  const auto results = setup(3, [&](ShmOptions& o) {
    o.directory = directory.path();
    o.allocate = room_for(1 << 20);
  });
  int warnings = 0;
  for (const Result& r : results) {
    EXPECT_TRUE(r.status.ok()) << r.status.message();
    warnings += r.warning.empty() ? 0 : 1;
    EXPECT_NE(r.transport, nullptr);
  }
  EXPECT_EQ(warnings, 1);
  EXPECT_NE(results[0].warning.find(directory.path()), std::string::npos) << results[0].warning;
  EXPECT_NE(results[0].warning.find("--shm-size"), std::string::npos) << results[0].warning;
}

TEST(Shm, TooSmallFileSystemIsAnErrorThatSaysWhatToDo) {
  const Directory directory;
  const auto results = setup(3, [&](ShmOptions& o) {
    o.directory = directory.path();
    o.allocate = room_for(8 << 10);
  });
  for (const Result& r : results) {
    EXPECT_EQ(r.status.code(), collSystemError);
    EXPECT_EQ(r.transport, nullptr);
    EXPECT_EQ(r.status.message(), results[0].status.message());
    for (const char* part : {directory.path().c_str(), "rank 0", "bytes free", "--shm-size"}) {
      EXPECT_NE(r.status.message().find(part), std::string::npos) << r.status.message();
    }
  }
  EXPECT_TRUE(directory.empty());
}

TEST(Shm, SmallestRingNeedsWhatTheErrorSays) {
  const size_t least = shm::Layout{3, shm::kMinRingBytes}.fixed_bytes();
  const auto enough = setup(3, [&](ShmOptions& o) { o.allocate = room_for(least); });
  const auto less = setup(3, [&](ShmOptions& o) { o.allocate = room_for(least - 1); });
  EXPECT_TRUE(enough[2].status.ok()) << enough[2].status.message();
  EXPECT_NE(less[2].status.message().find(std::to_string(least)), std::string::npos) << less[2].status.message();
}

TEST(Shm, MissingDirectoryIsAnError) {
  const auto results = setup(2, [](ShmOptions& o) { o.directory = "/nonexistent"; });
  for (const Result& r : results) EXPECT_EQ(r.status.code(), collSystemError) << r.status.message();
}

TEST(Shm, OneRankThatCannotOpenFailsAllAndIsNamed) {
  const Directory directory;
  const auto results = setup(3, [&](ShmOptions& o) {
    o.directory = directory.path();
    if (o.rank != 2) return;
    const auto allgather = o.allgather;
    o.allgather = [allgather, calls = 0](std::span<const std::byte> mine, std::byte* all) mutable {
      Status status = allgather(mine, all);
      if (calls++ == 0) all[8] = ~all[8];  // the first bytes of the leader's token: another file, it seems
      return status;
    };
  });
  for (const Result& r : results) {
    EXPECT_EQ(r.status.code(), collSystemError);
    EXPECT_NE(r.status.message().find("rank 2"), std::string::npos) << r.status.message();
    EXPECT_EQ(r.transport, nullptr);
  }
  EXPECT_TRUE(directory.empty());
}

TEST(Shm, MissingRankIsATimeOutAndLeavesNoName) {
  const Directory directory;
  const auto meeting = std::make_shared<Meeting>(3);
  run_ranks(2, [&](int rank) {
    InprocBootstrap bootstrap(meeting, rank);
    ShmOptions options = shm_options(bootstrap);
    options.directory = directory.path();
    options.allgather = [&](std::span<const std::byte> mine, std::byte* all) {
      return bootstrap.allgather(mine, all, Clock::now() + std::chrono::milliseconds(100));
    };
    std::unique_ptr<Transport> transport;
    std::string warning;
    const Status status = make_shm(options, &transport, &warning);
    EXPECT_EQ(status.code(), collTimeout);
    EXPECT_NE(status.message().find("rank 2"), std::string::npos) << status.message();
  });
  EXPECT_TRUE(directory.empty());
}

TEST(Shm, SeveralNodesAndARankAlone) {
  const std::vector<std::vector<int>> nodes = {{0, 3}, {1}, {2, 4, 5}};
  const auto meeting = std::make_shared<Meeting>(6);
  run_ranks(6, [&](int rank) {
    InprocBootstrap bootstrap(meeting, rank);
    ShmOptions options = shm_options(bootstrap);
    for (const auto& node : nodes) {
      if (std::find(node.begin(), node.end(), rank) != node.end()) options.local_ranks = node;
    }
    std::unique_ptr<Transport> transport;
    std::string warning;
    const Status status = make_shm(options, &transport, &warning);
    ASSERT_TRUE(status.ok()) << status.message();
    if (rank == 1) {
      EXPECT_EQ(transport, nullptr);
      return;
    }
    for (int peer = 0; peer < 6; ++peer) {
      const auto& mine = options.local_ranks;
      const bool local = peer != rank && std::find(mine.begin(), mine.end(), peer) != mine.end();
      EXPECT_EQ(transport->reaches(peer), local) << rank << " to " << peer;
      if (!local) continue;
      const Bytes out = pattern(rank, 1, 1000);
      Bytes in(1000);
      Request sent, received;
      Self self(*transport, bootstrap);
      self.send(peer, 1, out, &sent);
      self.receive(peer, 1, in, &received);
      self.wait(sent);
      self.wait(received);
      EXPECT_TRUE(in == pattern(peer, 1, 1000));
    }
  });
}

// Ranks of a node are not numbered as they are in the communicator.
TEST(Shm, NoticesAreThoseOfTheNodesRanksAlone) {
  const std::vector<std::vector<int>> nodes = {{0, 3}, {1}, {2, 4, 5}};
  const std::vector<size_t> node_of = {0, 1, 2, 0, 2, 2};
  const auto results = setup(6, [&](ShmOptions& o) { o.local_ranks = nodes[node_of[static_cast<size_t>(o.rank)]]; });
  for (const int rank : {0, 2, 3, 4, 5}) {
    const Result& r = results[static_cast<size_t>(rank)];
    ASSERT_TRUE(r.status.ok()) << r.status.message();
    const auto own = r.transport->notices(rank);
    ASSERT_EQ(own.size(), kNoticeBytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(own.data()) % shm::kPage, 0u);
    own.front() = own.back() = static_cast<std::byte>(rank + 1);
  }
  for (const int rank : {0, 2, 3, 4, 5}) {
    for (int other = 0; other < 6; ++other) {
      const auto notices = results[static_cast<size_t>(rank)].transport->notices(other);
      const bool local = node_of[static_cast<size_t>(rank)] == node_of[static_cast<size_t>(other)];
      ASSERT_EQ(notices.size(), local ? kNoticeBytes : 0) << rank << " of " << other;
      if (!local) continue;
      EXPECT_EQ(notices.front(), static_cast<std::byte>(other + 1)) << rank << " of " << other;
      EXPECT_EQ(notices.back(), static_cast<std::byte>(other + 1)) << rank << " of " << other;
    }
  }
}

TEST(Shm, NoticesLieBetweenBellsAndBoardAndHavePagesFromTheBeginning) {
  for (const size_t nlocal : {2, 3, 8, 63, 64, 65, 513}) {
    const shm::Layout layout{nlocal, shm::default_ring_bytes(nlocal)};
    EXPECT_GE(layout.notices_offset(0), shm::kPage + nlocal * sizeof(shm::Bell)) << nlocal;
    for (size_t local = 0; local < nlocal; ++local) {
      EXPECT_EQ(layout.notices_offset(local) % shm::kPage, 0u) << nlocal;
      EXPECT_EQ(layout.notices_offset(local), layout.notices_offset(0) + local * kNoticeBytes) << nlocal;
    }
    EXPECT_LE(layout.notices_offset(nlocal - 1) + kNoticeBytes, layout.board_offset()) << nlocal;
    EXPECT_LT(layout.board_offset(), layout.fixed_bytes()) << nlocal;
  }
}

TEST(Shm, SaysWhoHasEndedAndDeliversWhatWasSentBefore) {
  auto results = setup(3, [](ShmOptions&) {});
  const auto transport = [&](size_t rank) -> Transport& { return *results[rank].transport; };
  for (const size_t rank : {0, 1, 2}) {
    ASSERT_TRUE(results[rank].status.ok()) << results[rank].status.message();
    for (const int peer : {0, 1, 2}) EXPECT_FALSE(transport(rank).has_ended(peer)) << rank << " of " << peer;
  }
  const Bytes out = pattern(1, 1, 1000);
  Bytes in(out.size());
  Request sent, received;
  ASSERT_TRUE(transport(1).send(0, 1, out, &sent).ok());
  results[1].transport = nullptr;
  for (const size_t rank : {0, 2}) {
    EXPECT_TRUE(transport(rank).has_ended(1));
    EXPECT_FALSE(transport(rank).has_ended(static_cast<int>(2 - rank)));
    EXPECT_FALSE(transport(rank).has_ended(3)) << "not reached";
  }
  bool moved = false;
  ASSERT_TRUE(transport(0).receive(1, 1, in, &received).ok());
  ASSERT_TRUE(transport(0).progress(&moved).ok());
  EXPECT_TRUE(received.done);
  EXPECT_TRUE(in == out);
}

// As on a system that has no such locks: rank 2's is held by somebody else when it asks for it.
TEST(Shm, RankThatCouldNotShowLifeIsNeverTakenForEnded) {
  auto results = setup(3, [](ShmOptions& o) {
    if (o.rank != 2) return;
    const auto in_the_way = std::make_shared<shm::FileDescriptor>();
    const auto allgather = o.allgather;
    o.allgather = [allgather, in_the_way](std::span<const std::byte> mine, std::byte* all) {
      *in_the_way = shm::FileDescriptor();
      Status status = allgather(mine, all);
      const auto* const path = reinterpret_cast<const char*>(all) + kPathInOffer;
      shm::FileDescriptor file(::open(path, O_RDWR | O_CLOEXEC));
      if (file.get() < 0) return status;  // the second exchange
      EXPECT_TRUE(shm::show_life(file.get(), 2));
      *in_the_way = std::move(file);
      return status;
    };
  });
  for (const size_t gone : {1, 2}) {
    ASSERT_TRUE(results[gone].status.ok()) << results[gone].status.message();
    results[gone].transport = nullptr;
  }
  EXPECT_TRUE(results[0].transport->has_ended(1));
  EXPECT_FALSE(results[0].transport->has_ended(2));
}

TEST(Shm, RingsStaySmallForManyRanks) {
  for (const size_t nlocal : {2, 3, 8, 16, 17, 64, 128, 513}) {
    EXPECT_LE(shm::default_ring_bytes(nlocal) * (nlocal - 1), shm::kRankBytes) << nlocal;
  }
}

TEST(Shm, HostKeyTellsFileSystemsApart) {
  EXPECT_EQ(host_key(), host_key());
  EXPECT_NE(host_key("/proc"), host_key("/"));
  EXPECT_NE(host_key().find(std::to_string(::geteuid())), std::string::npos);
}

}  // namespace

}  // namespace coll::test
