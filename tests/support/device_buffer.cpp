#include "tests/support/device_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>

namespace coll::test {

namespace {

struct Stored {
  void* memory = nullptr;
  void* pinned = nullptr;
};

std::mutex mutex;
std::multimap<size_t, Stored> store;                   // by size
std::map<int, std::unique_ptr<DeviceStream>> streams;  // by rank

constexpr int kOfCopies = -1;  // of all buffers: a device has few queues for streams

size_t stored_size(size_t bytes) { return std::bit_ceil(std::max<size_t>(bytes, 256)); }

void expect_ok(const Status& status) { EXPECT_TRUE(status.ok()) << status.message(); }

}  // namespace

TestDevices::TestDevices() { process_->replace_devices(device_port_of_tests()); }

TestDevices::~TestDevices() {
  {
    const std::lock_guard lock(mutex);
    streams.clear();
  }
  DeviceBuffer::empty_store(devices_of_process());
  process_->replace_devices(std::make_unique<DevicePort>());
}

const DeviceStream& stream_of_rank(int rank) {
  const std::lock_guard lock(mutex);
  std::unique_ptr<DeviceStream>& stream = streams[rank];
  if (!stream) stream = std::make_unique<DeviceStream>(devices_of_process());
  return *stream;
}

DeviceBuffer::DeviceBuffer(const DeviceOperations& operations, size_t bytes) : operations_(operations), bytes_(bytes) {
  Stored got;
  {
    const std::lock_guard lock(mutex);
    if (const auto found = store.find(stored_size(bytes)); found != store.end()) {
      got = found->second;
      store.erase(found);
    }
  }
  if (got.memory == nullptr) {
    expect_ok(operations_.allocate(stored_size(bytes), &got.memory));
    expect_ok(operations_.allocate_pinned(stored_size(bytes), &got.pinned));
  }
  memory_ = static_cast<std::byte*>(got.memory);
  pinned_ = static_cast<std::byte*>(got.pinned);
  stream_ = stream_of_rank(kOfCopies).get();
}

DeviceBuffer::~DeviceBuffer() {
  const std::lock_guard lock(mutex);
  store.insert({stored_size(bytes_), {memory_, pinned_}});
}

void DeviceBuffer::empty_store(const DeviceOperations& operations) {
  const std::lock_guard lock(mutex);
  for (const auto& [size, each] : store) {
    expect_ok(operations.release_pinned(each.pinned));
    expect_ok(operations.release(each.memory));
  }
  store.clear();
}

void DeviceBuffer::put(const std::byte* from, size_t bytes, size_t offset) {
  std::copy_n(from, bytes, pinned_);
  expect_ok(operations_.copy(memory_ + offset, pinned_, bytes, stream_));
  expect_ok(operations_.synchronize(stream_));
}

Bytes DeviceBuffer::get(size_t offset, size_t bytes) const {
  expect_ok(operations_.copy(pinned_, memory_ + offset, bytes, stream_));
  expect_ok(operations_.synchronize(stream_));
  return Bytes(pinned_, pinned_ + bytes);
}

DeviceStream::DeviceStream(const DeviceOperations& operations) : operations_(operations) {
  expect_ok(operations_.make_stream(&stream_));
}

DeviceStream::~DeviceStream() { expect_ok(operations_.drop_stream(stream_)); }

}  // namespace coll::test
