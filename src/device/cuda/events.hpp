// Moments in the work of streams, as events.
#pragma once

#include "device/operations.hpp"

namespace coll::device::cuda {

Status make_mark(std::unique_ptr<DeviceMark>* mark);
Status make_timer(std::unique_ptr<DeviceTimer>* timer);

}  // namespace coll::device::cuda
