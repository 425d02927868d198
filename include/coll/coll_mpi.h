/* libcoll's calls that name MPI_Comm; link coll::mpi (libcoll_mpi.so) to use them. */
#ifndef COLL_COLL_MPI_H_
#define COLL_COLL_MPI_H_

#include <mpi.h>

#include "coll.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a communicator over the ranks of `mpi`, with the same numbering. Collective over `mpi`, which is duplicated and
 * stays the caller's. `config` may be NULL. Blocks until all ranks have joined, or returns collTimeout. MPI must be
 * initialised; every level of thread support will do. */
COLL_API collResult_t collCommInitMPI(collComm_t* comm, MPI_Comm mpi, const collConfig_t* config);
/* Its profiling twin (see coll_profile.h). */
COLL_API collResult_t pcollCommInitMPI(collComm_t* comm, MPI_Comm mpi, const collConfig_t* config);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* COLL_COLL_MPI_H_ */
