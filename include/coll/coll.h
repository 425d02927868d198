/* libcoll: collective communication with compression. C99; include this from C, C++ or by FFI.
 *
 * Counts are elements, sizes are bytes, times are seconds unless the name says otherwise (timeout_ms).
 * Every function returns a collResult_t and never prints, exits or throws; collGetLastError() says in words
 * what went wrong on the calling thread. Buffers belong to the caller and must stay valid until the call
 * (or, on a stream, the operation) has finished. Where a call exists in NCCL, argument order, in-place rules
 * and enum values are NCCL's. */
#ifndef COLL_COLL_H_
#define COLL_COLL_H_

#include <stddef.h>
#include <stdint.h>

#define COLL_MAJOR 0
#define COLL_MINOR 1
#define COLL_PATCH 0
#define COLL_VERSION_CODE (COLL_MAJOR * 10000 + COLL_MINOR * 100 + COLL_PATCH)

#if defined(__GNUC__)
#define COLL_API __attribute__((visibility("default")))
#else
#define COLL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Results ---------------------------------------------------------------------------------------- */

typedef enum {
  collSuccess = 0,
  collUnhandledCudaError = 1,
  collSystemError = 2,
  collInternalError = 3,
  collInvalidArgument = 4,
  collInvalidUsage = 5,
  collRemoteError = 6,
  collInProgress = 7,
  collTimeout = 8,
  collCorruptData = 9,
  collUnsupported = 10,
  collNumResults = 11
} collResult_t;

typedef struct collComm* collComm_t;      /* a communicator; one thread at a time uses it */
typedef struct collCodec* collCodec_t;    /* a codec with the state of one tensor */
typedef struct CUstream_st* collStream_t; /* a host stream of collStreamCreate(), or a cudaStream_t */

/* What a result code means, in a few words; a static string, also for unknown codes. */
COLL_API const char* collGetErrorString(collResult_t result);

/* The last failure on this thread in words: which call, which rank or peer (as "rank N"), which object, and what
 * to do about it. `comm` may be NULL; with a communicator that was poisoned, why it was. "" if nothing failed.
 * The text belongs to the library and is valid until the thread's next call into it. */
COLL_API const char* collGetLastError(collComm_t comm);

/* COLL_VERSION_CODE of the library that is loaded. Works at any time, before MPI_Init too. */
COLL_API collResult_t collGetVersion(int* version);

/* ---- Communicators ---------------------------------------------------------------------------------- */

#define COLL_UNIQUE_ID_BYTES 128
typedef struct {
  char internal[COLL_UNIQUE_ID_BYTES];
} collUniqueId;

#define COLL_UNSET (-2147483647 - 1) /* INT_MIN: this field of collConfig_t was not set by the program */

/* What a program may choose for one communicator. Start from COLL_CONFIG_INITIALIZER and set what you need.
 * A field that is left unset is filled from the environment, then from the default. */
typedef struct {
  size_t size;       /* sizeof(collConfig_t); set by the initialiser */
  const char* codec; /* spec of the codec of the plain calls; default "none" */
  int timeout_ms;    /* how long a call waits for its peers; default 600000 */
  int deterministic; /* 1: bits do not depend on size, chunking, algorithm or placement; default 0 */
  int check; /* compare the ranks' arguments: 0 never, 1 the first calls (default), 2 every call, with checksums */
  size_t buffer_bytes; /* staging memory a communicator may use; 0 is unset; default 16 MiB */
} collConfig_t;
#define COLL_CONFIG_INITIALIZER \
  { sizeof(collConfig_t), NULL, COLL_UNSET, COLL_UNSET, COLL_UNSET, 0 }

/* Makes an id that `nranks` processes use to find each other: an address of this process and a secret. One rank calls
 * this and hands the 128 bytes to the others in any way. Needs no MPI. The process keeps a listening socket and a
 * thread until the ranks have met (or COLL_TIMEOUT_MS has passed). */
COLL_API collResult_t collGetUniqueId(collUniqueId* id);

/* Joins a communicator of `nranks` ranks as `rank`. Blocks until all have joined or the time-out passes
 * (collTimeout, naming the ranks that did not come). Ranks on several nodes need UCX, or MPI initialised. */
