/* The profiling twins of coll.h: every function under a second name with a p before it. A tool that defines collX in a
 * library which is loaded first, or in the program, sees the calls and hands them on to pcollX. */
#ifndef COLL_COLL_PROFILE_H_
#define COLL_COLL_PROFILE_H_

#include <coll/coll.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COLL_DECLARE_TWIN(name) COLL_API extern __typeof__(name) p##name

COLL_DECLARE_TWIN(collGetErrorString);
COLL_DECLARE_TWIN(collGetLastError);
COLL_DECLARE_TWIN(collGetVersion);
COLL_DECLARE_TWIN(collGetUniqueId);
COLL_DECLARE_TWIN(collCommInitRank);
COLL_DECLARE_TWIN(collCommInitRankConfig);
COLL_DECLARE_TWIN(collCommFinalize);
COLL_DECLARE_TWIN(collCommDestroy);
COLL_DECLARE_TWIN(collCommAbort);
COLL_DECLARE_TWIN(collCommGetAsyncError);
COLL_DECLARE_TWIN(collCommCount);
COLL_DECLARE_TWIN(collCommUserRank);
COLL_DECLARE_TWIN(collCommSplit);
COLL_DECLARE_TWIN(collCommMemUsage);
COLL_DECLARE_TWIN(collCommCuDevice);
COLL_DECLARE_TWIN(collRedOpCreatePreMulSum);
COLL_DECLARE_TWIN(collRedOpDestroy);
COLL_DECLARE_TWIN(collAllReduce);
COLL_DECLARE_TWIN(collReduceScatter);
COLL_DECLARE_TWIN(collAllGather);
COLL_DECLARE_TWIN(collBroadcast);
COLL_DECLARE_TWIN(collReduce);
COLL_DECLARE_TWIN(collGather);
COLL_DECLARE_TWIN(collScatter);
COLL_DECLARE_TWIN(collAlltoAll);
COLL_DECLARE_TWIN(collBarrier);
COLL_DECLARE_TWIN(collSend);
COLL_DECLARE_TWIN(collRecv);
COLL_DECLARE_TWIN(collGroupStart);
COLL_DECLARE_TWIN(collGroupEnd);
COLL_DECLARE_TWIN(collStreamCreate);
COLL_DECLARE_TWIN(collStreamSynchronize);
COLL_DECLARE_TWIN(collStreamQuery);
COLL_DECLARE_TWIN(collStreamDestroy);
COLL_DECLARE_TWIN(collMemAlloc);
COLL_DECLARE_TWIN(collMemAllocDevice);
COLL_DECLARE_TWIN(collMemFree);
COLL_DECLARE_TWIN(collCommRegister);
COLL_DECLARE_TWIN(collCommDeregister);
COLL_DECLARE_TWIN(collCodecCreate);
COLL_DECLARE_TWIN(collCodecDestroy);
COLL_DECLARE_TWIN(collCodecGetInfo);
COLL_DECLARE_TWIN(collCodecMaxBytes);
COLL_DECLARE_TWIN(collCodecEncode);
COLL_DECLARE_TWIN(collCodecDecode);
COLL_DECLARE_TWIN(collAllReduceCompressed);
COLL_DECLARE_TWIN(collReduceScatterCompressed);
COLL_DECLARE_TWIN(collAllGatherCompressed);
COLL_DECLARE_TWIN(collCommGetStats);
COLL_DECLARE_TWIN(collCommQueryPlan);
COLL_DECLARE_TWIN(collCommDumpTopology);

#undef COLL_DECLARE_TWIN

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* COLL_COLL_PROFILE_H_ */
