// Tests of devices run with one that is none.
#include "tests/support/async_device.hpp"
#include "tests/support/device_buffer.hpp"

namespace coll::test {

std::unique_ptr<DevicePort> device_port_of_tests() {
  return std::make_unique<DevicePort>(std::make_unique<AsyncDevice>());
}

}  // namespace coll::test
