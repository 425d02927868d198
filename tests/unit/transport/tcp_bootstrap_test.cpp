#include "runtime/tcp_bootstrap.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "ranks.hpp"
#include "runtime/tcp_wire.hpp"

namespace coll::test {

namespace {

using std::chrono::milliseconds;

Clock::time_point in_ms(int ms) { return Clock::now() + milliseconds(ms); }

collUniqueId make_id(int timeout_ms = 30000) {
  collUniqueId id{};
  const Status status = tcp::make_unique_id("lo", timeout_ms, &id);
  EXPECT_TRUE(status.ok()) << status.message();
  return id;
}

Socket connect_raw(const collUniqueId& id) {
  tcp::UniqueId parsed{};
  std::memcpy(&parsed, id.internal, sizeof parsed);
  Socket socket;
  bool retry = false;
  EXPECT_TRUE(connect_to(parsed.address, in_ms(5000), &socket, &retry).ok());
  return socket;
}

void expect_part(const std::string& all, const std::string& part) {
  EXPECT_NE(all.find(part), std::string::npos) << "\"" << all << "\" lacks \"" << part << "\"";
}

// Joins, gathers rank numbers a few times with growing sizes, and leaves.
void join_and_gather(const collUniqueId& id, int nranks, int rank) {
  std::unique_ptr<Bootstrap> bootstrap;
  const Status joined = tcp::join(id, nranks, rank, in_ms(30000), &bootstrap);
  ASSERT_TRUE(joined.ok()) << joined.message();
  EXPECT_EQ(bootstrap->rank(), rank);
  EXPECT_EQ(bootstrap->nranks(), nranks);
  for (const size_t count : {1, 0, 3, 200000, 1}) {
    const std::vector<int> mine(count, rank + static_cast<int>(count));
    std::vector<int> all(count * static_cast<size_t>(nranks), -1);
    const Status gathered =
        bootstrap->allgather(std::as_bytes(std::span(mine)), reinterpret_cast<std::byte*>(all.data()), in_ms(30000));
    ASSERT_TRUE(gathered.ok()) << gathered.message();
    for (size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(all[i], static_cast<int>(i / count) + static_cast<int>(count)) << "element " << i;
    }
  }
}

TEST(TcpBootstrap, JoinsAndGathers) {
  for (int nranks = 1; nranks <= 8; ++nranks) {
    const collUniqueId id = make_id();
    run_ranks(nranks, [&](int rank) { join_and_gather(id, nranks, rank); });
  }
}

TEST(TcpBootstrap, OneRankNeedsNoNetwork) {
  tcp::UniqueId unreachable{};
  collUniqueId id = make_id();
  std::memcpy(&unreachable, id.internal, sizeof unreachable);
  const uint8_t nowhere[4] = {192, 0, 2, 1};  // reserved for documentation
  std::memcpy(unreachable.address.ip, nowhere, sizeof nowhere);
  std::memcpy(id.internal, &unreachable, sizeof unreachable);
  const auto start = Clock::now();
  join_and_gather(id, 1, 0);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
}

TEST(TcpBootstrap, MissingRanksAreNamed) {
  const collUniqueId id = make_id(300);
  run_ranks(4, [&](int thread) {
    const int rank = thread < 2 ? thread : thread + 1;
    std::unique_ptr<Bootstrap> bootstrap;
    const Status status = tcp::join(id, 6, rank, in_ms(20000), &bootstrap);
    EXPECT_EQ(status.code(), collTimeout);
    EXPECT_EQ(status.message(), "rank 2, rank 5 did not join within 300 ms");
  });
}

TEST(TcpBootstrap, ShortestPatienceCounts) {
  const collUniqueId id = make_id(30000);
  run_ranks(2, [&](int rank) {
    std::unique_ptr<Bootstrap> bootstrap;
    const Status status = tcp::join(id, 3, rank, in_ms(rank == 0 ? 20000 : 200), &bootstrap);
    EXPECT_EQ(status.code(), collTimeout);
    expect_part(status.message(), "rank 2 did not join within ");
  });
}

TEST(TcpBootstrap, RankThatSkipsAnExchangeIsNamed) {
  const collUniqueId id = make_id();
  run_ranks(3, [&](int rank) {
    std::unique_ptr<Bootstrap> bootstrap;
    ASSERT_TRUE(tcp::join(id, 3, rank, in_ms(20000), &bootstrap).ok());
    std::byte all[3];
    if (rank == 1) {
      std::this_thread::sleep_for(milliseconds(600));
      // Too late: it hears the same.
      EXPECT_EQ(bootstrap->allgather({all, 1}, all, in_ms(20000)).code(), collTimeout);
      return;
    }
    const Status status = bootstrap->allgather({all, 1}, all, in_ms(300));
    EXPECT_EQ(status.code(), collTimeout);
    expect_part(status.message(), "rank 1 did not take part in an exchange within ");
  });
}

TEST(TcpBootstrap, RankThatGoesAwayIsNamedAtOnce) {
  const collUniqueId id = make_id();
  const auto start = Clock::now();
  run_ranks(3, [&](int rank) {
    std::unique_ptr<Bootstrap> bootstrap;
    ASSERT_TRUE(tcp::join(id, 3, rank, in_ms(20000), &bootstrap).ok());
    if (rank == 2) return;
    std::byte all[3];
    const Status status = bootstrap->allgather({all, 1}, all, in_ms(20000));
    EXPECT_EQ(status.code(), collRemoteError);
    expect_part(status.message(), "rank 2 went away");
  });
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(10));
}

TEST(TcpBootstrap, WrongSecretIsTurnedAwayAndTheOthersMeet) {
  const collUniqueId id = make_id();
  collUniqueId forged = id;
  tcp::UniqueId parsed{};
  std::memcpy(&parsed, forged.internal, sizeof parsed);
  parsed.secret[31] = static_cast<uint8_t>(parsed.secret[31] ^ 1);
  std::memcpy(forged.internal, &parsed, sizeof parsed);
  std::unique_ptr<Bootstrap> bootstrap;
  const Status status = tcp::join(forged, 2, 0, in_ms(5000), &bootstrap);
  EXPECT_EQ(status.code(), collRemoteError) << status.message();
  run_ranks(2, [&](int rank) { join_and_gather(id, 2, rank); });
}

TEST(TcpBootstrap, StrangersDoNoHarm) {
  const collUniqueId id = make_id();
  std::vector<Socket> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(connect_raw(id));
  const Socket noisy = connect_raw(id);
  const std::string garbage(10000, 'G');
  static_cast<void>(send_some(noisy, std::as_bytes(std::span(garbage))));
  const Socket half = connect_raw(id);
  static_cast<void>(send_some(half, std::as_bytes(std::span(garbage)).first(10)));
  run_ranks(3, [&](int rank) { join_and_gather(id, 3, rank); });
  // The noisy one was thrown out.
  std::byte nothing[1];
  EXPECT_EQ(receive_all(noisy, nothing, in_ms(5000)).code(), collRemoteError);
}

TEST(TcpBootstrap, RanksThatDisagreeAboutTheSizeAllHearOfIt) {
  const collUniqueId id = make_id();
  run_ranks(3, [&](int rank) {
    std::unique_ptr<Bootstrap> bootstrap;
    if (rank == 2) std::this_thread::sleep_for(milliseconds(200));
    const Status status = tcp::join(id, rank == 2 ? 4 : 3, rank, in_ms(20000), &bootstrap);
    EXPECT_EQ(status.code(), collInvalidUsage) << status.message();
    expect_part(status.message(), "rank 2 says 4 ranks");
    expect_part(status.message(), "says 3");
  });
}

TEST(TcpBootstrap, SecondRankOfTheSameNumberIsRefused) {
  const collUniqueId id = make_id();
  run_ranks(3, [&](int thread) {
    if (thread < 2) {
      if (thread == 1) std::this_thread::sleep_for(milliseconds(500));
      join_and_gather(id, 2, thread);
      return;
    }
    std::this_thread::sleep_for(milliseconds(200));
    std::unique_ptr<Bootstrap> bootstrap;
    const Status status = tcp::join(id, 2, 0, in_ms(20000), &bootstrap);
    EXPECT_EQ(status.code(), collInvalidUsage);
    expect_part(status.message(), "rank 0 has already joined");
  });
}

TEST(TcpBootstrap, MeetingPointThatIsGoneIsATimeOut) {
  collUniqueId id{};
  {
    Address address{};
    Socket listener;
    ASSERT_TRUE(interface_address("lo", &address).ok());
    ASSERT_TRUE(listen_on(&address, &listener).ok());
    tcp::UniqueId made{};
    made.magic = tcp::kMagic;
    made.version = tcp::kVersion;
    made.address = address;
    std::memcpy(id.internal, &made, sizeof made);
  }
  std::unique_ptr<Bootstrap> bootstrap;
  const Status status = tcp::join(id, 2, 1, in_ms(200), &bootstrap);
  EXPECT_EQ(status.code(), collTimeout);
  expect_part(status.message(), "127.0.0.1:");
}

TEST(TcpBootstrap, BadArgumentsAreNamed) {
  std::unique_ptr<Bootstrap> bootstrap;
  const collUniqueId zeros{};
  EXPECT_EQ(tcp::join(zeros, 2, 0, in_ms(1000), &bootstrap).code(), collInvalidArgument);
  const collUniqueId id = make_id(1000);
  EXPECT_EQ(tcp::join(id, 2, 2, in_ms(1000), &bootstrap).code(), collInvalidArgument);
  EXPECT_EQ(tcp::join(id, 0, 0, in_ms(1000), &bootstrap).code(), collInvalidArgument);
  collUniqueId unused{};
  const Status status = tcp::make_unique_id("nosuch0", 1000, &unused);
  EXPECT_EQ(status.code(), collInvalidArgument);
  expect_part(status.message(), "nosuch0");
  expect_part(status.message(), "lo");
}

TEST(TcpBootstrap, IdsDiffer) {
  const collUniqueId a = make_id(100);
  const collUniqueId b = make_id(100);
  EXPECT_NE(std::memcmp(a.internal, b.internal, sizeof a.internal), 0);
}

}  // namespace

}  // namespace coll::test
