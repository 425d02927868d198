/* Calls every function of the installed headers and checks what it does, on any number of ranks of one node. C99 and
 * C++ alike; install_test.sh compiles it as both, and a third time with every collX renamed to its twin pcollX. */
#include <coll/coll_mpi.h>
#include <coll/coll_profile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef TWINS
#include "twins.h"
#endif

enum { kCount = 1000, kMaxRanks = 16, kMaxElements = kCount * kMaxRanks };

static int rank, nranks;
static float sent[kMaxElements], got[kMaxElements];

static void check(int ok, const char* what) {
  if (ok) return;
  fprintf(stderr, "rank %d: %s: %s\n", rank, what, collGetLastError(NULL));
  MPI_Abort(MPI_COMM_WORLD, 1);
}
#define TRY(call) check((call) == collSuccess, #call)
#define CHECK(condition) check((condition), #condition)

/* Element i of rank r's data; sums of them are exact in float. */
static float element(int r, int i) { return (float)(r + i % 100); }

static void fill(int elements) {
  for (int i = 0; i < elements; i++) {
    sent[i] = element(rank, i);
    got[i] = -1;
  }
}

/* Whether got[0..count) are, within `error`, the sums of all ranks' elements from `first` on. */
static int has_sums(int count, int first, float error) {
  for (int i = 0; i < count; i++) {
    const float sum = (float)(nranks * (nranks - 1) / 2 + nranks * ((first + i) % 100));
    if (!(got[i] >= sum - error && got[i] <= sum + error)) return 0;
  }
  return 1;
}

/* Whether got[at..at+count) are rank r's elements from `first` on, within `error`. */
static int has_data(int at, int count, int r, int first, float error) {
  for (int i = 0; i < count; i++) {
    const float difference = got[at + i] - element(r, first + i);
    if (!(difference >= -error && difference <= error)) return 0;
  }
  return 1;
}

static void results(void) {
  int version = 0;
  TRY(collGetVersion(&version));
  CHECK(version == COLL_VERSION_CODE);
  CHECK(strlen(collGetErrorString(collTimeout)) > 0);
  CHECK(collCommCount(NULL, &version) == collInvalidArgument);
  CHECK(strstr(collGetLastError(NULL), "collCommCount") != NULL);
}

static void meet_by_id(collComm_t comm) {
  collUniqueId ids[2];
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  collComm_t plain = NULL, configured = NULL;
  int count = 0;
  memset(ids, 0, sizeof ids);
  for (int i = 0; i < 2 && rank == 0; i++) TRY(collGetUniqueId(&ids[i]));
  TRY(collBroadcast(ids, ids, sizeof ids, collUint8, 0, comm, NULL));
  config.codec = "bf16";
  TRY(collCommInitRank(&plain, nranks, ids[0], rank));
  TRY(collCommInitRankConfig(&configured, nranks, ids[1], rank, &config));
  TRY(collCommCount(configured, &count));
  CHECK(count == nranks);
  fill(kCount);
  TRY(collAllReduce(sent, got, kCount, collFloat32, collSum, plain, NULL));
  CHECK(has_sums(kCount, 0, 0));
  TRY(collCommDestroy(plain));
  TRY(collCommDestroy(configured));
}

static void communicators(collComm_t comm) {
  collComm_t part = NULL;
  collResult_t error = collInternalError;
  size_t host_bytes = 0, device_bytes = 1;
  int device = -2, value = -1;
  TRY(collCommGetAsyncError(comm, &error));
  CHECK(error == collSuccess);
  TRY(collCommMemUsage(comm, &host_bytes, &device_bytes));
  CHECK((nranks == 1 || host_bytes > 0) && device_bytes == 0);
  TRY(collCommCuDevice(comm, &device));
  CHECK(device >= -1);

  TRY(collCommSplit(comm, rank % 2, -rank, &part, NULL)); /* in reverse order */
  TRY(collCommUserRank(part, &value));
  CHECK(value == (nranks - 1 - rank) / 2);
  TRY(collCommFinalize(part));
  TRY(collCommDestroy(part));

  TRY(collCommSplit(comm, rank, 0, &part, NULL)); /* each alone */
  TRY(collCommAbort(part));
  CHECK(collBarrier(part, NULL) == collRemoteError);
  collCommDestroy(part);
}

