// Every collective on device buffers, with ranks as processes: its bytes are those of the same call on host memory, as
// the ranks open each other's memory, and where some of them call with the host's.
#include <gtest/gtest.h>
#include <mpi.h>

#include <memory>
#include <optional>

#include "coll/coll.h"
#include "runtime/call.hpp"
#include "tests/support/device_buffer.hpp"
#include "tests/unit/collectives/shapes.hpp"

namespace coll::test {

namespace {

constexpr size_t kCount = 100'003;          // elements of a block; a byte each is more than what is staged
constexpr size_t kOfLentBuffers = 600'016;  // floats in memory of collMemAllocDevice() that peers read
constexpr int kRoot = 0;

enum class Where { kHost, kDevice, kBoth };  // kBoth: odd ranks' buffers are the host's

struct Case {
  collFunc_t func;
  DataType type = collFloat32;
  RedOp op = collSum;
  size_t count = kCount;
};

// What the library makes of it.
Call call_of(const Case& c) {
  Call call{static_cast<Function>(c.func)};
  call.count = c.count;
  call.type = c.type;
  return call;
}
bool receives(collFunc_t func, int rank) { return rank == kRoot || (func != collFuncReduce && func != collFuncGather); }

collResult_t call(const Case& c, const void* send, void* recv, collComm_t comm, collStream_t stream) {
  switch (c.func) {
    case collFuncAllReduce:
      return collAllReduce(send, recv, c.count, c.type, c.op, comm, stream);
    case collFuncReduceScatter:
      return collReduceScatter(send, recv, c.count, c.type, c.op, comm, stream);
    case collFuncAllGather:
      return collAllGather(send, recv, c.count, c.type, comm, stream);
    case collFuncBroadcast:
      return collBroadcast(send, recv, c.count, c.type, kRoot, comm, stream);
    case collFuncReduce:
      return collReduce(send, recv, c.count, c.type, c.op, kRoot, comm, stream);
    case collFuncAlltoAll:
      return collAlltoAll(send, recv, c.count, c.type, comm, stream);
    case collFuncGather:
      return collGather(send, recv, c.count, c.type, kRoot, comm, stream);
    default:
      return collScatter(send, recv, c.count, c.type, kRoot, comm, stream);
  }
}

class DeviceCollectives : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &nranks_);
    collUniqueId id;
    ASSERT_EQ(rank_ == 0 ? collGetUniqueId(&id) : collSuccess, collSuccess);
    MPI_Bcast(&id, sizeof id, MPI_BYTE, 0, MPI_COMM_WORLD);
    collConfig_t config = COLL_CONFIG_INITIALIZER;
    config.codec = GetParam();
    ASSERT_EQ(collCommInitRankConfig(&comm_, nranks_, id, rank_, &config), collSuccess) << collGetLastError(nullptr);
    stream_.emplace(devices_of_process());
  }
  void TearDown() override { EXPECT_EQ(collCommDestroy(comm_), collSuccess) << collGetLastError(nullptr); }

  bool is_exact() const { return std::string_view(GetParam()) == "none"; }
  // Other calls of the communicator are exact, with any codec.
  bool is_new(const Case& c) const {
    const bool coded = c.func <= collFuncAllGather && info(c.type).is_float && (c.op == collSum || c.op == collAvg);
    return is_exact() || coded;
  }
  Bytes input(const Case& c) const {
    return make_input(c.type, {c.op == collProd, false}, input_count(call_of(c), nranks_), rank_, nranks_);
  }

  // Once more on the stream, to its end.
  void run_on_stream(const Case& c, const void* send, void* recv) const {
    ASSERT_EQ(call(c, send, recv, comm_, stream_->get()), collSuccess) << collGetLastError(comm_);
    const Status end = stream_->synchronize();
    ASSERT_TRUE(end.ok()) << end.message();
    collResult_t state = collInProgress;
    while (state == collInProgress) ASSERT_EQ(collCommGetAsyncError(comm_, &state), collSuccess);
    ASSERT_EQ(state, collSuccess) << collGetLastError(comm_);
  }
  Bytes result(const Case& c, Where where) const {
    const Bytes send = input(c);
    Bytes recv(output_bytes(call_of(c), nranks_));
    if (where == Where::kHost || (where == Where::kBoth && rank_ % 2 == 1)) {
      EXPECT_EQ(call(c, send.data(), recv.data(), comm_, nullptr), collSuccess) << collGetLastError(comm_);
      return recv;
    }
    DeviceBuffer from(devices_of_process(), send.size()), to(devices_of_process(), recv.size());
    from.put(send.data(), send.size());
    to.put(recv.data(), recv.size());
    run_on_stream(c, from.data(), to.data());
    return to.get();
  }
  // The first of several calls tells of memory, the next ones open it.
  void expect_the_hosts_bytes(const Case& c) const {
    if (!is_new(c)) return;
    const Bytes due = result(c, Where::kHost);
    for (const Where where : {Where::kDevice, Where::kDevice, Where::kBoth, Where::kDevice}) {
      const bool same = result(c, where) == due;
      EXPECT_TRUE(same || !receives(c.func, rank_))
          << "collFunc_t " << c.func << " " << info(c.type).name << " " << name(c.op)
          << (where == Where::kBoth ? ", some on the host" : "");
    }
  }

  const TestDevices devices_;
  std::optional<DeviceStream> stream_;
  collComm_t comm_ = nullptr;
  int rank_ = 0;
  int nranks_ = 1;
};

