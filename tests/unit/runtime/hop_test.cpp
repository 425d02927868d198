// A hop works tile by tile; here the same stages are done one after another on whole buffers by the scalar kernels.
// Both must give the same bits, for every mix of contributions.
#include "runtime/hop.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "reduce/reduce.hpp"
#include "tests/support/elements.hpp"

namespace coll::test {

namespace {

struct Part {
  Wire wire;
  bool recode = false;
};

struct Recipe {
  DataType type = collFloat32;
  RedOp op = collSum;
  size_t count = 0;
  bool finish = true;
  const Codec* codec = nullptr;
  std::vector<Part> parts;
};

struct Products {
  Bytes native, partial, coded;
};

std::unique_ptr<Codec> codec_of(const char* spec) {
  std::unique_ptr<Codec> codec;
  const Status status = make_codec(spec, &codec, Isa::kScalar);
  EXPECT_TRUE(status.ok()) << status.message();
  return codec;
}

// Stages on whole buffers.
class Slowly {
 public:
  explicit Slowly(const Recipe& recipe) : r_(recipe), size_(size_of(accumulator_of(recipe.type))) {}

  Bytes load(const Bytes& native) const {
    Bytes accumulators(r_.count * size_);
    reduce::load(r_.type, native.data(), accumulators.data(), r_.count, Isa::kScalar);
    return accumulators;
  }
  Bytes store(const Bytes& accumulators) const {
    Bytes native(r_.count * size_of(r_.type));
    reduce::store(r_.type, accumulators.data(), native.data(), r_.count, Isa::kScalar);
    return native;
  }
  Bytes encode(const Bytes& accumulators) const {
    std::vector<float> floats(r_.count);
    const std::vector<double> numbers = to_doubles(accumulator_of(r_.type), accumulators.data(), r_.count);
    std::transform(numbers.begin(), numbers.end(), floats.begin(), [](double x) { return static_cast<float>(x); });
    Bytes message(r_.codec->max_bytes(r_.count));
    r_.codec->encode(floats.data(), {0, r_.count, r_.count}, {}, message.data());
    return message;
  }
  Bytes decode(const Bytes& message) const {
    std::vector<float> floats(r_.count);
    r_.codec->decode(message.data(), {0, r_.count, r_.count}, floats.data());
    return from_doubles(accumulator_of(r_.type), {floats.begin(), floats.end()});
  }
  void combine(Bytes* value, const Bytes& other) const {
    reduce::combine(accumulator_of(r_.type), r_.op, value->data(), other.data(), value->data(), r_.count, Isa::kScalar);
  }
  void finish(Bytes* value) const {
    if (r_.finish)
      reduce::finish(r_.type, r_.op, static_cast<int>(r_.parts.size()), value->data(), r_.count, Isa::kScalar);
  }

