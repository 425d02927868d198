// Tests of devices run with the machine's: main() has loaded the driver, or they do not run.
#include "tests/support/device_buffer.hpp"

namespace coll::test {

std::unique_ptr<DevicePort> device_port_of_tests() { return std::make_unique<DevicePort>(); }

}  // namespace coll::test
