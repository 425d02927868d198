// Exact and compressed sums through the installed library, checked on every rank.
#include <coll/coll_mpi.h>

#include <cmath>
#include <cstdio>
#include <vector>

namespace {

bool works(collResult_t result, const char* what) {
  if (result != collSuccess) std::fprintf(stderr, "%s: %s\n", what, collGetLastError(nullptr));
  return result == collSuccess;
}

// Whether every element of `got` is within `bound` of nranks * its value in the input.
bool sums_right(const std::vector<float>& got, const std::vector<float>& in, int nranks, double bound) {
  for (size_t i = 0; i < got.size(); i++) {
    if (!(std::fabs(got[i] - static_cast<double>(in[i]) * nranks) <= bound)) {
      std::fprintf(stderr, "element %zu is %g\n", i, got[i]);
      return false;
    }
  }
  return true;
}

bool run() {
  collComm_t comm = nullptr;
  collCodec_t codec = nullptr;
  int nranks = 0;
  if (!works(collCommInitMPI(&comm, MPI_COMM_WORLD, nullptr), "collCommInitMPI")) return false;
  bool ok =
      works(collCommCount(comm, &nranks), "collCommCount") && works(collCodecCreate(&codec, "bf16"), "collCodecCreate");

  std::vector<float> in(10007), out(in.size());
  for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<float>(i % 256);
  ok = ok &&
       works(collAllReduce(in.data(), out.data(), in.size(), collFloat32, collSum, comm, nullptr), "collAllReduce") &&
       sums_right(out, in, nranks, 0.0);
  ok = ok &&
       works(collAllReduceCompressed(in.data(), out.data(), in.size(), collFloat32, collSum, codec, comm, nullptr),
             "collAllReduceCompressed") &&
       sums_right(out, in, nranks, 255.0 * nranks / 128);
  return works(collCodecDestroy(codec), "collCodecDestroy") && works(collCommDestroy(comm), "collCommDestroy") && ok;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const bool ok = run();
  if (!ok) MPI_Abort(MPI_COMM_WORLD, 1);
  MPI_Finalize();
  return 0;
}