 private:
  const Recipe& r_;
  size_t size_;
};

struct Inputs {
  std::vector<Bytes> bytes;   // as they come
  std::vector<Bytes> values;  // as accumulators
};

Inputs inputs_of(const Recipe& recipe) {
  const Slowly slowly(recipe);
  Inputs inputs;
  const auto k = static_cast<int>(recipe.parts.size());
  for (int i = 0; i < k; ++i) {
    const Part& part = recipe.parts[static_cast<size_t>(i)];
    const Bytes native = make_input(recipe.type, {recipe.op == collProd, false}, recipe.count, i, k);
    const Bytes value = slowly.load(native);
    if (part.wire == Wire::kNative) {
      inputs.bytes.push_back(native);
      inputs.values.push_back(part.recode ? slowly.decode(slowly.encode(value)) : value);
    } else if (part.wire == Wire::kPartial) {
      inputs.bytes.push_back(value);
      inputs.values.push_back(value);
    } else {
      inputs.bytes.push_back(slowly.encode(value));
      inputs.values.push_back(slowly.decode(inputs.bytes.back()));
    }
  }
  return inputs;
}

Products slowly_run(const Recipe& recipe, const Inputs& inputs, bool coded) {
  const Slowly slowly(recipe);
  Bytes value = inputs.values[0];
  for (size_t i = 1; i < inputs.values.size(); ++i) slowly.combine(&value, inputs.values[i]);
  slowly.finish(&value);
  Products made;
  made.partial = value;
  if (coded) {
    made.coded = slowly.encode(value);
    value = slowly.decode(made.coded);
  }
  made.native = slowly.store(value);
  return made;
}

std::vector<Contribution> contributions_of(const Recipe& recipe, const Inputs& inputs) {
  std::vector<Contribution> all;
  for (size_t i = 0; i < recipe.parts.size(); ++i) {
    all.push_back({recipe.parts[i].wire, inputs.bytes[i].data(), recipe.parts[i].recode});
  }
  return all;
}

Hop hop_of(const Recipe& recipe) {
  Hop hop{recipe.type, recipe.op, static_cast<int>(recipe.parts.size()), recipe.codec, {}, recipe.count, recipe.finish};
  return hop;
}

// Every combination of products, and the output in the place of each native contribution.
void expect_same(const Recipe& recipe) {
  Inputs inputs = inputs_of(recipe);
  for (int wanted = 1; wanted < 16; ++wanted) {
    const bool native = (wanted & 1) != 0;
    const bool partial = (wanted & 2) != 0;
    const bool coded = (wanted & 4) != 0;
    const bool stream = (wanted & 8) != 0;
    if ((coded && recipe.codec == nullptr) || wanted == 8) continue;
    const Products due = slowly_run(recipe, inputs, coded);
    Products got{Bytes(native ? due.native.size() : 0), Bytes(partial ? due.partial.size() : 0),
                 Bytes(coded ? due.coded.size() : 0)};
    Hop hop = hop_of(recipe);
    hop.native = native ? got.native.data() : nullptr;
    hop.partial = partial ? got.partial.data() : nullptr;
    hop.coded = coded ? got.coded.data() : nullptr;
    hop.stream = stream;
    run_hop(hop, contributions_of(recipe, inputs));
    EXPECT_TRUE(!native || got.native == due.native) << "native of " << wanted;
    EXPECT_TRUE(!partial || got.partial == due.partial) << "partial of " << wanted;
    EXPECT_TRUE(!coded || got.coded == due.coded) << "coded of " << wanted;
  }
  for (size_t i = 0; i < recipe.parts.size(); ++i) {
    if (recipe.parts[i].wire != Wire::kNative) continue;
    const Products due = slowly_run(recipe, inputs, false);
    const Bytes saved = inputs.bytes[i];
    Hop hop = hop_of(recipe);
    hop.native = inputs.bytes[i].data();
    run_hop(hop, contributions_of(recipe, inputs));
    EXPECT_TRUE(inputs.bytes[i] == due.native) << "in the place of contribution " << i;
    inputs.bytes[i] = saved;
  }
}

// Mixes of wires as plans have them: of one kind, with a local contribution among messages, and one that is recoded.
std::vector<std::vector<Part>> mixes(bool coded) {
  const Part native{Wire::kNative};
  const Part partial{Wire::kPartial};
  std::vector<std::vector<Part>> all = {
      {native},          {partial},         {native, native},         {partial, partial},
      {native, partial}, {partial, native}, {native, native, native}, {partial, native, partial, native, partial},
  };
  if (!coded) return all;
  const Part message{Wire::kCoded};
  const Part recoded{Wire::kNative, true};
  for (const auto& mix : std::vector<std::vector<Part>>{{message},
                                                        {message, message},
                                                        {native, message},
                                                        {message, native, message},
                                                        {recoded, message},
                                                        {message, recoded, message, message},
                                                        {partial, message, message}}) {
    all.push_back(mix);
  }
  return all;
}

std::string describe(const Recipe& recipe) {
  std::string parts;
  for (const Part& part : recipe.parts) {
    parts += text(" ", kWireNames[static_cast<size_t>(part.wire)], part.recode ? " recoded" : "");
  }
  return text(info(recipe.type).name, " ", name(recipe.op), ", ", recipe.count, " elements,", parts, ", codec ",
              recipe.codec != nullptr ? recipe.codec->spec() : "none", recipe.finish ? ", finished" : "");
}

constexpr size_t kCounts[] = {1, 128, 4097};  // around one tile of every accumulator

TEST(Hop, ExactIsWhatItsStagesGive) {
  for (int type = 0; type < collNumTypes; ++type) {
    for (int op = 0; op < collNumOps; ++op) {
      for (const auto& mix : mixes(false)) {
        for (const size_t count : kCounts) {
          const Recipe recipe{static_cast<DataType>(type), static_cast<RedOp>(op), count, count % 2 == 1, nullptr, mix};
          SCOPED_TRACE(describe(recipe));
          expect_same(recipe);
        }
      }
    }
  }
}

TEST(Hop, CodedIsWhatItsStagesGive) {
  for (const char* spec : {"fp16", "bf16", "fp8e4m3", "int8", "int6", "int4", "int8:block=32"}) {
    const std::unique_ptr<Codec> codec = codec_of(spec);
    for (const DataType type : {collFloat16, collFloat32, collFloat64, collBfloat16, collFloat8e4m3, collFloat8e5m2}) {
      for (const RedOp op : {collSum, collMax, collMin, collAvg}) {
        for (const auto& mix : mixes(true)) {
          for (const size_t count : {size_t{129}, size_t{4097}}) {
            const Recipe recipe{type, op, count, count % 4 == 1, codec.get(), mix};
            SCOPED_TRACE(describe(recipe));
            expect_same(recipe);
            if (HasFailure()) return;
          }
        }
      }
    }
  }
}

TEST(Hop, OddAddresses) {
  const std::unique_ptr<Codec> codec = codec_of("int8");
  const size_t count = 5000;
  const Recipe recipe{collFloat32, collSum, count, true, codec.get(), {{Wire::kNative}, {Wire::kCoded}}};
  const Inputs inputs = inputs_of(recipe);
  std::vector<Bytes> shifted;
  std::vector<Contribution> parts;
  for (size_t i = 0; i < inputs.bytes.size(); ++i) {
    shifted.emplace_back(1).insert(shifted.back().end(), inputs.bytes[i].begin(), inputs.bytes[i].end());
  }
  for (size_t i = 0; i < shifted.size(); ++i) parts.push_back({recipe.parts[i].wire, shifted[i].data() + 1});
  const Products due = slowly_run(recipe, inputs, true);
  Bytes native(due.native.size() + 3);
  Bytes coded(due.coded.size() + 3);
  Hop hop = hop_of(recipe);
  hop.native = native.data() + 3;
  hop.coded = coded.data() + 3;
  run_hop(hop, parts);
  EXPECT_TRUE(std::equal(due.native.begin(), due.native.end(), native.begin() + 3));
  EXPECT_TRUE(std::equal(due.coded.begin(), due.coded.end(), coded.begin() + 3));
}

}  // namespace

}  // namespace coll::test
