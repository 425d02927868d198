// Every collective over MPI, shared memory and both: results within the bound of a float64 reference, the same bits on
// every rank, in place and not, for every type and operator.
#include <chrono>
#include <cmath>
#include <cstring>

#include "tests/mpi/world.hpp"
#include "tests/support/elements.hpp"

namespace coll::test {

namespace {

// Where ranks are, and what carries their messages.
struct Setting {
  const char* name;
  const char* transport;
  int ranks_per_node;  // 0: the machine as it is; -1: rank 0 alone, the others together
};

void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

std::string node_of(const Setting& setting, int rank) {
  if (setting.ranks_per_node == 0) return "";
  if (setting.ranks_per_node < 0) return rank == 0 ? "first" : "others";
  return "node" + std::to_string(rank / setting.ranks_per_node);
}

size_t times(int n, size_t count) { return static_cast<size_t>(n) * count; }

// What `count` elements from element `begin` of every rank's input give when they are reduced in float64, with the
// error that the type allows.
struct Reference {
  std::vector<double> values;
  std::vector<double> errors;
};

struct Reduction {
  DataType type;
  RedOp op;
  Pattern pattern;
  size_t input_count;
};

double combine(RedOp op, double a, double b) {
  if (op == collMax) return std::max(a, b);
  if (op == collMin) return std::min(a, b);
  return op == collProd ? a * b : a + b;
}

Reference reduce_floats(const Reduction& r, int nranks, size_t begin, size_t count) {
  Reference reference{std::vector<double>(count), std::vector<double>(count)};
  std::vector<double> magnitudes(count);
  for (int rank = 0; rank < nranks; ++rank) {
    const Bytes input = make_input(r.type, r.pattern, r.input_count, rank, nranks);
    const auto x = to_doubles(r.type, input.data() + begin * size_of(r.type), count);
    for (size_t i = 0; i < count; ++i) {
      reference.values[i] = rank == 0 ? x[i] : combine(r.op, reference.values[i], x[i]);
      magnitudes[i] += std::abs(x[i]);
    }
  }
  const double accumulated = float_facts(accumulator_of(r.type)).roundoff * (nranks + 1);
  const FloatFacts& facts = float_facts(r.type);
  for (size_t i = 0; i < count; ++i) {
    double& value = reference.values[i];
    if (r.op == collAvg) value /= nranks;
    const double scale = r.op == collProd ? std::abs(value) : magnitudes[i];
    reference.errors[i] = accumulated * scale + facts.roundoff * std::abs(value) + facts.smallest;
    if (r.op == collMax || r.op == collMin) reference.errors[i] = 0;
  }
  return reference;
}

// Integers wrap: the reference is computed in 64 bits and cut to the type.
Bytes reduce_integers(const Reduction& r, int nranks, size_t begin, size_t count) {
  std::vector<int64_t> result(count);
  for (int rank = 0; rank < nranks; ++rank) {
    const Bytes input = make_input(r.type, r.pattern, r.input_count, rank, nranks);
    const auto x = to_integers(r.type, input.data() + begin * size_of(r.type), count);
    const bool is_unsigned = r.type == collUint64;
    for (size_t i = 0; i < count; ++i) {
      const auto a = static_cast<uint64_t>(result[i]), b = static_cast<uint64_t>(x[i]);
      const bool less = is_unsigned ? a < b : result[i] < x[i];
      uint64_t next = r.op == collProd ? a * b : a + b;
      if (r.op == collMax) next = less ? b : a;
      if (r.op == collMin) next = less ? a : b;
      result[i] = rank == 0 ? x[i] : static_cast<int64_t>(next);
    }
  }
  return from_integers(r.type, result);
}

void expect_reduced(const Reduction& r, int nranks, size_t begin, const Bytes& got) {
  const size_t count = got.size() / size_of(r.type);
  if (!info(r.type).is_float) {
    EXPECT_TRUE(got == reduce_integers(r, nranks, begin, count)) << info(r.type).name;
    return;
  }
  const Reference reference = reduce_floats(r, nranks, begin, count);
  const auto values = to_doubles(r.type, got.data(), count);
  for (size_t i = 0; i < count; ++i) {
    if (std::abs(values[i] - reference.values[i]) <= reference.errors[i]) continue;
    ADD_FAILURE() << info(r.type).name << " " << name(r.op) << " of " << r.input_count << ": element " << begin + i
                  << " is " << values[i] << ", not " << reference.values[i] << " +- " << reference.errors[i];
    return;
  }
}

class Collectives : public testing::TestWithParam<Setting> {
 protected:
  Collectives()
      : transport_("COLL_TRANSPORT", GetParam().transport),
        host_id_("COLL_HOST_ID", node_of(GetParam(), world_.rank)),
        comm_(MPI_COMM_WORLD) {}