TEST_P(DeviceCollectives, MakeTheHostsBytesOfEveryType) {
  for (const collFunc_t func : shapes::kFuncs) {
    for (int type = 0; type < collNumTypes; ++type) expect_the_hosts_bytes({func, static_cast<DataType>(type)});
  }
  size_t device_bytes = 0;
  ASSERT_EQ(collCommMemUsage(comm_, nullptr, &device_bytes), collSuccess) << collGetLastError(comm_);
  EXPECT_GT(device_bytes, 0U) << "calls ran on the device";
}

TEST_P(DeviceCollectives, MakeTheHostsBytesOfEveryOperator) {
  for (const DataType type : {collFloat32, collBfloat16, collInt32}) {
    for (const RedOp op : {collProd, collMax, collMin, collAvg}) {
      expect_the_hosts_bytes({collFuncAllReduce, type, op});
      expect_the_hosts_bytes({collFuncReduceScatter, type, op});
    }
  }
}

TEST_P(DeviceCollectives, MakeTheHostsBytesInMemoryThatPeersRead) {
  const Case c{collFuncAllReduce, collFloat32, collSum, kOfLentBuffers};
  const Bytes due = result(c, Where::kHost), mine = input(c);
  const DeviceOperations& device = devices_of_process();
  int current = 0;
  ASSERT_TRUE(device.current(&current).ok());
  void* memory = nullptr;
  ASSERT_EQ(collMemAllocDevice(&memory, 2 * mine.size(), current), collSuccess) << collGetLastError(nullptr);
  std::byte* const send = static_cast<std::byte*>(memory);
  std::byte* const recv = send + mine.size();
  DeviceBuffer buffer(device, mine.size());
  for (int turn = 0; turn < 3; ++turn) {
    buffer.put(mine.data(), mine.size());
    ASSERT_TRUE(device.copy(send, buffer.data(), mine.size(), stream_->get()).ok());
    ASSERT_TRUE(device.zero(recv, mine.size(), stream_->get()).ok());
    run_on_stream(c, send, recv);
    ASSERT_TRUE(device.copy(buffer.data(), recv, mine.size(), stream_->get()).ok());
    ASSERT_TRUE(stream_->synchronize().ok());
    EXPECT_TRUE(buffer.get() == due) << turn;
  }
  EXPECT_EQ(collMemFree(memory), collSuccess);
}

INSTANTIATE_TEST_SUITE_P(Codecs, DeviceCollectives,
                         testing::Values("none", "fp16", "bf16", "fp8e4m3", "fp8e5m2", "int8", "int6", "int4",
                                         "int8:block=4096"),
                         [](const auto& codec) {
                           std::string name = codec.param;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           return name;
                         });

}  // namespace

}  // namespace coll::test