COLL_API collResult_t collCommInitRank(collComm_t* comm, int nranks, collUniqueId id, int rank);
COLL_API collResult_t collCommInitRankConfig(collComm_t* comm, int nranks, collUniqueId id, int rank,
                                             const collConfig_t* config);

/* Finishes what is pending on the communicator's streams; blocks. Afterwards only collCommDestroy is of use. */
COLL_API collResult_t collCommFinalize(collComm_t comm);
/* Frees the communicator, finalising it first where that was not done. NULL is accepted. */
COLL_API collResult_t collCommDestroy(collComm_t comm);
/* Gives the communicator up at once: local, never blocks, callable from another thread than the one that waits.
 * Calls in progress return collRemoteError; peers are told. The handle still has to be destroyed. */
COLL_API collResult_t collCommAbort(collComm_t comm);
/* The error that poisoned the communicator, collInProgress while stream work is pending, or collSuccess.
 * Also advances pending stream work. */
COLL_API collResult_t collCommGetAsyncError(collComm_t comm, collResult_t* async_error);
COLL_API collResult_t collCommCount(collComm_t comm, int* count);
COLL_API collResult_t collCommUserRank(collComm_t comm, int* rank);
/* A communicator of the ranks of `comm` that give the same `color`, in the order of `key`, then of their rank.
 * Collective over `comm`; blocks. With COLL_SPLIT_NOCOLOR a rank takes part and gets NULL. What `config` (may be NULL)
 * leaves unset is as in `comm`. The new communicator may outlive `comm`. */
#define COLL_SPLIT_NOCOLOR (-1)
COLL_API collResult_t collCommSplit(collComm_t comm, int color, int key, collComm_t* newcomm,
                                    const collConfig_t* config);
/* Memory behind the communicator at this moment: what its transports share, and the staging memory, which all
 * communicators of the process share. Either pointer may be NULL. */
COLL_API collResult_t collCommMemUsage(collComm_t comm, size_t* host_bytes, size_t* device_bytes);
/* The CUDA device that the communicator's calls on device buffers run on: that of the first of them; -1 before. */
COLL_API collResult_t collCommCuDevice(collComm_t comm, int* device);

/* ---- Collectives ------------------------------------------------------------------------------------ */

typedef enum {
  collInt8 = 0,
  collChar = 0,
  collUint8 = 1,
  collInt32 = 2,
  collInt = 2,
  collUint32 = 3,
  collInt64 = 4,
  collUint64 = 5,
  collFloat16 = 6,
  collHalf = 6,
  collFloat32 = 7,
  collFloat = 7,
  collFloat64 = 8,
  collDouble = 8,
  collBfloat16 = 9,
  collFloat8e4m3 = 10,
  collFloat8e5m2 = 11,
  collNumTypes = 12
} collDataType_t;

typedef enum {
  collSum = 0,
  collProd = 1,
  collMax = 2,
  collMin = 3,
  collAvg = 4,
  collNumOps = 5,
  collMaxRedOp = 0x7fffffff
} collRedOp_t;

/* With stream NULL a call on host memory runs on the caller's thread and returns when the result is there.
 * With a host stream it returns at once; calls on one stream complete in order.
 *
 * With buffers that are memory of a CUDA device, or with a CUDA stream (then NULL is the default stream), the call
 * returns when it has been enqueued, and never waits for the device but to allocate staging memory, at a stream's first
 * call or a longer one. The result is there when the stream comes to it: what was on the stream before the call happens
 * before it, what is put there later after it. Each buffer may be device, managed, pinned or ordinary memory, and ranks
 * may differ in that. All device buffers of a communicator's calls are on one device (else collInvalidArgument). While
 * the stream is captured into a graph, calls are collInvalidUsage; so they are where the library's progress thread,
 * which moves them on, may not run: with COLL_PROGRESS=off, and over MPI below MPI_THREAD_MULTIPLE (use UCX or shared
 * memory there). What goes wrong after a call has returned shows in collCommGetAsyncError; the stream then goes on,
 * with whatever is in the buffers. Two ranks of one process need streams of their own. At most 16 collectives of a
 * communicator are in flight; one more waits, moving them on, before it returns.
 *
 * `send` is read only and may equal `recv` where NCCL allows it; any other overlap is collInvalidArgument.
 * count == 0 succeeds. All ranks end with the same bits. 16- and 8-bit floats are summed in float32 and rounded once;
 * integer sums wrap; collAvg of integers truncates towards zero. */

