! libcoll for Fortran: every function of coll/coll.h under its C name, with the C order of arguments.
!
!   result = collAllReduce(send, recv, size(send, kind=c_size_t), collFloat64, collSum, comm)
!
! Buffers are variables of any type and rank, without gaps. Where C takes NULL: an optional argument is left out, a buffer is
! collNoBuffer or left out, a handle is collNullComm, collNullCodec or collNullStream. A stream that is left out is NULL.
! Counts and bytes are integer(c_size_t). Compile this file with the program; it includes the files beside it.
module coll
  use, intrinsic :: iso_c_binding
  implicit none
  public

  include "coll_constants.inc"

  ! ---- Handles and structures ------------------------------------------------------------------------

  type, bind(C) :: collComm_t ! a communicator; one thread at a time uses it
    type(c_ptr) :: handle = c_null_ptr
  end type collComm_t

  type, bind(C) :: collCodec_t ! a codec with the state of one tensor
    type(c_ptr) :: handle = c_null_ptr
  end type collCodec_t

  type, bind(C) :: collStream_t ! a host stream of collStreamCreate, or a CUDA stream
    type(c_ptr) :: handle = c_null_ptr
  end type collStream_t

  type, bind(C) :: collUniqueId
    character(kind=c_char) :: internal(COLL_UNIQUE_ID_BYTES)
  end type collUniqueId

  ! The sizes in these structures are set by the functions that take them.
  type, bind(C) :: collConfig_t
    integer(c_size_t) :: size = 0
    type(c_ptr) :: codec = c_null_ptr ! c_loc of a character variable that ends with c_null_char
    integer(c_int) :: timeout_ms = COLL_UNSET
    integer(c_int) :: deterministic = COLL_UNSET
    integer(c_int) :: check = COLL_UNSET
    integer(c_size_t) :: buffer_bytes = 0
  end type collConfig_t

  type, bind(C) :: collCodecInfo_t
    integer(c_size_t) :: size = 0
    character(kind=c_char) :: name(32) = c_null_char
    integer(c_int) :: lossless = 0
    real(c_double) :: bits_per_element = 0
    integer(collBoundKind_t) :: bound_kind = collBoundNone
    real(c_double) :: bound_value = 0
    integer(c_size_t) :: block = 0
  end type collCodecInfo_t

  type, bind(C) :: collStats_t
    integer(c_size_t) :: size = 0
    integer(c_int64_t) :: calls = 0
    integer(c_int64_t) :: exact_bytes = 0
    integer(c_int64_t) :: sent_bytes = 0
    real(c_double) :: encode_s = 0
    real(c_double) :: reduce_s = 0
    real(c_double) :: wait_s = 0
    integer(c_int64_t) :: exact_calls = 0
    integer(c_int64_t) :: compressed_calls = 0
  end type collStats_t

  type(collConfig_t), parameter :: COLL_CONFIG_INITIALIZER = collConfig_t()
  type(collComm_t), parameter :: collNullComm = collComm_t()
  type(collCodec_t), parameter :: collNullCodec = collCodec_t()
  type(collStream_t), parameter :: collNullStream = collStream_t()
  integer(c_signed_char), pointer, protected :: collNoBuffer(:) => null()

  ! Why the last call of this thread was refused here, before the library saw it; blank where that was not so.
  character(len=120), save, private :: refusal = ""
  !$omp threadprivate(refusal)
  private :: checked, address, handle_of, c_text, f_text

  ! The functions of C, for addresses that are no Fortran variables: c_collX is collX.
  include "coll_bindings.inc"

contains

  include "coll_communicators.inc"
  include "coll_collectives.inc"
  include "coll_codecs.inc"

  ! ---- Parts of the above ----------------------------------------------------------------------------

  ! The library's answer: if it is a failure, it is the last one, and not a refusal of before.
  integer(collResult_t) function coll_noted(result)
    integer(collResult_t), intent(in) :: result
    if (result /= collSuccess) refusal = ""
    coll_noted = result
  end function coll_noted

  ! The address of a copy that knows its size, or NULL.
  type(c_ptr) function coll_sized(config, own)
    type(collConfig_t), intent(in), optional :: config
    type(collConfig_t), intent(out), target :: own
    coll_sized = c_null_ptr
    if (.not. present(config)) return
    own = config
    own%size = c_sizeof(own)
    coll_sized = c_loc(own)
  end function coll_sized

  ! Refuses sections with gaps: the compiler would pass a copy, which is gone when a stream or a group comes to it.
  integer(collResult_t) function checked(call, send, recv) result(result)
    character(len=*), intent(in) :: call
    type(*), dimension(..), intent(in), asynchronous, optional :: send, recv
    result = collSuccess
    if (.not. without_gaps(send)) result = refused(call // ": what it reads")
    if (.not. without_gaps(recv)) result = refused(call // ": what it writes")
  contains
    logical function without_gaps(buffer)
      type(*), dimension(..), intent(in), asynchronous, optional :: buffer
      without_gaps = .true.
      if (present(buffer)) without_gaps = is_contiguous(buffer)
    end function without_gaps
    integer(collResult_t) function refused(buffer)
      character(len=*), intent(in) :: buffer
      refusal = buffer // " is an array section with gaps; copy it to an array of its own"
      refused = collInvalidArgument
    end function refused
  end function checked

  type(c_ptr) function address(buffer)
    type(*), dimension(..), intent(in), target, asynchronous, optional :: buffer
    address = c_null_ptr
    if (present(buffer)) address = c_loc(buffer)
  end function address

  type(c_ptr) function handle_of(stream)
    type(collStream_t), intent(in), optional :: stream
    handle_of = c_null_ptr
    if (present(stream)) handle_of = stream%handle
  end function handle_of

  ! As C wants a text: without trailing blanks, closed by a zero byte.
  function c_text(text) result(closed)
    character(len=*), intent(in) :: text
    character(kind=c_char, len=len_trim(text) + 1) :: closed
    closed = trim(text) // c_null_char
  end function c_text

  ! A text of C.
  function f_text(location) result(text)
    type(c_ptr), intent(in) :: location
    character(len=:), allocatable :: text
    character(kind=c_char), pointer :: bytes(:)
    interface
      integer(c_size_t) function strlen(text) bind(C)
        import
        type(c_ptr), value :: text
      end function strlen
    end interface
    integer :: i, length
    length = int(strlen(location))
    call c_f_pointer(location, bytes, [length])
    allocate (character(len=length) :: text)
    do i = 1, length
      text(i:i) = bytes(i)
    end do
  end function f_text

end module coll