static void collectives(collComm_t comm) {
  const int all = nranks * kCount, root = nranks - 1;
  fill(all);
  TRY(collAllReduce(sent, got, kCount, collFloat32, collSum, comm, NULL));
  CHECK(has_sums(kCount, 0, 0));
  fill(all);
  TRY(collReduceScatter(sent, got, kCount, collFloat32, collSum, comm, NULL));
  CHECK(has_sums(kCount, rank * kCount, 0));
  fill(all);
  TRY(collAllGather(sent, got, kCount, collFloat32, comm, NULL));
  for (int r = 0; r < nranks; r++) CHECK(has_data(r * kCount, kCount, r, 0, 0));
  fill(all);
  TRY(collBroadcast(sent, got, kCount, collFloat32, root, comm, NULL));
  CHECK(has_data(0, kCount, root, 0, 0));
  fill(all);
  TRY(collReduce(sent, got, kCount, collFloat32, collSum, root, comm, NULL));
  CHECK(rank == root ? has_sums(kCount, 0, 0) : got[0] == -1);
  fill(all);
  TRY(collGather(sent, rank == root ? got : NULL, kCount, collFloat32, root, comm, NULL));
  for (int r = 0; r < nranks; r++) CHECK(rank == root ? has_data(r * kCount, kCount, r, 0, 0) : got[0] == -1);
  fill(all);
  TRY(collScatter(rank == root ? sent : NULL, got, kCount, collFloat32, root, comm, NULL));
  CHECK(has_data(0, kCount, root, rank * kCount, 0));
  fill(all);
  TRY(collAlltoAll(sent, got, kCount, collFloat32, comm, NULL));
  for (int r = 0; r < nranks; r++) CHECK(has_data(r * kCount, kCount, r, rank * kCount, 0));
  TRY(collBarrier(comm, NULL));
}

static void transfers(collComm_t comm) {
  const int next = (rank + 1) % nranks, previous = (rank + nranks - 1) % nranks;
  fill(kCount);
  TRY(collGroupStart());
  TRY(collRecv(got, kCount, collFloat32, previous, comm, NULL));
  TRY(collSend(sent, kCount, collFloat32, next, comm, NULL));
  TRY(collGroupEnd());
  CHECK(has_data(0, kCount, previous, 0, 0));
}

static void operators(collComm_t comm) {
  collRedOp_t op = collSum;
  float scalar = 2;
  fill(kCount);
  TRY(collRedOpCreatePreMulSum(&op, &scalar, collFloat32, collScalarHostImmediate, comm));
  TRY(collAllReduce(sent, got, kCount, collFloat32, op, comm, NULL));
  TRY(collRedOpDestroy(op, comm));
  for (int i = 0; i < kCount; i++) got[i] /= scalar;
  CHECK(has_sums(kCount, 0, 0));
}

static void streams(collComm_t comm) {
  collStream_t stream = NULL;
  collResult_t state = collInProgress;
  fill(kCount);
  TRY(collStreamCreate(&stream));
  TRY(collAllReduce(sent, got, kCount, collFloat32, collSum, comm, stream));
  while ((state = collStreamQuery(stream)) == collInProgress) continue;
  CHECK(state == collSuccess);
  TRY(collStreamSynchronize(stream));
  CHECK(has_sums(kCount, 0, 0));
  TRY(collStreamDestroy(stream));
}

