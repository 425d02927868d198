#include "support/device_hops.hpp"

#include <cstring>
#include <memory>
#include <random>

#include "reduce/reduce.hpp"
#include "runtime/hop.hpp"
#include "unit/compression/test_data.hpp"

namespace coll::test {
namespace {

using testing::GuardedBuffer;

std::unique_ptr<Codec> codec_of(const HopCase& hop) {
  std::unique_ptr<Codec> codec;
  if (!make_codec(hop.spec, &codec).ok()) return nullptr;
  return codec;
}

bool exact(const HopCase& hop) { return hop.spec == "none"; }

size_t message_bytes(const HopCase& hop, const Codec& codec) {
  return exact(hop) ? hop.count * size_of(hop.type) : codec.max_bytes(hop.count);
}

std::vector<std::byte> make_message(const HopCase& hop, const Codec& codec, unsigned seed) {
  std::vector<std::byte> message(message_bytes(hop, codec));
  if (hop.any_bytes) {
    std::mt19937 random(seed);
    for (std::byte& byte : message) byte = static_cast<std::byte>(random());
    return message;
  }
  const std::vector<std::byte> elements = make_elements(hop.type, hop.count, hop.data, seed);
  if (exact(hop)) return elements;
  Hop encode{hop.type, collSum, 1, &codec, {}, hop.count};
  encode.coded = message.data();
  const Contribution only{Wire::kNative, elements.data()};
  if (hop.count != 0) run_hop(encode, {&only, 1});
  return message;
}

// Some in which the counters' upper halves change on the way.
Draw draw_of(const HopCase& hop) { return {hop.seed, static_cast<int>(hop.seed % 7), (size_t{1} << 32) - 300}; }

// All buffers of a case.
struct Buffers {
  std::vector<std::byte> own;
  std::vector<std::vector<std::byte>> messages;

  explicit Buffers(const HopCase& hop, const Codec& codec) {
    if (hop.own || hop.messages == 0) own = make_elements(hop.type, hop.count, hop.data, hop.seed);
    for (int j = 0; j < hop.messages; ++j) {
      messages.push_back(make_message(hop, codec, hop.seed + 1 + static_cast<unsigned>(j)));
    }
  }
};

std::vector<std::byte> host_result(const HopCase& hop, const Codec& codec, const Buffers& buffers) {
  const bool message = hop.coded;
  std::vector<std::byte> result(message ? message_bytes(hop, codec) : hop.count * size_of(hop.type));
  if (hop.count == 0) return result;
  Hop host{hop.type, hop.op, hop.divisor, exact(hop) ? nullptr : &codec, draw_of(hop), hop.count};
  host.finish = hop.divisor != 0;
  if (message && !exact(hop)) {
    host.coded = result.data();
  } else {
    host.native = result.data();
  }
  const bool copied = exact(hop) && hop.messages + (buffers.own.empty() ? 0 : 1) == 1 && hop.divisor == 0;
  if (copied) return buffers.own.empty() ? buffers.messages[0] : buffers.own;
  std::vector<Contribution> all;
  if (!buffers.own.empty()) all.push_back({Wire::kNative, buffers.own.data()});
  for (const auto& one : buffers.messages) all.push_back({exact(hop) ? Wire::kNative : Wire::kCoded, one.data()});
  run_hop(host, all);
  return result;
}

void copy_in(const std::vector<std::byte>& from, GuardedBuffer* to) {
  if (!from.empty()) std::memcpy(to->data(), from.data(), from.size());
}

HopCase random_case(const std::string& spec, DataType type, std::mt19937* random) {
  constexpr size_t kCounts[] = {1, 7, 31, 128, 129, 256, 300, 1024, 4095, 4096, 5003, 12288};
  constexpr int kMessages[] = {0, 1, 1, 2, 2, 3, 4, 5, 9};
  const auto pick = [random](const auto& all) { return all[(*random)() % std::size(all)]; };
  const auto chance = [random](unsigned one_in) { return (*random)() % one_in == 0; };
  const bool is_exact = spec == "none";
  HopCase hop{spec, type};
  hop.count = chance(2) ? pick(kCounts) : 1 + (*random)() % 6000;
  hop.messages = pick(kMessages);
  hop.coded = hop.messages == 0 || chance(2);
  const RedOp ops[] = {collSum, collSum, collMax, collMin, collAvg, is_exact ? collProd : collSum};
  hop.op = pick(ops);
  const bool may_own = !hop.coded || is_exact || type == accumulator_of(type);
  hop.own = hop.messages > 0 && may_own && chance(3);
  hop.in_place = hop.own && !hop.coded && chance(2);
  hop.twice = !hop.coded && chance(3);
  hop.divisor = hop.op == collAvg && hop.messages > 0 ? 1 + static_cast<int>((*random)() % 9) : 0;
  hop.any_bytes = hop.messages > 0 && chance(4);
  hop.offset = chance(3) ? 0 : (*random)() % 17;
  hop.data = static_cast<HopData>((*random)() % 3);
  hop.seed = (*random)();
  return hop;
}

}  // namespace

std::vector<std::byte> make_elements(DataType type, size_t count, HopData data, unsigned seed) {
  std::vector<std::byte> elements(count * size_of(type));
  std::mt19937 random(seed);
  if (!info(type).is_float || data == HopData::kAnyBits) {
    for (std::byte& byte : elements) byte = static_cast<std::byte>(random());
    return elements;
  }
  std::vector<float> floats =
      data == HopData::kGradients ? testing::gradients(count, seed) : testing::gradients_with_hard_values(count, seed);
  std::vector<double> wide(floats.begin(), floats.end());
  const void* const accumulators =
      type == collFloat64 ? static_cast<const void*>(wide.data()) : static_cast<const void*>(floats.data());
  reduce::store(type, accumulators, elements.data(), count);
  return elements;
}

std::string first_difference(const std::vector<std::byte>& expected, const std::byte* actual) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] != actual[i]) {
      return text("byte ", i, " of ", expected.size(), " is ", static_cast<int>(actual[i]), ", the host's ",
                  static_cast<int>(expected[i]));
    }
  }
  return "";
}

