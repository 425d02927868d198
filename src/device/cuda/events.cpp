#include "device/cuda/events.hpp"

#include <cuda_runtime_api.h>

#include "device/cuda/error.hpp"
#include "device/cuda/uncaptured.hpp"

namespace coll::device::cuda {

namespace {

class Event {
 public:
  Event() = default;
  ~Event() {
    if (event_ != nullptr) cudaEventDestroy(event_);
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  Status make(unsigned flags) { return checked(cudaEventCreateWithFlags(&event_, flags), "creating an event"); }
  Status record(collStream_t stream) const { return checked(cudaEventRecord(event_, stream), "recording an event"); }
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

class Timer final : public DeviceTimer {
 public:
  Status make() {
    COLL_TRY(begin_.make(cudaEventDefault));
    return end_.make(cudaEventDefault);
  }
  Status start(collStream_t stream) override { return begin_.record(stream); }
  Status stop(collStream_t stream) override { return end_.record(stream); }
  Status elapsed_us(double* us) override {
    float ms = 0;
    COLL_TRY(checked(cudaEventSynchronize(end_.get()), "waiting for an event"));
    COLL_TRY(checked(cudaEventElapsedTime(&ms, begin_.get(), end_.get()), "reading a time"));
    *us = 1e3 * static_cast<double>(ms);
    return {};
  }

 private:
  Event begin_, end_;
};

class Mark final : public DeviceMark {
 public:
  Status make() {
    const Uncaptured uncaptured;
    return event_.make(cudaEventDisableTiming);
  }
  Status set(collStream_t stream) override { return event_.record(stream); }
  Status hold(collStream_t stream) override {
    return checked(cudaStreamWaitEvent(stream, event_.get(), 0), "making a stream wait");
  }

 private:
  Event event_;
};

}  // namespace

Status make_mark(std::unique_ptr<DeviceMark>* mark) {
  auto made = std::make_unique<Mark>();
  COLL_TRY(made->make());
  *mark = std::move(made);
  return {};
}

Status make_timer(std::unique_ptr<DeviceTimer>* timer) {
  auto made = std::make_unique<Timer>();
  COLL_TRY(made->make());
  *timer = std::move(made);
  return {};
}

}  // namespace coll::device::cuda