/* When the scalar of an operator is read: when a call is executed, or at once. */
typedef enum { collScalarDevice = 0, collScalarHostImmediate = 1 } collScalarResidence_t;
/* Makes an operator of `comm` that multiplies this rank's data by *scalar, which is one element of `type`, then sums.
 * The product is rounded to `type`; integers wrap. For calls with data of that type, until it is destroyed. */
COLL_API collResult_t collRedOpCreatePreMulSum(collRedOp_t* op, void* scalar, collDataType_t type,
                                               collScalarResidence_t residence, collComm_t comm);
COLL_API collResult_t collRedOpDestroy(collRedOp_t op, collComm_t comm);

/* recv[0..count) on every rank = send[0..count) of all ranks, reduced by `op`. In place: send == recv. */
COLL_API collResult_t collAllReduce(const void* send, void* recv, size_t count, collDataType_t type, collRedOp_t op,
                                    collComm_t comm, collStream_t stream);
/* send has nranks*recvcount elements; recv[0..recvcount) on rank r = elements [r*recvcount, (r+1)*recvcount), reduced.
 * In place: recv == send + rank*recvcount. */
COLL_API collResult_t collReduceScatter(const void* send, void* recv, size_t recvcount, collDataType_t type,
                                        collRedOp_t op, collComm_t comm, collStream_t stream);
/* recv has nranks*sendcount elements, rank r's at r*sendcount. In place: send == recv + rank*sendcount. */
COLL_API collResult_t collAllGather(const void* send, void* recv, size_t sendcount, collDataType_t type,
                                    collComm_t comm, collStream_t stream);
/* recv[0..count) on every rank = send[0..count) of `root`. `send` may be NULL off the root. In place: send == recv. */
COLL_API collResult_t collBroadcast(const void* send, void* recv, size_t count, collDataType_t type, int root,
                                    collComm_t comm, collStream_t stream);
/* recv[0..count) on `root` = send[0..count) of all ranks, reduced by `op`. `recv` may be NULL off the root. In place:
 * send == recv. */
COLL_API collResult_t collReduce(const void* send, void* recv, size_t count, collDataType_t type, collRedOp_t op,
                                 int root, collComm_t comm, collStream_t stream);
/* On `root` recv has nranks*count elements, rank r's at r*count. `recv` may be NULL off the root. In place at the root:
 * send == recv + rank*count. */
COLL_API collResult_t collGather(const void* send, void* recv, size_t count, collDataType_t type, int root,
                                 collComm_t comm, collStream_t stream);
/* recv[0..count) on rank r = elements [r*count, (r+1)*count) of `root`'s send. `send` may be NULL off the root. In
 * place at the root: recv == send + rank*count. */
COLL_API collResult_t collScatter(const void* send, void* recv, size_t count, collDataType_t type, int root,
                                  collComm_t comm, collStream_t stream);
/* send and recv have nranks*count elements: block d of send goes to rank d, block s of recv comes from rank s. Not in
 * place: the buffers must be apart. */
COLL_API collResult_t collAlltoAll(const void* send, void* recv, size_t count, collDataType_t type, collComm_t comm,
                                   collStream_t stream);
/* Returns (or completes on the stream) when every rank has called it. */
COLL_API collResult_t collBarrier(collComm_t comm, collStream_t stream);

/* Sends send[0..count) to rank `peer`, which calls collRecv with the same count and type; what differs is
 * collInvalidUsage there. The k-th send of one rank to another meets its k-th receive from that rank. Returns (or
 * completes on the stream) when `send` may be used again. To itself a rank sends within a group only. */
COLL_API collResult_t collSend(const void* send, size_t count, collDataType_t type, int peer, collComm_t comm,
                               collStream_t stream);