  void SetUp() override { ASSERT_TRUE(comm_); }

  Bytes input(DataType type, size_t count, Pattern pattern = {}) const {
    return make_input(type, pattern, count, world_.rank, world_.size);
  }
  std::vector<size_t> counts() const {
    const auto n = static_cast<size_t>(world_.size);
    return {0, 1, n - 1, n, n + 1, 1009, 30011};
  }
  void all_reduce(const Reduction& r, bool in_place) const {
    const Bytes mine = input(r.type, r.input_count, r.pattern);
    Bytes result = in_place ? mine : Bytes(mine.size());
    const void* send = in_place ? result.data() : mine.data();
    ASSERT_EQ(collAllReduce(send, result.data(), r.input_count, r.type, r.op, comm_.get(), nullptr), collSuccess)
        << collGetLastError(comm_.get());
    expect_reduced(r, world_.size, 0, result);
    EXPECT_TRUE(same_on_all_ranks(result.data(), result.size(), MPI_COMM_WORLD)) << info(r.type).name;
  }
  void reduce_scatter(DataType type, size_t count, bool in_place) const {
    Bytes mine = input(type, times(world_.size, count));
    Bytes result(count * size_of(type));
    const size_t own = times(world_.rank, count);
    void* recv = in_place ? mine.data() + own * size_of(type) : result.data();
    ASSERT_EQ(collReduceScatter(mine.data(), recv, count, type, collSum, comm_.get(), nullptr), collSuccess)
        << collGetLastError(comm_.get());
    if (in_place && count > 0) std::memcpy(result.data(), recv, result.size());
    expect_reduced({type, collSum, Pattern{}, times(world_.size, count)}, world_.size, own, result);
  }
  void all_gather(DataType type, size_t count, bool in_place) const {
    const Bytes mine = input(type, count);
    Bytes all(static_cast<size_t>(world_.size) * mine.size());
    std::byte* own = all.data() + static_cast<size_t>(world_.rank) * mine.size();
    if (in_place && count > 0) std::memcpy(own, mine.data(), mine.size());
    ASSERT_EQ(collAllGather(in_place ? own : mine.data(), all.data(), count, type, comm_.get(), nullptr), collSuccess)
        << collGetLastError(comm_.get());
    for (int rank = 0; rank < world_.size && count > 0; ++rank) {
      const Bytes theirs = make_input(type, Pattern{}, count, rank, world_.size);
      EXPECT_EQ(std::memcmp(all.data() + static_cast<size_t>(rank) * mine.size(), theirs.data(), theirs.size()), 0)
          << rank;
    }
  }
  void broadcast(DataType type, size_t count, int root) const {
    const Bytes mine = input(type, count);
    Bytes result(mine.size());
    const void* send = world_.rank == root ? mine.data() : nullptr;
    ASSERT_EQ(collBroadcast(send, result.data(), count, type, root, comm_.get(), nullptr), collSuccess)
        << collGetLastError(comm_.get());
    EXPECT_TRUE(result == make_input(type, Pattern{}, count, root, world_.size)) << count << " from " << root;
  }

