# NVTX: a header that names ranges of time to a profiler, where it is found (CUDA's toolkit has it). Nothing is linked.
option(COLL_NVTX "name calls and their stages to profilers by NVTX, where its header is found" ON)
set(COLL_HAS_NVTX OFF)
if(COLL_NVTX)
  find_path(COLL_NVTX_INCLUDE nvtx3/nvToolsExt.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ENV CUDA_PATH /usr/local/cuda
            PATH_SUFFIXES include)
  mark_as_advanced(COLL_NVTX_INCLUDE)
  if(COLL_NVTX_INCLUDE)
    set(COLL_HAS_NVTX ON)
  endif()
endif()
