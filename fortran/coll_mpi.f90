! libcoll's call that names an MPI communicator, for both kinds of handle that Fortran has: an integer, of `use mpi` and
! mpif.h, and type(MPI_Comm), of `use mpi_f08`. Compile it with coll_mpi_handle.c, with the compiler wrapper of the MPI library.
module coll_mpi
  use, intrinsic :: iso_c_binding
  use coll
  use mpi_f08, only: MPI_Comm
  implicit none
  private
  public :: collCommInitMPI

  interface collCommInitMPI
    module procedure collCommInitMPI_handle, collCommInitMPI_f08
  end interface collCommInitMPI

  interface
    function comm_init_from_handle(comm, mpi, config) bind(C, name="coll_fortran_comm_init_mpi") result(result)
      import
      type(c_ptr), intent(out) :: comm
      integer(c_int), value :: mpi
      type(c_ptr), value :: config
      integer(c_int) :: result
    end function comm_init_from_handle
  end interface

contains

  integer(collResult_t) function collCommInitMPI_handle(comm, mpi, config) result(result)
    type(collComm_t), intent(out) :: comm
    integer, intent(in) :: mpi
    type(collConfig_t), intent(in), optional :: config
    type(collConfig_t), target :: own
    result = coll_noted(comm_init_from_handle(comm%handle, int(mpi, c_int), coll_sized(config, own)))
  end function collCommInitMPI_handle

  integer(collResult_t) function collCommInitMPI_f08(comm, mpi, config) result(result)
    type(collComm_t), intent(out) :: comm
    type(MPI_Comm), intent(in) :: mpi
    type(collConfig_t), intent(in), optional :: config
    result = collCommInitMPI_handle(comm, mpi%MPI_VAL, config)
  end function collCommInitMPI_f08

end module coll_mpi
