#include <coll/coll_mpi.h>
#include <math.h>
#include <stdio.h>

static float data[1 << 20];
enum { kCount = sizeof data / sizeof data[0] };

int main(int argc, char** argv) {
  collComm_t comm;
  collCodec_t int8;
  int rank = 0, nranks = 0, wrong = 0;
  MPI_Init(&argc, &argv);
  for (int i = 0; i < kCount; i++) data[i] = (float)(i % 100);

  collResult_t result = collCommInitMPI(&comm, MPI_COMM_WORLD, NULL);
  if (result == collSuccess) result = collCodecCreate(&int8, "int8"); /* 8 bits on the wire */
  if (result == collSuccess)
    result = collAllReduceCompressed(data, data, kCount, collFloat32, collSum, int8, comm, NULL);
  if (result != collSuccess) {
    fprintf(stderr, "%s\n", collGetLastError(NULL));
    return MPI_Abort(MPI_COMM_WORLD, 1);
  }

  collCommUserRank(comm, &rank);
  collCommCount(comm, &nranks);
  for (int i = 0; i < kCount; i++) wrong += !(fabsf(data[i] - (float)(i % 100 * nranks)) <= (float)nranks);
  if (rank == 0) printf("%d ranks, %d elements, %d outside the bound\n", nranks, (int)kCount, wrong);
  collCodecDestroy(int8);
  collCommDestroy(comm);
  MPI_Finalize();
  return wrong != 0;
}
