// Whole hops as executions have them, made by kernels one after another, against what run_hop() makes of the same.
#include "runtime/device_hops.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/device_hops.hpp"
#include "support/emulated_kernels.hpp"
#include "unit/compression/test_data.hpp"

namespace coll {
namespace {

using testing::GuardedBuffer;

struct Part {
  Wire wire;
  bool recode = false;
};

struct Case {
  std::string spec;
  DataType type;
  RedOp op = collSum;
  size_t count = 0;
  std::vector<Part> parts{};
  bool finish = false;
  bool native = false, partial = false, coded = false;
  int in_place = -1;       // the contribution whose place `native` takes
  bool any_bytes = false;  // messages that no encoder made
  size_t offset = 0;       // of the buffers from an aligned address
  test::HopData data = test::HopData::kGradients;
  unsigned seed = 0;
};

std::string describe(const Case& c) {
  std::string parts;
  for (const Part& part : c.parts) {
    parts += text(" ", kWireNames[static_cast<size_t>(part.wire)], part.recode ? " recoded" : "");
  }
  return text(c.spec, " ", info(c.type).name, " ", name(c.op), " count ", c.count, ":", parts,
              c.finish ? " finish" : "", " to", c.native ? " native" : "", c.partial ? " partial" : "",
              c.coded ? " coded" : "", " in place ", c.in_place, c.any_bytes ? " any bytes" : "", " offset ", c.offset,
              " data ", static_cast<int>(c.data), " seed ", c.seed);
}

bool any(const Case& c, Wire wire) {
  return std::any_of(c.parts.begin(), c.parts.end(), [wire](const Part& part) { return part.wire == wire; });
}

Hop hop_of(const Case& c, const Codec& codec) {
  Hop hop{c.type, c.op, 1 + static_cast<int>(c.seed % 9), c.spec == "none" ? nullptr : &codec, {}, c.count, c.finish};
  hop.draw = {c.seed, static_cast<int>(c.seed % 7), (size_t{1} << 32) - 300};
  hop.stream = hop.codec == nullptr && !c.partial && c.seed % 2 == 0;
  return hop;
}

std::vector<std::byte> contribution(const Case& c, const Part& part, const Codec& codec, unsigned seed) {
  if (part.wire == Wire::kNative) return test::make_elements(c.type, c.count, c.data, seed);
  if (part.wire == Wire::kPartial) return test::make_elements(accumulator_of(c.type), c.count, c.data, seed);
  if (c.any_bytes) return test::make_elements(collUint8, codec.max_bytes(c.count), c.data, seed);
  const std::vector<std::byte> elements = test::make_elements(c.type, c.count, c.data, seed);
  std::vector<std::byte> message(codec.max_bytes(c.count));
  Hop hop{c.type, collSum, 1, &codec, {}, c.count};
  hop.coded = message.data();
  const Contribution only{Wire::kNative, elements.data()};
  run_hop(hop, {&only, 1});
  return message;
}

using Inputs = std::vector<std::vector<std::byte>>;

Inputs inputs_of(const Case& c, const Codec& codec) {
  Inputs inputs;
  for (const Part& part : c.parts) {
    inputs.push_back(contribution(c, part, codec, c.seed + static_cast<unsigned>(inputs.size())));
  }
  return inputs;
}

// The buffers of a case on one side: copies of the inputs, room for the outputs.
struct Side {
  Hop hop;
  std::vector<GuardedBuffer> inputs;
  GuardedBuffer native, partial, coded;
  std::vector<Contribution> contributions;

  Side(const Case& c, const Codec& codec, const Inputs& from, size_t offset)
      : hop(hop_of(c, codec)),
        native(c.count * size_of(c.type), offset),
        partial(c.partial ? c.count * size_of(accumulator_of(c.type)) : 0, offset),
        coded(c.coded ? codec.max_bytes(c.count) : 0, offset) {
    inputs.reserve(from.size());
    for (size_t j = 0; j < from.size(); ++j) {
      GuardedBuffer& input = inputs.emplace_back(from[j].size(), offset);
      std::memcpy(input.data(), from[j].data(), from[j].size());
      contributions.push_back({c.parts[j].wire, input.data(), c.parts[j].recode});
    }
    if (c.native) hop.native = c.in_place >= 0 ? inputs[static_cast<size_t>(c.in_place)].data() : native.data();
    if (c.partial) hop.partial = partial.data();
    if (c.coded) hop.coded = coded.data();
  }
  bool guards_intact() const {
    return native.guards_intact() && partial.guards_intact() && coded.guards_intact() &&
           std::all_of(inputs.begin(), inputs.end(), [](const GuardedBuffer& one) { return one.guards_intact(); });
  }
};

std::string difference(const char* what, GuardedBuffer* expected, GuardedBuffer* actual) {
  const std::vector<std::byte> bytes(expected->bytes().begin(), expected->bytes().end());
  const std::string first = test::first_difference(bytes, actual->data());
  return first.empty() ? "" : text(what, ": ", first);
}

// A kernel may read no output, and reads every contribution once.
struct Machine {
  const Hop& hop;
  test::EmulatedGrid grid;
  std::vector<const void*> read{};
  int hops = 0;