static void memory(collComm_t comm) {
  void *shared = NULL, *handle = NULL, *remote = NULL;
  const collResult_t on_device = collMemAllocDevice(&remote, kCount, 0);
  CHECK(on_device == collSuccess || on_device == collUnsupported);
  CHECK((on_device == collSuccess) == (remote != NULL));
  TRY(collMemFree(remote));
  fill(kCount);
  TRY(collMemAlloc(&shared, kCount * sizeof(float)));
  memcpy(shared, sent, kCount * sizeof(float));
  TRY(collCommRegister(comm, got, sizeof got, &handle));
  TRY(collAllReduce(shared, got, kCount, collFloat32, collSum, comm, NULL));
  TRY(collCommDeregister(comm, handle));
  TRY(collMemFree(shared));
  CHECK(has_sums(kCount, 0, 0));
}

static void codecs(collComm_t comm) {
  const float one = 100.0F / 128, all = (float)nranks * (one + 1) * 2; /* a bf16 encoding of less than 128; of sums */
  collCodec_t codec = NULL;
  collCodecInfo_t info;
  size_t capacity = 0, bytes = 0;
  memset(&info, 0, sizeof info);
  info.size = sizeof info;
  TRY(collCodecCreate(&codec, "bf16"));
  TRY(collCodecGetInfo(codec, &info));
  CHECK(strcmp(info.name, "bf16") == 0 && !info.lossless && info.bits_per_element == 16);

  fill(nranks * kCount);
  TRY(collCodecMaxBytes(codec, kCount, collFloat32, &capacity));
  void* message = malloc(capacity);
  TRY(collCodecEncode(codec, sent, kCount, collFloat32, message, capacity, &bytes, NULL));
  CHECK(bytes <= capacity);
  TRY(collCodecDecode(codec, message, bytes, got, kCount, collFloat32, NULL));
  free(message);
  CHECK(has_data(0, kCount, rank, 0, one));

  TRY(collAllReduceCompressed(sent, got, kCount, collFloat32, collSum, codec, comm, NULL));
  CHECK(has_sums(kCount, 0, all));
  TRY(collReduceScatterCompressed(sent, got, kCount, collFloat32, collSum, codec, comm, NULL));
  CHECK(has_sums(kCount, rank * kCount, all));
  TRY(collAllGatherCompressed(sent, got, kCount, collFloat32, codec, comm, NULL));
  for (int r = 0; r < nranks; r++) CHECK(has_data(r * kCount, kCount, r, 0, one));
  TRY(collCodecDestroy(codec));
}

static void inspection(collComm_t comm) {
  collStats_t stats;
  char plan[1 << 16];
  char path[64];
  size_t needed = 0;
  memset(&stats, 0, sizeof stats);
  stats.size = sizeof stats;
  TRY(collCommGetStats(comm, &stats));
  CHECK(stats.calls > 0 && (nranks == 1 || stats.sent_bytes > 0));
  TRY(collCommQueryPlan(comm, collFuncAllReduce, kCount, collFloat32, NULL, NULL, 0, &needed));
  CHECK(needed > 0 && needed <= sizeof plan);
  TRY(collCommQueryPlan(comm, collFuncAllReduce, kCount, collFloat32, NULL, plan, sizeof plan, NULL));
  CHECK(strlen(plan) + 1 == needed && strstr(plan, "\"algorithm\"") != NULL);
  snprintf(path, sizeof path, "every_function_c_%d.json", rank);
  TRY(collCommDumpTopology(comm, path));
  CHECK(remove(path) == 0);
}

int main(int argc, char** argv) {
  collComm_t comm = NULL;
  collConfig_t config = COLL_CONFIG_INITIALIZER;
  MPI_Init(&argc, &argv);
  config.timeout_ms = 60000;
  TRY(collCommInitMPI(&comm, MPI_COMM_WORLD, &config));
  TRY(collCommCount(comm, &nranks));
  TRY(collCommUserRank(comm, &rank));
  CHECK(nranks <= kMaxRanks);
  results();
  meet_by_id(comm);
  communicators(comm);
  collectives(comm);
  transfers(comm);
  operators(comm);
  streams(comm);
  memory(comm);
  codecs(comm);
  inspection(comm);
  TRY(collCommDestroy(comm));
  MPI_Finalize();
  if (rank == 0) printf("every function works on %d ranks\n", nranks);
  return 0;
}
