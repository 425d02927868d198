! Solves Laplace's equation on a square by Jacobi's iteration, on a grid that is spread over the ranks in two dimensions:
! edges travel by collSend and collRecv in a group, the change of an iteration is summed by collAllReduce.
! usage: mpirun -n 4 jacobi [NX NY ITERATIONS [FILE]]     (FILE gets the inner points as raw 64-bit floats)
program jacobi
  use, intrinsic :: iso_c_binding, only: c_int, c_size_t
  use, intrinsic :: iso_fortran_env, only: error_unit, real64
  use coll
  use coll_mpi
  use mpi_f08, only: MPI_Init, MPI_Comm_rank, MPI_Finalize, MPI_Abort, MPI_COMM_WORLD
  implicit none

  type :: block ! what one rank has of the grid: inner points west..east, south..north
    integer :: west, east, south, north
  end type block

  integer, parameter :: no_peer = -1
  type(collComm_t) :: comm
  type(block) :: mine
  integer(c_int) :: rank, nranks
  integer :: nx, ny, iterations, across, done
  integer :: west_peer, east_peer, south_peer, north_peer
  real(real64), allocatable, asynchronous :: old(:, :), new(:, :)
  real(real64) :: change

  call MPI_Init()
  call MPI_Comm_rank(MPI_COMM_WORLD, rank) ! from MPI: an error of collCommInitMPI names it already
  call check(collCommInitMPI(comm, MPI_COMM_WORLD))
  call check(collCommCount(comm, nranks))
  call read_arguments()
  call find_place()

  allocate (old(mine%west - 1:mine%east + 1, mine%south - 1:mine%north + 1))
  call set_borders()
  new = old
  do done = 1, iterations
    call exchange_edges(old)
    change = relax()
    if (rank == 0 .and. (mod(done, 100) == 0 .or. done == iterations)) print "(a, i0, a, es22.15)", &
      "iteration ", done, ": change ", change
    call swap()
  end do
  if (command_argument_count() > 3) call write_grid()

  call check(collCommDestroy(comm))
  call MPI_Finalize()