  Status operator()(const DeviceHop& kernel) {
    ++hops;
    std::vector<const void*> from(kernel.messages.begin(), kernel.messages.end());
    if (kernel.own != nullptr) from.push_back(kernel.own);
    for (const void* const one : from) {
      if (one == hop.partial || one == hop.coded) return {collInternalError, "reads an output"};
      read.push_back(one);
    }
    return run_emulated(kernel, grid);
  }
  bool read_once(const void* data) const { return std::count(read.begin(), read.end(), data) == 1; }
};

std::string compare_with_host(const Case& c) {
  std::unique_ptr<Codec> codec;
  if (!make_codec(c.spec, &codec).ok()) return text("no codec ", c.spec);
  const Inputs inputs = inputs_of(c, *codec);
  Side host(c, *codec, inputs, 0), device(c, *codec, inputs, c.offset);
  run_hop(host.hop, host.contributions);

  GuardedBuffer scratch(device_hop_cost(device.hop, device.contributions).scratch_bytes, c.offset);
  Machine machine{device.hop, {1 + c.seed % 3, 1 + c.seed % 4}};
  const Status status = run_hop_on_device(device.hop, device.contributions, scratch.data(), std::ref(machine));
  if (!status.ok()) return status.message();
  for (const Contribution& one : device.contributions) {
    if (!machine.read_once(one.data)) return "reads a contribution twice or not at all";
  }
  if (!device.guards_intact() || !scratch.guards_intact()) return "wrote beyond its result";
  std::string all = difference("native", &host.native, &device.native) +
                    difference("partial", &host.partial, &device.partial) +
                    difference("coded", &host.coded, &device.coded);
  for (size_t j = 0; j < inputs.size(); ++j) {
    all += difference(text("contribution ", j).c_str(), &host.inputs[j], &device.inputs[j]);
  }
  return all;
}

class Cases {
 public:
  Cases(std::string spec, DataType type)
      : spec_(std::move(spec)),
        type_(type),
        random_(static_cast<unsigned>(type) + static_cast<unsigned>(spec_.size())) {}

  Case next() {
    Case c{spec_, type_};
    c.seed = random_();
    c.count = size_t{1} + (chance(3) ? random_() % 9000 : random_() % 700);
    c.parts = chance(3) ? mixed() : planned();
    const bool exact = !any(c, Wire::kCoded) && spec_ == "none";
    const RedOp ops[] = {collSum, collSum, collAvg, collMax, collMin, exact ? collProd : collSum};
    c.op = ops[random_() % std::size(ops)];
    c.finish = chance(2);
    outputs(&c);
    c.any_bytes = chance(4);
    c.offset = chance(3) ? 0 : random_() % 17;
    c.data = static_cast<test::HopData>(random_() % 3);
    return c;
  }

 private:
  bool chance(unsigned one_in) { return random_() % one_in == 0; }
  bool exact() const { return spec_ == "none"; }

  // Messages of one kind, mostly with the rank's own contribution somewhere among them.
  std::vector<Part> planned() {
    const Wire wires[] = {Wire::kNative, Wire::kPartial};
    const Wire wire = exact() ? wires[random_() % 2] : Wire::kCoded;
    std::vector<Part> parts(random_() % 6, {wire});
    const Part own{chance(4) ? Wire::kPartial : Wire::kNative};
    if (parts.empty() || !chance(4)) {
      const auto at = chance(2) ? 0 : static_cast<std::ptrdiff_t>(random_() % (parts.size() + 1));
      parts.insert(parts.begin() + at, {own.wire, !exact() && own.wire == Wire::kNative && !chance(3)});
    }
    return parts;
  }
  std::vector<Part> mixed() {
    std::vector<Part> parts(1 + random_() % 7);
    for (Part& part : parts) {
      part.wire = static_cast<Wire>(random_() % (exact() ? 2 : 3));
      part.recode = !exact() && part.wire == Wire::kNative && chance(2);
    }
    return parts;
  }
  void outputs(Case* c) {
    c->coded = !exact() && chance(2);
    c->partial = chance(c->coded ? 8 : 3);
    c->native = (!c->coded && !c->partial) || chance(3);
    const auto at = random_() % c->parts.size();
    if (c->native && c->parts[at].wire == Wire::kNative && chance(2)) c->in_place = static_cast<int>(at);
  }

  const std::string spec_;
  const DataType type_;
  std::mt19937 random_;
};

class DeviceHops : public ::testing::TestWithParam<std::string> {};

TEST_P(DeviceHops, MakeWhatTheHostMakes) {
  const std::string spec = GetParam();
  for (int type = 0; type < collNumTypes; ++type) {
    const auto data_type = static_cast<DataType>(type);
    if (spec != "none" && !info(data_type).is_float) continue;
    Cases cases(spec, data_type);
    for (int i = 0; i < (spec == "none" ? 400 : 150); ++i) {
      const Case c = cases.next();
      ASSERT_EQ(compare_with_host(c), "") << describe(c);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Specs, DeviceHops, ::testing::ValuesIn(test::hop_specs()), [](const auto& test) {
  std::string label = test.param;
  for (char& c : label) c = c == ':' || c == '=' || c == ',' ? '_' : c;
  return label;
});

// More contributions than one kernel takes.
TEST(ManyContributions, AreCombinedBySeveralKernels) {
  for (const DataType type : {collInt32, collFloat32, collBfloat16}) {
    for (const Wire wire : {Wire::kNative, Wire::kPartial}) {
      Case c{"none", type, collAvg, 300, std::vector<Part>(600, {wire}), true, true};
      c.parts[400].wire = Wire::kNative;
      EXPECT_EQ(compare_with_host(c), "") << describe(c);
    }
  }
  Case c{"int8", collFloat16, collSum, 300, std::vector<Part>(300, {Wire::kCoded})};
  c.coded = c.native = true;
  EXPECT_EQ(compare_with_host(c), "") << describe(c);
}

}  // namespace
}  // namespace coll
