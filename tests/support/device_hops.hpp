// Hops as a device may be asked for them, and whether what it makes of them is what the host's run_hop() makes, to the
// bit: every codec, type and operator; NaN, infinities and subnormals; tails; odd addresses.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "device/hop.hpp"

namespace coll::test {

enum class HopData { kGradients, kAnyBits, kHardFew };

// Elements of any type, made of floats where it is one.
std::vector<std::byte> make_elements(DataType type, size_t count, HopData data, unsigned seed);

struct HopCase {
  std::string spec;
  DataType type;
  RedOp op = collSum;
  size_t count = 0;
  int messages = 0;        // 0: own elements become a message
  bool own = false;        // own elements come before the messages
  bool in_place = false;   // ... and the result takes their place
  bool coded = false;      // the result is a message
  bool twice = false;      // ... or elements, in two places
  bool any_bytes = false;  // messages that no encoder made
  int divisor = 0;
  size_t offset = 0;  // of the buffers from an aligned address
  HopData data = HopData::kGradients;
  unsigned seed = 0;
};

std::string describe(const HopCase& hop);

// A few fixed ones of every kind and `more` at random.
std::vector<HopCase> hop_cases(const std::string& spec, DataType type, int more);

// Runs a hop whose pointers are host memory, and has its result there when it returns.
using HopMachine = std::function<Status(const DeviceHop&)>;

// "" where the machine makes the host's bytes and writes nothing else.
std::string compare_with_host(const HopCase& hop, const HopMachine& machine);

// "" where all bytes are the expected ones.
std::string first_difference(const std::vector<std::byte>& expected, const std::byte* actual);

// Every spec that the tests run through: each codec, with block sizes of every kind.
std::vector<std::string> hop_specs();

}  // namespace coll::test