contains

  ! Says what went wrong, and ends all ranks.
  subroutine check(result)
    integer(collResult_t), intent(in) :: result
    if (result == collSuccess) return
    write (error_unit, "(a, i0, 4a)") "rank ", rank, ": ", collGetErrorString(result), ": ", collGetLastError()
    call MPI_Abort(MPI_COMM_WORLD, 1)
  end subroutine check

  subroutine read_arguments()
    character(len=16) :: word
    integer :: values(3), i, status
    values = [64, 64, 1000]
    do i = 1, min(3, command_argument_count())
      call get_command_argument(i, word)
      read (word, *, iostat=status) values(i)
      if (status /= 0 .or. values(i) < 1) error stop "usage: jacobi [NX NY ITERATIONS [FILE]]"
    end do
    nx = values(1)
    ny = values(2)
    iterations = values(3)
  end subroutine read_arguments

  ! The ranks stand in rows of `across`, as near to a square as their number allows.
  subroutine find_place()
    across = int(sqrt(real(nranks)))
    do while (mod(nranks, across) /= 0)
      across = across - 1
    end do
    if (nx < across .or. ny < nranks / across) error stop "jacobi: the grid has fewer points than there are ranks"
    mine = block_of(rank)
    west_peer = merge(rank - 1, no_peer, mine%west > 1)
    east_peer = merge(rank + 1, no_peer, mine%east < nx)
    south_peer = merge(rank - across, no_peer, mine%south > 1)
    north_peer = merge(rank + across, no_peer, mine%north < ny)
  end subroutine find_place

  pure type(block) function block_of(r)
    integer, intent(in) :: r
    integer :: column, row, rows
    column = mod(r, across)
    row = r / across
    rows = nranks / across
    block_of = block(column * nx / across + 1, (column + 1) * nx / across, row * ny / rows + 1, (row + 1) * ny / rows)
  end function block_of

  ! x^2 - y^2 around the square, which is then the solution inside, too; 0 to begin with.
  subroutine set_borders()
    integer :: i, j
    real(real64) :: x, y
    old = 0
    do j = lbound(old, 2), ubound(old, 2)
      do i = lbound(old, 1), ubound(old, 1)
        if (i > 0 .and. i <= nx .and. j > 0 .and. j <= ny) cycle
        x = real(i, real64) / (nx + 1)
        y = real(j, real64) / (ny + 1)
        old(i, j) = x * x - y * y
      end do
    end do
  end subroutine set_borders

  ! Columns lie together in memory and are sent from where they are; rows are copied.
  subroutine exchange_edges(grid)
    real(real64), intent(inout), asynchronous :: grid(mine%west - 1:, mine%south - 1:)
    real(real64), dimension(mine%south:mine%north), asynchronous :: to_west, to_east, from_west, from_east
    associate (w => mine%west, e => mine%east, s => mine%south, n => mine%north)
      to_west = grid(w, s:n)
      to_east = grid(e, s:n)
      call check(collGroupStart())
      call exchange(west_peer, to_west, from_west)
      call exchange(east_peer, to_east, from_east)
      call exchange(south_peer, grid(w:e, s), grid(w:e, s - 1))
      call exchange(north_peer, grid(w:e, n), grid(w:e, n + 1))
      call check(collGroupEnd())
      if (west_peer /= no_peer) grid(w - 1, s:n) = from_west
      if (east_peer /= no_peer) grid(e + 1, s:n) = from_east
    end associate
  end subroutine exchange_edges

  subroutine exchange(peer, send, recv)
    integer, intent(in) :: peer
    real(real64), intent(in), asynchronous :: send(:)
    real(real64), intent(inout), asynchronous :: recv(:)
    if (peer == no_peer) return
    call check(collSend(send, size(send, kind=c_size_t), collFloat64, peer, comm))
    call check(collRecv(recv, size(recv, kind=c_size_t), collFloat64, peer, comm))
  end subroutine exchange

  ! One iteration, from `old` to `new`; the root of the sum of squared changes on all ranks.
  real(real64) function relax()
    integer :: i, j
    real(real64) :: mean, squares
    squares = 0
    do j = mine%south, mine%north
      do i = mine%west, mine%east
        mean = 0.25_real64 * ((old(i - 1, j) + old(i + 1, j)) + (old(i, j - 1) + old(i, j + 1)))
        squares = squares + (mean - old(i, j))**2
        new(i, j) = mean
      end do
    end do
    call check(collAllReduce(squares, squares, 1_c_size_t, collFloat64, collSum, comm)) ! in place
    relax = sqrt(squares)
  end function relax

  subroutine swap()
    real(real64), allocatable :: other(:, :)
    call move_alloc(old, other)
    call move_alloc(new, old)
    call move_alloc(other, new)
  end subroutine swap

  ! Rank 0 receives every block and writes the inner points, x first.
  subroutine write_grid()
    real(real64), allocatable, asynchronous :: whole(:, :), part(:, :)
    character(len=1024) :: file
    integer :: r, unit
    part = old(mine%west:mine%east, mine%south:mine%north)
    if (rank /= 0) then
      call check(collSend(part, size(part, kind=c_size_t), collFloat64, 0, comm))
      return
    end if
    allocate (whole(nx, ny))
    whole(mine%west:mine%east, mine%south:mine%north) = part
    do r = 1, nranks - 1
      associate (of => block_of(r))
        deallocate (part)
        allocate (part(of%west:of%east, of%south:of%north))
        call check(collRecv(part, size(part, kind=c_size_t), collFloat64, r, comm))
        whole(of%west:of%east, of%south:of%north) = part
      end associate
    end do
    call get_command_argument(4, file)
    open (newunit=unit, file=trim(file), access="stream", form="unformatted", status="replace", action="write")
    write (unit) whole
    close (unit)
  end subroutine write_grid

end program jacobi
