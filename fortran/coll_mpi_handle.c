/* What module coll_mpi cannot do in Fortran: MPI_Comm_f2c() is a macro in some MPI libraries. */
#include <coll/coll_mpi.h>

collResult_t coll_fortran_comm_init_mpi(collComm_t* comm, int mpi, const collConfig_t* config);

collResult_t coll_fortran_comm_init_mpi(collComm_t* comm, int mpi, const collConfig_t* config) {
  return collCommInitMPI(comm, MPI_Comm_f2c((MPI_Fint)mpi), config);
}
