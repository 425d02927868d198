! Calls every function of modules coll and coll_mpi and checks what it does, on any number of ranks of one node.
program every_function
  use, intrinsic :: iso_c_binding
  use coll
  use coll_mpi
  use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_Abort, MPI_COMM_WORLD
  implicit none

  integer(c_size_t), parameter :: elements = 1000
  integer, parameter :: n = int(elements), max_ranks = 16
  real(c_float), target, asynchronous :: sent(n * max_ranks), got(n * max_ranks)
  integer(c_int) :: rank, nranks
  type(collComm_t) :: comm
  type(collConfig_t) :: config

  call MPI_Init()
  rank = 0
  config%timeout_ms = 60000
  call try(collCommInitMPI(comm, MPI_COMM_WORLD, config), "collCommInitMPI")
  call try(collCommCount(comm, nranks), "collCommCount")
  call try(collCommUserRank(comm, rank), "collCommUserRank")
  call check(nranks <= max_ranks, "number of ranks")
  call results()
  call meet_by_id()
  call communicators()
  call collectives()
  call transfers()
  call operators()
  call streams()
  call memory()
  call codecs()
  call inspection()
  call refusals()
  call try(collCommDestroy(comm), "collCommDestroy")
  call MPI_Finalize()
  if (rank == 0) print "(a, i0, a)", "every function works on ", nranks, " ranks"

