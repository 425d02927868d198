// Collectives on memory that collMemAllocDevice() gave, with numbers of which tests know what they come to.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "tests/support/device_calls.hpp"

namespace coll::test {

inline constexpr size_t kCount = size_t{1} << 18;  // floats of a block
using Floats = std::vector<float>;

inline Floats read(AsyncDevice& device, const float* at, size_t count) {
  Floats values(count);
  device.download(values.data(), at, count * sizeof(float));
  return values;
}

// The program's memory, by the library.
class Given {
 public:
  Given(AsyncDevice* device, size_t count) : device_(device), count_(count) {
    void* memory = nullptr;
    EXPECT_EQ(collMemAllocDevice(&memory, count * sizeof(float), 0), collSuccess) << collGetLastError(nullptr);
    at_ = static_cast<float*>(memory);
  }
  ~Given() { EXPECT_EQ(collMemFree(at_), collSuccess); }
  Given(const Given&) = delete;
  Given& operator=(const Given&) = delete;

  float* at() const { return at_; }
  void put(const Floats& values) { device_->upload(at_, values.data(), values.size() * sizeof(float)); }
  Floats get() const { return read(*device_, at_, count_); }

 private:
  AsyncDevice* device_;
  size_t count_;
  float* at_ = nullptr;
};

// Small integers, so that sums are exact in any order.
inline Floats numbers(size_t count, int rank, int turn) {
  Floats values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>((i * 7 + i / 1000 + 13 * rank + 5 * turn) % 64);
  return values;
}

inline Floats sum_of_all(size_t count, int nranks, int turn) {
  Floats sum(count);
  for (int rank = 0; rank < nranks; ++rank) {
    const Floats one = numbers(count, rank, turn);
    for (size_t i = 0; i < count; ++i) sum[i] += one[i];
  }
  return sum;
}

inline Floats block_of(const Floats& all, int block) {
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(block) * kCount);
  return {begin, begin + static_cast<std::ptrdiff_t>(kCount)};
}

struct Function {
  const char* name;
  int sends, receives;  // floats in each buffer: so many blocks; 0: one for each rank
  bool in_place;        // may be: one buffer, of which the shorter one is the rank's own block
  std::function<collResult_t(const float* send, float* recv, collComm_t comm, collStream_t stream)> call;
  std::function<Floats(int rank, int nranks, int turn)> due;  // what is received; nothing: not looked at
};

inline constexpr int kRoot = 1;
inline size_t blocks_of(int blocks, int nranks) { return static_cast<size_t>(blocks == 0 ? nranks : blocks); }

inline const std::array<Function, 6> kFunctions = {{
    {"allreduce", 4, 4, true,
     [](const float* send, float* recv, collComm_t comm, collStream_t stream) {
       return collAllReduce(send, recv, 4 * kCount, collFloat32, collSum, comm, stream);
     },
     [](int, int nranks, int turn) { return sum_of_all(4 * kCount, nranks, turn); }},
    {"reduce-scatter", 0, 1, true,
     [](const float* send, float* recv, collComm_t comm, collStream_t stream) {
       return collReduceScatter(send, recv, kCount, collFloat32, collSum, comm, stream);
     },
     [](int rank, int nranks, int turn) {
       return block_of(sum_of_all(blocks_of(0, nranks) * kCount, nranks, turn), rank);
     }},
    {"allgather", 1, 0, true,
     [](const float* send, float* recv, collComm_t comm, collStream_t stream) {
       return collAllGather(send, recv, kCount, collFloat32, comm, stream);
     },
     [](int, int nranks, int turn) {
       Floats all;
       for (int rank = 0; rank < nranks; ++rank) {
         const Floats one = numbers(kCount, rank, turn);
         all.insert(all.end(), one.begin(), one.end());
       }
       return all;
     }},
    {"broadcast", 4, 4, true,
     [](const float* send, float* recv, collComm_t comm, collStream_t stream) {
       return collBroadcast(send, recv, 4 * kCount, collFloat32, kRoot, comm, stream);
     },
     [](int, int, int turn) { return numbers(4 * kCount, kRoot, turn); }},
    {"reduce", 4, 4, true,
     [](const float* send, float* recv, collComm_t comm, collStream_t stream) {
       return collReduce(send, recv, 4 * kCount, collFloat32, collSum, kRoot, comm, stream);
     },
     [](int rank, int nranks, int turn) { return rank == kRoot ? sum_of_all(4 * kCount, nranks, turn) : Floats(); }},
    {"alltoall", 0, 0, false,
     [](const float* send, float* recv, collComm_t comm, collStream_t stream) {
       return collAlltoAll(send, recv, kCount, collFloat32, comm, stream);
     },
     [](int rank, int nranks, int turn) {
       Floats all;
       for (int from = 0; from < nranks; ++from) {
         const Floats one = block_of(numbers(blocks_of(0, nranks) * kCount, from, turn), rank);
         all.insert(all.end(), one.begin(), one.end());
       }
       return all;
     }},
}};

}  // namespace coll::test