COLL_API collResult_t collRecv(void* recv, size_t count, collDataType_t type, int peer, collComm_t comm,
                               collStream_t stream);

/* Between these two, collectives, sends and receives of this thread, on any communicators and streams, return at once;
 * they are issued together by the collGroupEnd that closes the outermost group, and it blocks where one of them had no
 * stream. So sends and receives may stand in any order; collectives of one communicator stay in theirs. A call that is
 * refused inside a group returns its error, and the group then issues nothing and ends with that error. Groups nest.
 * Other calls act at once, inside a group too. */
COLL_API collResult_t collGroupStart(void);
COLL_API collResult_t collGroupEnd(void);

/* ---- Host streams ----------------------------------------------------------------------------------- */

/* Calls on a host stream return at once and complete in order. They advance on a thread of the
 * library where the machine has a hardware thread to spare (COLL_PROGRESS) and the transports allow it, and inside the
 * library's own calls: any blocking call, collStreamQuery and collCommGetAsyncError move every stream of the process
 * on. With the thread a time-out also passes while the program computes. */
COLL_API collResult_t collStreamCreate(collStream_t* stream);
/* Blocks until everything enqueued has completed; returns the first failure among it. */
COLL_API collResult_t collStreamSynchronize(collStream_t stream);
/* collSuccess when everything has completed, collInProgress while work is pending, or its first failure. */
COLL_API collResult_t collStreamQuery(collStream_t stream);
/* Completes pending work, then frees the stream. */
COLL_API collResult_t collStreamDestroy(collStream_t stream);

/* ---- Memory ------------------------------------------------------------------------------------------ */

/* `bytes` of zeroed, page-aligned memory that the other ranks of the node read where it lies, so that collectives on it
 * copy less. It belongs to the process: any communicator may use it, before or after it was made. The memory is given
 * at once, not at first touch; bytes == 0 gives NULL. */
COLL_API collResult_t collMemAlloc(void** ptr, size_t bytes);
/* `bytes` of zeroed memory of CUDA device `device`, by cudaMalloc(). From 2 MiB on the other ranks of the node read
 * messages in it where they lie, so that collectives on it copy less. Loads the driver where the program has not.
 * collUnsupported where there is none, or no libcoll_cuda.so. May wait for the device's work. */
COLL_API collResult_t collMemAllocDevice(void** ptr, size_t bytes, int device);
/* Frees memory of either kind. Not while a collective, or work of a device, uses it: what other ranks have been told of
 * stays the process's, and is given to the next that asks for as much. May wait for the device. NULL does nothing. */
COLL_API collResult_t collMemFree(void* ptr);
/* Says that collectives on `comm` will use this buffer often; a hint, which changes no result. Buffers of
 * collMemAlloc() need none: in a node they are mapped at first use. `*handle` is for collCommDeregister(), which comes
 * before the communicator is destroyed. Both are local. */
COLL_API collResult_t collCommRegister(collComm_t comm, void* ptr, size_t bytes, void** handle);
COLL_API collResult_t collCommDeregister(collComm_t comm, void* handle);

/* ---- Compression ------------------------------------------------------------------------------------ */

typedef enum {
  collBoundNone = 0,     /* lossless: no error */
  collBoundRelative = 1, /* one encoding errs by at most bound_value * |x|, for x in the codec's normal range */
  collBoundBlockMax = 2, /* one encoding errs by at most bound_value * the largest magnitude of the element's block */
  collBoundResult = 3,   /* the collective's result errs by at most bound_value * the sum (max, min and where nothing is
                            reduced: the largest) of the largest magnitudes of the ranks' data; codec auto */
  collBoundAbsolute = 4  /* the collective's result errs by at most bound_value; codec auto with abs */
} collBoundKind_t;

typedef struct {
  size_t size; /* set to sizeof(collCodecInfo_t) before the call */
  char name[32];
  int lossless;            /* 1: decoding gives back the same bits */
  double bits_per_element; /* on the wire for float32 input and long messages, block scales included */
  collBoundKind_t bound_kind;
  double bound_value;
  size_t block; /* elements that share a scale; 1 where there are no blocks */
} collCodecInfo_t;