std::string describe(const HopCase& hop) {
  return text(hop.spec, " ", info(hop.type).name, " ", name(hop.op), " count ", hop.count, " messages ", hop.messages,
              hop.own ? " own" : "", hop.in_place ? " in place" : "",
              hop.coded   ? " to a message"
              : hop.twice ? " to elements twice"
                          : " to elements",
              hop.any_bytes ? " any bytes" : "", " divisor ", hop.divisor, " offset ", hop.offset, " data ",
              static_cast<int>(hop.data), " seed ", hop.seed);
}

std::vector<HopCase> hop_cases(const std::string& spec, DataType type, int more) {
  std::vector<HopCase> all;
  for (const size_t count : {size_t{0}, size_t{1}, size_t{8192}, size_t{20011}}) {
    for (const int messages : {0, 1, 2, 4, 7}) {
      for (const bool coded : {false, true}) {
        if (messages == 0 && !coded) continue;
        HopCase hop{spec, type};
        hop.count = count;
        hop.messages = messages;
        hop.coded = coded;
        hop.twice = !coded && messages % 2 == 0;
        hop.data = HopData::kHardFew;
        hop.seed = static_cast<unsigned>(count + static_cast<size_t>(messages));
        all.push_back(hop);
      }
    }
  }
  std::mt19937 random(static_cast<unsigned>(type) + 100 * static_cast<unsigned>(spec.size()));
  for (int i = 0; i < more; ++i) all.push_back(random_case(spec, type, &random));
  return all;
}

std::string compare_with_host(const HopCase& hop, const HopMachine& machine) {
  const std::unique_ptr<Codec> codec = codec_of(hop);
  if (codec == nullptr) return text("no codec ", hop.spec);
  const Buffers buffers(hop, *codec);
  const std::vector<std::byte> expected = host_result(hop, *codec, buffers);

  GuardedBuffer own(buffers.own.size(), hop.offset), result(expected.size(), hop.offset);
  GuardedBuffer again(hop.twice ? expected.size() : 0, hop.offset);
  copy_in(buffers.own, &own);
  std::vector<GuardedBuffer> messages;
  std::vector<const void*> addresses;
  messages.reserve(buffers.messages.size());
  for (const auto& message : buffers.messages) {
    copy_in(message, &messages.emplace_back(message.size(), hop.offset));
    addresses.push_back(messages.back().data());
  }
  std::byte* const to = hop.in_place ? own.data() : result.data();
  DeviceHop device{codec->traits().name, codec->traits().block, hop.type, hop.op, hop.count, hop.divisor};
  device.own = hop.own || hop.messages == 0 ? own.data() : nullptr;
  device.messages = addresses;
  (hop.coded ? device.coded : device.native) = to;
  device.also = hop.twice ? again.data() : nullptr;
  device.random = codec->traits().rounding.random;
  Draw draw = draw_of(hop);
  if (hop.messages > 0) draw.rank = Draw::kResult;
  device.draws = draws_of(codec->traits().rounding, draw, 0);
  if (const Status status = machine(device); !status.ok()) return status.message();
  if (!own.guards_intact() || !result.guards_intact() || !again.guards_intact()) return "wrote beyond its result";
  if (!hop.in_place) {
    if (const std::string changed = first_difference(buffers.own, own.data()); !changed.empty()) {
      return "changed its own elements: " + changed;
    }
  }
  if (hop.twice) {
    if (const std::string second = first_difference(expected, again.data()); !second.empty()) {
      return "in its second place: " + second;
    }
  }
  return first_difference(expected, to);
}

std::vector<std::string> hop_specs() {
  return {"none",
          "fp16",
          "fp16:rounding=stochastic,seed=5",
          "bf16",
          "bf16:rounding=stochastic",
          "fp8e4m3",
          "fp8e4m3:block=32",
          "fp8e4m3:block=4096",
          "fp8e5m2",
          "fp8e5m2:block=256",
          "int8",
          "int8:block=32",
          "int8:block=256",
          "int8:block=4096",
          "int8:block=64,rounding=stochastic",
          "int6",
          "int6:block=32",
          "int6:block=256",
          "int6:block=2048",
          "int6:rounding=stochastic",
          "int4",
          "int4:block=32",
          "int4:block=256",
          "int4:block=1024",
          "int4:block=512,rounding=stochastic,seed=3"};
}

}  // namespace coll::test