contains

  subroutine check(ok, what)
    logical, intent(in) :: ok
    character(len=*), intent(in) :: what
    if (ok) return
    print "(a, i0, 4a)", "rank ", rank, ": ", what, ": ", collGetLastError()
    call MPI_Abort(MPI_COMM_WORLD, 1)
  end subroutine check

  subroutine try(result, what)
    integer(collResult_t), intent(in) :: result
    character(len=*), intent(in) :: what
    call check(result == collSuccess, what)
  end subroutine try

  ! Element i (from 0) of rank r's data; sums of them are exact.
  elemental real(c_float) function element(r, i)
    integer, intent(in) :: r, i
    element = real(r + mod(i, 100), c_float)
  end function element

  subroutine fill()
    integer :: i
    sent = [(element(rank, i), i = 0, size(sent) - 1)]
    got = -1
  end subroutine fill

  ! Whether got(1:n) are, within `error`, the sums of all ranks' elements from `first` on.
  logical function has_sums(first, error)
    integer, intent(in) :: first
    real, intent(in) :: error
    integer :: i
    has_sums = all(abs(got(:n) - [(nranks * (nranks - 1) / 2 + nranks * mod(first + i, 100), i = 0, n - 1)]) <= error)
  end function has_sums

  ! Whether the n elements behind got(at) are rank r's elements from `first` on, within `error`.
  logical function has_data(at, r, first, error)
    integer, intent(in) :: at, r, first
    real, intent(in) :: error
    integer :: i
    has_data = all(abs(got(at + 1:at + n) - [(element(r, first + i), i = 0, n - 1)]) <= error)
  end function has_data

  subroutine results()
    integer(c_int) :: version
    call try(collGetVersion(version), "collGetVersion")
    call check(version == COLL_VERSION_CODE, "version")
    call check(len(collGetErrorString(collTimeout)) > 0, "collGetErrorString")
    call check(collCommCount(collNullComm, version) == collInvalidArgument, "a null communicator")
    call check(index(collGetLastError(collNullComm), "collCommCount") > 0, "collGetLastError")
  end subroutine results

  subroutine meet_by_id()
    type(collUniqueId) :: ids(2)
    type(collConfig_t) :: bf16
    type(collComm_t) :: plain, configured
    character(kind=c_char, len=5), target :: codec
    integer(c_int) :: count
    integer :: i
    do i = 1, 2
      if (rank == 0) call try(collGetUniqueId(ids(i)), "collGetUniqueId")
    end do
    call try(collBroadcast(ids, ids, 2 * c_sizeof(ids(1)), collUint8, 0, comm), "collBroadcast of ids")
    codec = "bf16" // c_null_char
    bf16 = COLL_CONFIG_INITIALIZER
    bf16%codec = c_loc(codec)
    call try(collCommInitRank(plain, nranks, ids(1), rank), "collCommInitRank")
    call try(collCommInitRankConfig(configured, nranks, ids(2), rank, bf16), "collCommInitRankConfig")
    call try(collCommCount(configured, count), "collCommCount")
    call check(count == nranks, "count")
    call fill()
    call try(collAllReduce(sent, got, elements, collFloat32, collSum, plain), "collAllReduce")
    call check(has_sums(0, 0.), "sums by id")
    call try(collCommDestroy(plain), "collCommDestroy")
    call try(collCommDestroy(configured), "collCommDestroy")
  end subroutine meet_by_id

  subroutine communicators()
    type(collComm_t) :: part, other
    integer(collResult_t) :: error
    integer(c_size_t) :: host_bytes, device_bytes
    integer(c_int) :: device, value
    call try(collCommGetAsyncError(comm, error), "collCommGetAsyncError")
    call check(error == collSuccess, "no error so far")
    call try(collCommMemUsage(comm, host_bytes, device_bytes), "collCommMemUsage")
    call check((nranks == 1 .or. host_bytes > 0) .and. device_bytes == 0, "memory usage")
    call try(collCommMemUsage(comm, device_bytes=device_bytes), "collCommMemUsage, one of two")
    call try(collCommCuDevice(comm, device), "collCommCuDevice")
    call check(device >= -1, "device")

    call try(collCommSplit(comm, mod(rank, 2), -rank, part), "collCommSplit") ! in reverse order
    call try(collCommUserRank(part, value), "collCommUserRank")
    call check(value == (nranks - 1 - rank) / 2, "rank in a part")
    call try(collCommFinalize(part), "collCommFinalize")
    call try(collCommDestroy(part), "collCommDestroy")

    call try(collCommSplit(comm, rank, 0, part, config), "collCommSplit") ! each alone
    call try(collCommAbort(part), "collCommAbort")
    call check(collBarrier(part) == collRemoteError, "an aborted communicator")
    call check(collCommDestroy(part) >= collSuccess, "destroying it")

    call try(collCommInitMPI(other, MPI_COMM_WORLD%MPI_VAL), "collCommInitMPI with an integer")
    call try(collCommDestroy(other), "collCommDestroy")
  end subroutine communicators

  subroutine collectives()
    integer :: root, r
    root = nranks - 1
    call fill()
    call try(collAllReduce(sent, got, elements, collFloat32, collSum, comm), "collAllReduce")
    call check(has_sums(0, 0.), "collAllReduce's result")
    call fill()
    call try(collReduceScatter(sent, got, elements, collFloat32, collSum, comm), "collReduceScatter")
    call check(has_sums(rank * n, 0.), "collReduceScatter's result")
    call fill()
    call try(collAllGather(sent, got, elements, collFloat32, comm), "collAllGather")
    call check(all([(has_data(r * n, r, 0, 0.), r = 0, nranks - 1)]), "collAllGather's result")
    call fill()
    call try(collBroadcast(sent, got, elements, collFloat32, root, comm), "collBroadcast")
    call check(has_data(0, root, 0, 0.), "collBroadcast's result")
    call fill()
    call try(collReduce(sent, got, elements, collFloat32, collSum, root, comm), "collReduce")
    if (rank == root) call check(has_sums(0, 0.), "collReduce's result")
    call fill()
    if (rank == root) then
      call try(collGather(sent, got, elements, collFloat32, root, comm), "collGather")
      call check(all([(has_data(r * n, r, 0, 0.), r = 0, nranks - 1)]), "collGather's result")
      call try(collScatter(sent, got, elements, collFloat32, root, comm), "collScatter")
    else
      call try(collGather(sent, collNoBuffer, elements, collFloat32, root, comm), "collGather")
      call try(collScatter(collNoBuffer, got, elements, collFloat32, root, comm), "collScatter")
    end if
    call check(has_data(0, root, rank * n, 0.), "collScatter's result")
    call fill()
    call try(collAlltoAll(sent, got, elements, collFloat32, comm), "collAlltoAll")
    call check(all([(has_data(r * n, r, rank * n, 0.), r = 0, nranks - 1)]), "collAlltoAll's result")
    call try(collBarrier(comm), "collBarrier")
  end subroutine collectives

  subroutine transfers()
    integer :: next, previous
    next = mod(rank + 1, nranks)
    previous = mod(rank + nranks - 1, nranks)
    call fill()
    call try(collGroupStart(), "collGroupStart")
    call try(collRecv(got, elements, collFloat32, previous, comm), "collRecv")
    call try(collSend(sent, elements, collFloat32, next, comm), "collSend")
    call try(collGroupEnd(), "collGroupEnd")
    call check(has_data(0, previous, 0, 0.), "what was sent around")
  end subroutine transfers

  subroutine operators()
    integer(collRedOp_t) :: op
    real(c_float) :: scalar
    scalar = 2
    call fill()
    call try(collRedOpCreatePreMulSum(op, scalar, collFloat32, collScalarHostImmediate, comm), "collRedOpCreatePreMulSum")
    call try(collAllReduce(sent, got, elements, collFloat32, op, comm), "collAllReduce")
    call try(collRedOpDestroy(op, comm), "collRedOpDestroy")
    got = got / scalar
    call check(has_sums(0, 0.), "premultiplied sums")
  end subroutine operators

  subroutine streams()
    type(collStream_t) :: stream
    integer(collResult_t) :: state
    call fill()
    call try(collStreamCreate(stream), "collStreamCreate")
    call try(collAllReduce(sent, got, elements, collFloat32, collSum, comm, stream), "collAllReduce")
    state = collInProgress
    do while (state == collInProgress)
      state = collStreamQuery(stream)
    end do
    call check(state == collSuccess, "collStreamQuery")
    call try(collStreamSynchronize(stream), "collStreamSynchronize")
    call check(has_sums(0, 0.), "sums on a stream")
    call try(collStreamDestroy(stream), "collStreamDestroy")
  end subroutine streams

  subroutine memory()
    type(c_ptr) :: location, handle
    integer(collResult_t) :: on_device
    real(c_float), pointer, asynchronous :: shared(:, :)
    on_device = collMemAllocDevice(location, elements, 0)
    call check(on_device == collSuccess .or. on_device == collUnsupported, "collMemAllocDevice")
    call check(c_associated(location) .eqv. on_device == collSuccess, "memory of a device")
    call try(collMemFree(location), "collMemFree of a device's memory")
    call fill()
    call try(collMemAlloc(location, elements * c_sizeof(sent(1))), "collMemAlloc")
    call c_f_pointer(location, shared, [n / 10, 10])
    shared = reshape(sent(:n), shape(shared))
    call try(collCommRegister(comm, got, size(got, kind=c_size_t) * c_sizeof(got(1)), handle), "collCommRegister")
    call try(collAllReduce(shared, got, elements, collFloat32, collSum, comm), "collAllReduce of a matrix")
    call try(collCommDeregister(comm, handle), "collCommDeregister")
    call try(collMemFree(location), "collMemFree")
    call check(has_sums(0, 0.), "sums of a matrix")
  end subroutine memory

  subroutine codecs()
    type(collCodec_t) :: codec
    type(collCodecInfo_t) :: info
    integer(c_signed_char), allocatable :: message(:)
    integer(c_size_t) :: capacity, bytes
    real :: one, whole
    integer :: r
    one = 100. / 128 ! what a bf16 encoding of less than 128 may err by
    whole = nranks * (one + 1) * 2
    call try(collCodecCreate(codec, "bf16  "), "collCodecCreate")
    call try(collCodecGetInfo(codec, info), "collCodecGetInfo")
    call check(all(info%name(:5) == ["b", "f", "1", "6", c_null_char]) .and. nint(info%bits_per_element) == 16, "info")
    call fill()
    call try(collCodecMaxBytes(codec, elements, collFloat32, capacity), "collCodecMaxBytes")
    allocate (message(capacity))
    call try(collCodecEncode(codec, sent, elements, collFloat32, message, capacity, bytes), "collCodecEncode")
    call try(collCodecDecode(codec, message, bytes, got, elements, collFloat32), "collCodecDecode")
    call check(has_data(0, rank, 0, one), "decoded elements")
    call try(collAllReduceCompressed(sent, got, elements, collFloat32, collSum, codec, comm), "collAllReduceCompressed")
    call check(has_sums(0, whole), "compressed sums")
    call try(collReduceScatterCompressed(sent, got, elements, collFloat32, collSum, codec, comm), &
      "collReduceScatterCompressed")
    call check(has_sums(rank * n, whole), "compressed, scattered sums")
    call try(collAllGatherCompressed(sent, got, elements, collFloat32, codec, comm), "collAllGatherCompressed")
    call check(all([(has_data(r * n, r, 0, one), r = 0, nranks - 1)]), "compressed, gathered elements")
    call try(collCodecDestroy(codec), "collCodecDestroy")
  end subroutine codecs

  subroutine inspection()
    type(collStats_t) :: stats
    character(len=65536) :: plan
    character(len=64) :: path
    integer(c_size_t) :: needed
    integer :: unit, failed
    call try(collCommGetStats(comm, stats), "collCommGetStats")
    call check(stats%calls > 0 .and. (nranks == 1 .or. stats%sent_bytes > 0), "statistics")
    call try(collCommQueryPlan(comm, collFuncAllReduce, elements, collFloat32, collNullCodec, capacity=0_c_size_t, &
      needed=needed), "collCommQueryPlan, size")
    call try(collCommQueryPlan(comm, collFuncAllReduce, elements, collFloat32, collNullCodec, plan, &
      len(plan, kind=c_size_t)), "collCommQueryPlan")
    call check(len_trim(plan) + 1 == needed .and. index(plan, '"algorithm"') > 0, "plan")
    write (path, "(a, i0, a)") "every_function_f90_", rank, ".json"
    call try(collCommDumpTopology(comm, trim(path)), "collCommDumpTopology")
    open (newunit=unit, file=path, status="old", iostat=failed)
    call check(failed == 0, "topology")
    close (unit, status="delete")
  end subroutine inspection

  ! A section with gaps never reaches the library, and is then the last error; until another comes.
  subroutine refusals()
    integer(c_int) :: count
    call check(collAllReduce(sent(1:n:2), got, elements / 2, collFloat32, collSum, comm) == collInvalidArgument, "gaps")
    call check(index(collGetLastError(), "collAllReduce: what it reads is an array section") == 1, "why: reads")
    call check(collRecv(got(1:n:2), elements / 2, collFloat32, 0, comm) == collInvalidArgument, "gaps")
    call check(index(collGetLastError(), "collRecv: what it writes is an array section") == 1, "why: writes")
    call check(collCommCount(collNullComm, count) == collInvalidArgument, "a null communicator")
    call check(index(collGetLastError(), "section") == 0, "the next error takes its place")
  end subroutine refusals

end program every_function