  MpiWorld world_;
  ScopedVariable transport_;
  ScopedVariable host_id_;
  Comm comm_;
};

// What the ranks use where they do not share memory.
std::string far_transport() {
#ifdef COLL_HAS_UCX
  return std::string_view(Collectives::GetParam().transport) == "mpi" ? "mpi" : "ucx";
#else
  return "mpi";
#endif
}

TEST_P(Collectives, UseTheTransportsThatReachTheRanks) {
  bool near = false, far = false;
  for (int rank = 0; rank < world_.size; ++rank) {
    if (rank == world_.rank) continue;
    const bool shared =
        node_of(GetParam(), rank) == node_of(GetParam(), world_.rank) && GetParam().transport[0] == '\0';
    (shared ? near : far) = true;
  }
  const std::string used = transports_of(comm_.get());
  EXPECT_EQ(used.find("shm") != std::string::npos, near) << used;
  EXPECT_EQ(used.find(far_transport()) != std::string::npos, far) << used;
}

TEST_P(Collectives, AllReduceOfEveryTypeAndOperator) {
  for (int type = 0; type < collNumTypes; ++type) {
    for (int op = 0; op < collNumOps; ++op) {
      const bool integer_average = op == collAvg && !info(static_cast<DataType>(type)).is_float;
      if (integer_average) continue;  // its rounding is the conformance suite's
      const Pattern pattern = op == collProd ? Pattern{.near_one = true} : Pattern{};
      all_reduce({static_cast<DataType>(type), static_cast<RedOp>(op), pattern, 1009}, op % 2 == 0);
    }
  }
}

TEST_P(Collectives, AllReduceOfEveryCount) {
  for (const size_t count : counts()) {
    for (const bool in_place : {false, true}) all_reduce({collFloat32, collSum, Pattern{}, count}, in_place);
  }
  if (world_.size <= 4) all_reduce({collFloat32, collSum, Pattern{}, (size_t{1} << 20) + 3}, true);
}

TEST_P(Collectives, ReduceScatter) {
  for (const size_t count : counts()) {
    for (const bool in_place : {false, true}) reduce_scatter(collFloat32, std::min<size_t>(count, 5003), in_place);
  }
  for (const DataType type : {collInt8, collInt64, collFloat64, collBfloat16}) reduce_scatter(type, 77, false);
}

TEST_P(Collectives, AllGather) {
  for (const size_t count : counts()) {
    for (const bool in_place : {false, true}) all_gather(collFloat32, std::min<size_t>(count, 5003), in_place);
  }
  for (const DataType type : {collInt8, collInt64, collFloat16}) all_gather(type, 77, false);
}

TEST_P(Collectives, BroadcastFromEveryRoot) {
  for (int root = 0; root < world_.size; ++root) broadcast(collFloat32, 1009, root);
  for (const size_t count : counts()) broadcast(collFloat64, count, world_.size - 1);
  broadcast(collUint8, 3, 0);
}

// Small integers, so that the sum is known.
TEST_P(Collectives, ReduceToEveryRoot) {
  for (const size_t count : counts()) {
    for (int root = 0; root<world_.size; root += count> 2000 ? world_.size : 1) {
      std::vector<int32_t> data(count);
      for (size_t i = 0; i < count; ++i) data[i] = static_cast<int32_t>(i % 1000) * (world_.rank + 1);
      void* recv = world_.rank == root ? data.data() : nullptr;
      ASSERT_EQ(collReduce(data.data(), recv, count, collInt32, collSum, root, comm_.get(), nullptr), collSuccess)
          << collGetLastError(comm_.get());
      const int all = world_.size * (world_.size + 1) / 2;
      const int due = world_.rank == root ? all : world_.rank + 1;
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(data[i], static_cast<int32_t>(i % 1000) * due) << i;
    }
  }
}

// What rank `from` has for rank `to`.
std::vector<int64_t> block_of(int from, int to, size_t count) {
  std::vector<int64_t> block(count);
  for (size_t i = 0; i < count; ++i) block[i] = from * 1000003 + to * 1009 + static_cast<int64_t>(i);
  return block;
}

// The blocks of `from` for all ranks, or those of all ranks for `to`.
template <typename Block>
std::vector<int64_t> blocks(int nranks, const Block& block) {
  std::vector<int64_t> all;
  for (int rank = 0; rank < nranks; ++rank) {
    const std::vector<int64_t> each = block(rank);
    all.insert(all.end(), each.begin(), each.end());
  }
  return all;
}

TEST_P(Collectives, GatherScatterAlltoAllAndSends) {
  const int n = world_.size, me = world_.rank, root = n - 1;
  const collComm_t comm = comm_.get();
  for (const size_t count : {size_t{0}, size_t{1}, size_t{7}, size_t{1013}, size_t{20011}}) {
    const auto for_all = blocks(n, [&](int to) { return block_of(me, to, count); });
    const auto from_all = blocks(n, [&](int from) { return block_of(from, me, count); });
    std::vector<int64_t> got(for_all.size());
    ASSERT_EQ(collAlltoAll(for_all.data(), got.data(), count, collInt64, comm, nullptr), collSuccess)
        << collGetLastError(comm);
    EXPECT_TRUE(got == from_all) << "alltoall " << count;

    const auto mine = block_of(me, root, count);
    std::fill(got.begin(), got.end(), 0);
    ASSERT_EQ(collGather(mine.data(), me == root ? got.data() : nullptr, count, collInt64, root, comm, nullptr),
              collSuccess);
    EXPECT_TRUE(me != root || got == from_all) << "gather " << count;

    std::vector<int64_t> block(count);
    ASSERT_EQ(collScatter(me == root ? for_all.data() : nullptr, block.data(), count, collInt64, root, comm, nullptr),
              collSuccess);
    EXPECT_TRUE(block == block_of(root, me, count)) << "scatter " << count;

    std::fill(got.begin(), got.end(), 0);
    ASSERT_EQ(collGroupStart(), collSuccess);
    for (int peer = 0; peer < n; ++peer) {
      const size_t at = static_cast<size_t>(peer) * count;
      ASSERT_EQ(collSend(for_all.data() + at, count, collInt64, peer, comm, nullptr), collSuccess);
      ASSERT_EQ(collRecv(got.data() + at, count, collInt64, peer, comm, nullptr), collSuccess);
    }
    ASSERT_EQ(collGroupEnd(), collSuccess) << collGetLastError(comm);
    EXPECT_TRUE(got == from_all) << "sends " << count;
  }
}

TEST_P(Collectives, Split) {
  collComm_t part = nullptr;
  ASSERT_EQ(collCommSplit(comm_.get(), world_.rank % 2, -world_.rank, &part, nullptr), collSuccess)
      << collGetLastError(nullptr);
  const Comm owned(part);
  int place = -1, members = 0;
  EXPECT_EQ(collCommUserRank(part, &place), collSuccess);
  EXPECT_EQ(collCommCount(part, &members), collSuccess);
  EXPECT_EQ(members, (world_.size + 1 - world_.rank % 2) / 2);
  EXPECT_EQ(place, members - 1 - world_.rank / 2);
  int64_t sum = 1;
  EXPECT_EQ(collAllReduce(&sum, &sum, 1, collInt64, collSum, part, nullptr), collSuccess) << collGetLastError(part);
  EXPECT_EQ(sum, members);
}

TEST_P(Collectives, CompressedAllReduceKeepsItsBoundAndAgrees) {
  constexpr size_t kCount = 10007;
  const Reduction r{collFloat32, collSum, Pattern{}, kCount};
  const Reference exact = reduce_floats(r, world_.size, 0, kCount);
  for (const char* spec : {"none", "bf16", "fp16", "int8", "int4:block=32"}) {
    collCodec_t codec = nullptr;
    ASSERT_EQ(collCodecCreate(&codec, spec), collSuccess) << collGetLastError(nullptr);
    collCodecInfo_t about{};
    about.size = sizeof about;
    EXPECT_EQ(collCodecGetInfo(codec, &about), collSuccess);
    const Bytes mine = input(collFloat32, kCount);
    std::vector<float> result(kCount);
    EXPECT_EQ(
        collAllReduceCompressed(mine.data(), result.data(), kCount, collFloat32, collSum, codec, comm_.get(), nullptr),
        collSuccess)
        << collGetLastError(comm_.get());
    // No element is larger than 4: each of the contributions, and their sum, may be off by the bound of that.
    const double largest = 4.0 * world_.size;
    const double bound = about.bound_value * (largest + largest * (1 + about.bound_value));
    for (size_t i = 0; i < kCount; ++i) {
      EXPECT_NEAR(static_cast<double>(result[i]), exact.values[i], bound + exact.errors[i]) << spec << " " << i;
      if (testing::Test::HasFailure()) break;
    }
    EXPECT_TRUE(same_on_all_ranks(result.data(), kCount * sizeof(float), MPI_COMM_WORLD)) << spec;
    EXPECT_EQ(collCodecDestroy(codec), collSuccess);
  }
}

TEST_P(Collectives, StreamsCompleteInOrder) {
  collStream_t stream = nullptr;
  ASSERT_EQ(collStreamCreate(&stream), collSuccess);
  std::vector<float> values(20000, 1), gathered(3 * static_cast<size_t>(world_.size));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(collAllReduce(values.data(), values.data(), values.size(), collFloat32, collSum, comm_.get(), stream),
              collSuccess);
  }
  EXPECT_EQ(collAllGather(values.data(), gathered.data(), 3, collFloat32, comm_.get(), stream), collSuccess);
  EXPECT_EQ(collBarrier(comm_.get(), stream), collSuccess);
  collResult_t state = collInProgress;
  while (state == collInProgress) state = collStreamQuery(stream);
  EXPECT_EQ(state, collSuccess) << collGetLastError(comm_.get());
  const auto cubed = static_cast<float>(world_.size * world_.size * world_.size);
  for (const float value : values) ASSERT_EQ(value, cubed);
  for (const float value : gathered) ASSERT_EQ(value, cubed);
  EXPECT_EQ(collStreamDestroy(stream), collSuccess);
}

// Seconds on a clock that all ranks of a machine share, as MPI_Wtime need not be.
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

TEST_P(Collectives, BarrierHoldsEverybody) {
  for (int late = 0; late < std::min(world_.size, 3); ++late) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double begin = now();
    double called = begin;
    if (world_.rank == late) {
      while (called - begin < 0.02) called = now();
    }
    EXPECT_EQ(collBarrier(comm_.get(), nullptr), collSuccess);
    const double returned = now();
    double last_call = 0, first_return = 0;
    MPI_Allreduce(&called, &last_call, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    MPI_Allreduce(&returned, &first_return, 1, MPI_DOUBLE, MPI_MIN, MPI_COMM_WORLD);
    EXPECT_GE(first_return, last_call);
  }
}

INSTANTIATE_TEST_SUITE_P(Settings, Collectives,
                         testing::Values(Setting{"Default", "", 0}, Setting{"MpiAlone", "mpi", 0},
                                         Setting{"PairsOnNodes", "", 2}, Setting{"Uneven", "", -1},
                                         Setting{"Apart", "", 1}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace

}  // namespace coll::test
