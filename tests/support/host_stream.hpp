// A host stream of the C API as an object; one that is destroyed has to have done all its work without a failure.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "coll/coll.h"

namespace coll::test {

class HostStream {
 public:
  HostStream() { EXPECT_EQ(collStreamCreate(&handle_), collSuccess); }
  ~HostStream() {
    if (handle_ == nullptr) return;
    EXPECT_EQ(collStreamDestroy(handle_), collSuccess);
  }
  HostStream(const HostStream&) = delete;
  HostStream& operator=(const HostStream&) = delete;
  collStream_t get() const { return handle_; }
  collStream_t release() { return std::exchange(handle_, nullptr); }

 private:
  collStream_t handle_ = nullptr;
};

}  // namespace coll::test
