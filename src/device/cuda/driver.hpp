// Functions of the driver that the CUDA runtime has none for, found by name: libcoll_cuda.so does not link the driver.
#pragma once

#include <cuda.h>

#include "base/status.hpp"

namespace coll::device::cuda {

// In the form that CUDA 11.7 has it in. collUnsupported where the driver has no such function.
Status find_address(const char* name, void** function);

template <class Function>
Status find_in_driver(const char* name, Function** function) {
  return find_address(name, reinterpret_cast<void**>(function));
}

// `doing` says what failed: "changing the context".
Status checked(CUresult result, const char* doing);

}  // namespace coll::device::cuda
