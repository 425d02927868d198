// A tool that defines the library's functions sees the program's calls and hands them on to the twins.
#include <gtest/gtest.h>

#include "coll/coll_profile.h"

namespace {

int reductions = 0;
int versions = 0;

}  // namespace

extern "C" {

collResult_t collAllReduce(const void* send, void* recv, size_t count, collDataType_t type, collRedOp_t op,
                           collComm_t comm, collStream_t stream) {
  ++reductions;
  return pcollAllReduce(send, recv, count, type, op, comm, stream);
}

collResult_t collGetVersion(int* version) {
  ++versions;
  return pcollGetVersion(version);
}
}

namespace {

TEST(Profiling, TheToolStandsBetween) {
  int version = 0;
  EXPECT_EQ(collGetVersion(&version), collSuccess);
  EXPECT_EQ(version, COLL_VERSION_CODE);
  EXPECT_EQ(versions, 1);
  collUniqueId id;
  collComm_t comm = nullptr;
  ASSERT_EQ(collGetUniqueId(&id), collSuccess);
  ASSERT_EQ(collCommInitRank(&comm, 1, id, 0), collSuccess);
  float x = 3;
  EXPECT_EQ(collAllReduce(&x, &x, 1, collFloat32, collSum, comm, nullptr), collSuccess);
  EXPECT_EQ(reductions, 1);
  EXPECT_EQ(pcollAllReduce(&x, &x, 1, collFloat32, collSum, comm, nullptr), collSuccess);
  EXPECT_EQ(reductions, 1) << "the twin goes past the tool";
  EXPECT_EQ(pcollCommDestroy(comm), collSuccess);
}

}  // namespace
