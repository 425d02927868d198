// Calls that CUDA forbids while any thread captures a graph, but that have nothing to do with that graph.
#pragma once

#include <cuda_runtime_api.h>

namespace coll::device::cuda {

// As long as it lives, what this thread does neither fails because of another thread's capture, nor spoils it.
class Uncaptured {
 public:
  Uncaptured() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~Uncaptured() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  Uncaptured(const Uncaptured&) = delete;
  Uncaptured& operator=(const Uncaptured&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace coll::device::cuda