/* `spec` is name[:key=value[,key=value]...]; an unknown name or key is collInvalidArgument with the valid ones. Threads
 * and communicators may share a codec; with rounding=stochastic, a call's draws then follow from the order of calls. */
COLL_API collResult_t collCodecCreate(collCodec_t* codec, const char* spec);
COLL_API collResult_t collCodecDestroy(collCodec_t codec);
COLL_API collResult_t collCodecGetInfo(collCodec_t codec, collCodecInfo_t* info);
/* The most bytes that encoding `count` elements of `type` can take. */
COLL_API collResult_t collCodecMaxBytes(collCodec_t codec, size_t count, collDataType_t type, size_t* bytes);
/* Encodes in[0..count) to out[0..*bytes); `capacity` must be at least collCodecMaxBytes. Both buffers are host memory,
 * with stream NULL, or both are memory of one CUDA device: then the work is enqueued on the CUDA stream (NULL is the
 * default stream), *bytes is set at once, and the bytes are those that the host would make. */
COLL_API collResult_t collCodecEncode(collCodec_t codec, const void* in, size_t count, collDataType_t type, void* out,
                                      size_t capacity, size_t* bytes, collStream_t stream);
/* Decodes exactly `count` elements; bytes that are not such a message are collCorruptData and `out` is unspecified.
 * Memory and stream as for collCodecEncode. */
COLL_API collResult_t collCodecDecode(collCodec_t codec, const void* in, size_t bytes, void* out, size_t count,
                                      collDataType_t type, collStream_t stream);
COLL_API collResult_t collAllReduceCompressed(const void* send, void* recv, size_t count, collDataType_t type,
                                              collRedOp_t op, collCodec_t codec, collComm_t comm, collStream_t stream);
COLL_API collResult_t collReduceScatterCompressed(const void* send, void* recv, size_t recvcount, collDataType_t type,
                                                  collRedOp_t op, collCodec_t codec, collComm_t comm,
                                                  collStream_t stream);
COLL_API collResult_t collAllGatherCompressed(const void* send, void* recv, size_t sendcount, collDataType_t type,
                                              collCodec_t codec, collComm_t comm, collStream_t stream);

/* ---- Seeing what happened --------------------------------------------------------------------------- */

typedef struct {
  size_t size;                       /* set to sizeof(collStats_t) before the call */
  uint64_t calls;                    /* collectives, sends and receives finished on this communicator */
  uint64_t exact_bytes;              /* what the same plans would have handed over without a codec */
  uint64_t sent_bytes;               /* what this rank handed to others, by any transport */
  double encode_s, reduce_s, wait_s; /* seconds spent encoding, reducing and decoding, waiting for peers */
  uint64_t exact_calls, compressed_calls;
} collStats_t;
COLL_API collResult_t collCommGetStats(collComm_t comm, collStats_t* stats);

typedef enum {
  collFuncAllReduce,
  collFuncReduceScatter,
  collFuncAllGather,
  collFuncBroadcast,
  collFuncReduce,
  collFuncAlltoAll,
  collFuncGather,
  collFuncScatter,
  collFuncSendRecv /* the plan of a send to the next rank */
} collFunc_t;

/* The plan that a call with these arguments would run on this rank, as JSON text with a closing zero byte. `needed`
 * (may be NULL) gets the bytes of the whole text, zero byte included. `json` NULL or too small: collInvalidArgument
 * where json is not NULL, success where it is. `codec` NULL: the communicator's default. Local, never blocks.
 * {"algorithm":..,"transports":[..],"chunks":..,"quantisations":..,"predicted_us":..,"steps":[..]} */
COLL_API collResult_t collCommQueryPlan(collComm_t comm, collFunc_t func, size_t count, collDataType_t type,
                                        collCodec_t codec, char* json, size_t capacity, size_t* needed);

/* Writes what this communicator knows of its nodes and where its ranks are, as the name's ending says: .txt, .json,
 * .svg (a drawing), or .xml (hwloc's XML of this rank's node alone, for COLL_TOPO_FILE). Local, never blocks. */
COLL_API collResult_t collCommDumpTopology(collComm_t comm, const char* path);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* COLL_COLL_H_ */
