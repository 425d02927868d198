/* Measures MPI_Allreduce of float32 sums: the same loop for every MPI library. Built with that library's mpicc.
 * usage: mpi_allreduce_bench ITERS WARMUP SIZE...   Prints "SIZE P50_US" for each size in bytes. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

/* Median of the calls' times, each the longest of all ranks'. */
static double measure(float* send, float* recv, int count, int iters, int warmup) {
  double* times = malloc((size_t)iters * sizeof(double));
  for (int i = -warmup; i < iters; i++) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    MPI_Allreduce(send, recv, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    const double mine = MPI_Wtime() - start;
    double slowest;
    MPI_Allreduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    if (i >= 0) times[i] = slowest;
  }
  qsort(times, (size_t)iters, sizeof(double), compare);
  const double median = times[iters / 2];
  free(times);
  return median;
}

int main(int argc, char** argv) {
  int rank, nranks;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &nranks);
  if (argc < 4) {
    if (rank == 0) fprintf(stderr, "usage: mpi_allreduce_bench ITERS WARMUP SIZE...\n");
    MPI_Finalize();
    return 2;
  }
  for (int s = 3; s < argc; s++) {
    const size_t bytes = (size_t)atoll(argv[s]), count = bytes / sizeof(float);
    float *send = malloc(bytes), *recv = malloc(bytes);
    for (size_t i = 0; i < count; i++) send[i] = (float)(i % 1021) + (float)rank;
    memset(recv, 0xff, bytes);
    const double p50 = measure(send, recv, (int)count, atoi(argv[1]), atoi(argv[2]));
    for (size_t i = 0; i < count; i++) {
      if (recv[i] != (float)(i % 1021) * (float)nranks + (float)(nranks * (nranks - 1) / 2)) {
        fprintf(stderr, "mpi_allreduce_bench: rank %d: element %zu is wrong\n", rank, i);
        MPI_Abort(MPI_COMM_WORLD, 1);
      }
    }
    if (rank == 0) printf("%zu %.3f\n", bytes, p50 * 1e6);
    fflush(stdout);
    free(send);
    free(recv);
  }
  MPI_Finalize();
  return 0;
}
