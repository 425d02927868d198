// A container's small /dev/shm: less is used, with one warning; where even that is too much, another transport takes
// over, or the error says what to do. The file system is made small in a mount namespace of the test's own; where the
// system refuses that, the transport is told that there is no room.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/fault/outcome.hpp"
#include "tests/support/world.hpp"
#include "transport/shm/shm.hpp"

namespace coll::test {

namespace {

constexpr int kRanks = 4;
constexpr size_t kPlenty = size_t{256} << 20;
constexpr size_t kLittle = size_t{1} << 20;  // full rings would take 12 MiB
constexpr size_t kTooLittle = 16 << 10;

// Gives this thread, and those that it starts, a /dev/shm of their own; once.
bool own_namespace() {
  static const bool own = ::unshare(CLONE_NEWNS) == 0 &&
                          ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                          ::mount("none", kShmDirectory, "tmpfs", 0, "size=256m") == 0;
  return own;
}

void set_room(size_t bytes) {
  const std::string size = text("size=", bytes);
  ASSERT_EQ(::mount("none", kShmDirectory, "tmpfs", MS_REMOUNT, size.c_str()), 0);
}

size_t count_of(const std::string& whole, const std::string& part) {
  size_t found = 0;
  for (size_t at = whole.find(part); at != std::string::npos; at = whole.find(part, at + 1)) ++found;
  return found;
}

struct Attempt {
  Status made;
  std::string printed;
  std::vector<std::string_view> transports;
};

// A communicator in a /dev/shm of the given size.
Attempt attempt_in_namespace(size_t room, const char* transports) {
  set_room(room);
  WorldOptions options{.node_of = one_node(kRanks), .shm = true};
  options.edit = [&](int, Config& config) { config.env.transport = transports; };
  testing::internal::CaptureStderr();
  World world(options);
  Attempt attempt{world.created(1), "", {}};
  if (world.ok()) {
    world.run([&](int rank, Communicator&) { EXPECT_EQ(sum_of_ones(world.handle(rank), 100000).code, collSuccess); });
    std::string plan(1 << 16, '\0');
    EXPECT_EQ(collCommQueryPlan(world.handle(0), collFuncAllReduce, 100, collFloat32, nullptr, plan.data(), plan.size(),
                                nullptr),
              collSuccess);
    for (const std::string_view name : {"shm", "inproc"}) {
      if (plan.find(text("\"", name, "\"")) != std::string::npos) attempt.transports.push_back(name);
    }
  }
  attempt.printed = testing::internal::GetCapturedStderr();
  return attempt;
}

// The transport alone, told by its allocation that there is no room.
Attempt attempt_on_transport(size_t room) {
  const auto meeting = std::make_shared<Meeting>(kRanks);
  std::vector<Attempt> attempts(kRanks);
  run_threads(kRanks, [&](int rank) {
    InprocBootstrap bootstrap(meeting, rank);
    ShmOptions options;
    options.rank = rank;
    options.nranks = kRanks;
    options.local_ranks = {0, 1, 2, 3};
    options.allgather = [&](std::span<const std::byte> mine, std::byte* all) {
      return bootstrap.allgather(mine, all, Clock::now() + std::chrono::seconds(30));
    };
    options.allocate = [room](int fd, size_t offset, size_t bytes) {
      if (offset + bytes > room) return ENOSPC;
      return ::posix_fallocate(fd, static_cast<off_t>(offset), static_cast<off_t>(bytes));
    };
    std::unique_ptr<Transport> transport;
    Attempt& attempt = attempts[static_cast<size_t>(rank)];
    attempt.made = make_shm(options, &transport, &attempt.printed);
    if (transport) attempt.transports.push_back(transport->name());
  });
  for (int rank = 2; rank < kRanks; ++rank) attempts[1].printed += attempts[static_cast<size_t>(rank)].printed;
  attempts[1].printed += attempts[0].printed;
  return attempts[1];
}

Attempt attempt(size_t room, const char* transports) {
  return own_namespace() ? attempt_in_namespace(room, transports) : attempt_on_transport(room);
}

using Names = std::vector<std::string_view>;

TEST(SmallShm, PlentyIsUsedWithoutAWord) {
  const Attempt plenty = attempt(kPlenty, "shm");
  EXPECT_TRUE(plenty.made.ok()) << plenty.made.message();
  EXPECT_EQ(plenty.printed, "");
  EXPECT_EQ(plenty.transports, Names{"shm"});
}

TEST(SmallShm, LessIsUsedAndSaidOnce) {
  const Attempt little = attempt(kLittle, "shm");
  EXPECT_TRUE(little.made.ok()) << little.made.message();
  EXPECT_EQ(count_of(little.printed, "is small"), 1u) << little.printed;
  EXPECT_NE(little.printed.find("--shm-size"), std::string::npos) << little.printed;
  EXPECT_EQ(little.transports, Names{"shm"});
}

TEST(SmallShm, TooSmallNamesTheRemedyWhereNothingElseIsAllowed) {
  const Attempt too_little = attempt(kTooLittle, "shm");
  EXPECT_EQ(too_little.made.code(), collSystemError);
  EXPECT_NE(too_little.made.message().find("--shm-size"), std::string::npos) << too_little.made.message();
}

TEST(SmallShm, TooSmallFallsBackToAnotherTransport) {
  if (!own_namespace()) return;  // the transport alone has nothing to fall back to; what it returns is tested above
  const Attempt fallen = attempt_in_namespace(kTooLittle, "");
  EXPECT_TRUE(fallen.made.ok()) << fallen.made.message();
  EXPECT_EQ(count_of(fallen.printed, "shared memory is not used"), 1u) << fallen.printed;
  EXPECT_NE(fallen.printed.find("--shm-size"), std::string::npos) << fallen.printed;
  EXPECT_EQ(fallen.transports, Names{"inproc"});
}

}  // namespace

}  // namespace coll::test
