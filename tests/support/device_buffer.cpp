#include "tests/support/device_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace coll::test {

namespace {

void expect_ok(const Status& status) { EXPECT_TRUE(status.ok()) << status.message(); }

}  // namespace

DeviceBuffer::DeviceBuffer(const DeviceOperations& operations, size_t bytes) : operations_(operations), bytes_(bytes) {
  void* memory = nullptr;
  void* pinned = nullptr;
  expect_ok(operations_.allocate(std::max<size_t>(bytes, 1), &memory));
  expect_ok(operations_.allocate_pinned(std::max<size_t>(bytes, 1), &pinned));
  expect_ok(operations_.make_stream(&stream_));
  memory_ = static_cast<std::byte*>(memory);
  pinned_ = static_cast<std::byte*>(pinned);
}

DeviceBuffer::~DeviceBuffer() {
  expect_ok(operations_.drop_stream(stream_));
  expect_ok(operations_.release_pinned(pinned_));
  expect_ok(operations_.release(memory_));
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
