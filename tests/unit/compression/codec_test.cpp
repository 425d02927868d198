// Every codec with every instruction set against its layout's scalar code, to the bit.
#include "compression/codec.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "compression/fp8e4m3/layout.hpp"
#include "compression/fp8e5m2/layout.hpp"
#include "compression/int4/layout.hpp"
#include "compression/int6/layout.hpp"
#include "compression/int8/layout.hpp"
#include "unit/compression/test_data.hpp"

namespace coll {
namespace {

using testing::bits_of;
using testing::GuardedBuffer;

// Messages whose draws take another key on their way.
const Draw kDraw{3, 2, (size_t{1} << 32) - 700};
random::Run draws(uint64_t seed) { return draws_of({true, seed}, kDraw, 0); }

// What a message is, one element or block after the other.
struct Scalar {
  std::function<std::vector<uint8_t>(const std::vector<float>&)> encode;
  std::function<std::vector<float>(const std::vector<uint8_t>&, size_t count)> decode;
};

template <typename Code>
Scalar cast_scalar(std::function<Code(float, size_t)> to, std::function<float(Code)> from) {
  return {[to](const std::vector<float>& in) {
            std::vector<uint8_t> message(in.size() * sizeof(Code));
            for (size_t i = 0; i < in.size(); ++i) {
              const Code code = to(in[i], i);
              std::memcpy(message.data() + i * sizeof code, &code, sizeof code);
            }
            return message;
          },
          [from](const std::vector<uint8_t>& message, size_t count) {
            std::vector<float> out(count);
            for (size_t i = 0; i < count; ++i) {
              Code code;
              std::memcpy(&code, message.data() + i * sizeof code, sizeof code);
              out[i] = from(code);
            }
            return out;
          }};
}

template <class Packing>
Scalar block_scalar(size_t block, const random::Run* draws = nullptr) {
  static constexpr int kBits = Packing::Number::kBits;
  const random::Run run = draws != nullptr ? *draws : random::Run();
  return {[block, run, draws](const std::vector<float>& in) {
            const size_t scales = block::scale_bytes(in.size(), block);
            std::vector<uint8_t> message(scales + block::code_bytes(in.size(), kBits));
            for (size_t at = 0; at < in.size(); at += block) {
              uint8_t* const codes = message.data() + scales + block::code_bytes(at, kBits);
              const size_t m = std::min(block, in.size() - at);
              const random::Run own = run.after(at);
              const uint16_t scale =
                  block::encode_block<Packing>(in.data() + at, m, codes, draws != nullptr ? &own : nullptr);
              std::memcpy(message.data() + at / block * sizeof scale, &scale, sizeof scale);
            }
            return message;
          },
          [block](const std::vector<uint8_t>& message, size_t count) {
            std::vector<float> out(count);
            for (size_t at = 0; at < count; at += block) {
              const size_t codes = block::scale_bytes(count, block) + block::code_bytes(at, kBits);
              uint16_t scale;
              std::memcpy(&scale, message.data() + at / block * sizeof scale, sizeof scale);
              block::decode_block<Packing>(scale, message.data() + codes, std::min(block, count - at), out.data() + at);
            }
            return out;
          }};
}

struct Case {
  std::string spec;
  Isa isa;
  Scalar scalar;
};

TEST(InstructionSets, HoldWhatTheProcessorHas) {
  const std::vector<Isa> all = list_isas();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(best_isa(), all.back());
#if defined(__aarch64__)
  EXPECT_EQ(all, std::vector{Isa::kNeon});
#elif defined(__x86_64__)
  EXPECT_EQ(all.front(), Isa::kScalar);
  const auto has = [&all](Isa isa) { return std::find(all.begin(), all.end(), isa) != all.end(); };
  EXPECT_EQ(has(Isa::kAvx512), has(Isa::kAvx2) && __builtin_cpu_supports("avx512bw") != 0);
#endif
}

template <class Packing>
void add_blocks(std::string_view name, Isa isa, std::vector<Case>* all) {
  for (const size_t block : {32, 64, 128, 512}) {
    all->push_back({text(name, ":block=", block), isa, block_scalar<Packing>(block)});
    if (!Packing::Number::kRandom) continue;
    const random::Run run = draws(block);
    all->push_back(
        {text(name, ":block=", block, ",rounding=stochastic,seed=", block), isa, block_scalar<Packing>(block, &run)});
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  const random::Run run = draws(9);
  const auto fp16 = [](float x, size_t) { return fp16_from_float(x); };
  const auto bf16 = [](float x, size_t) { return bf16_from_float(x); };
  const auto random_fp16 = [run](float x, size_t i) { return fp16_from_float(x, run(i)); };
  const auto random_bf16 = [run](float x, size_t i) { return bf16_from_float(x, run(i)); };
  for (const Isa isa : list_isas()) {
    all.push_back({"none", isa, cast_scalar<uint32_t>([](float x, size_t) { return float_bits(x); }, bits_float)});
    all.push_back({"fp16", isa, cast_scalar<uint16_t>(fp16, fp16_to_float)});
    all.push_back({"bf16", isa, cast_scalar<uint16_t>(bf16, bf16_to_float)});
    all.push_back({"fp16:rounding=stochastic,seed=9", isa, cast_scalar<uint16_t>(random_fp16, fp16_to_float)});
    all.push_back({"bf16:rounding=stochastic,seed=9", isa, cast_scalar<uint16_t>(random_bf16, bf16_to_float)});
    add_blocks<fp8e4m3_codec::Packing>("fp8e4m3", isa, &all);
    add_blocks<fp8e5m2_codec::Packing>("fp8e5m2", isa, &all);
    add_blocks<int8_codec::Packing>("int8", isa, &all);
    add_blocks<int6_codec::Packing>("int6", isa, &all);
    add_blocks<int4_codec::Packing>("int4", isa, &all);
  }
  return all;
}

float reduce_reference(RedOp op, float a, float b) {
  if (op == collMax || op == collMin) return testing::reference_max(a, b, op == collMin);
  return testing::canonical_float(op == collProd ? double{a} * double{b} : double{a} + double{b});
}

class EveryCodec : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override { ASSERT_TRUE(make_codec(GetParam().spec, &codec_, GetParam().isa).ok()); }

  std::vector<uint8_t> encode(const std::vector<float>& in, size_t offset = 0) const {
    const Tile whole{0, in.size(), in.size()};
    GuardedBuffer from(in.size() * sizeof(float), offset), message(codec_->max_bytes(in.size()), 3 * offset);
    if (!in.empty()) std::memcpy(from.data(), in.data(), in.size() * sizeof(float));
    codec_->encode(from.floats(), whole, kDraw, message.data());
    EXPECT_TRUE(message.guards_intact());
    const auto* const bytes = reinterpret_cast<const uint8_t*>(message.data());
    return {bytes, bytes + message.bytes().size()};
  }
  const Codec& codec() const { return *codec_; }
  const Scalar& scalar() const { return GetParam().scalar; }

 private:
  std::unique_ptr<Codec> codec_;
};

// The same bytes and the same floats as the layout says, for one input, at odd addresses too.
void check_against_scalar(const Codec& codec, const Scalar& scalar, const std::vector<float>& in,
                          const std::vector<uint8_t>& message, size_t offset) {
  ASSERT_EQ(message, scalar.encode(in)) << in.size();
  const Tile whole{0, in.size(), in.size()};
  GuardedBuffer from(message.size(), offset), out(in.size() * sizeof(float), offset);
  if (!message.empty()) std::memcpy(from.data(), message.data(), message.size());
  ASSERT_TRUE(codec.validate(from.bytes(), in.size()).ok());
  codec.decode(from.data(), whole, out.floats());
  ASSERT_TRUE(out.guards_intact());
  std::vector<float> decoded(in.size());
  if (!in.empty()) std::memcpy(decoded.data(), out.data(), in.size() * sizeof(float));
  const std::vector<float> expected = scalar.decode(message, in.size());
  ASSERT_EQ(bits_of(decoded.data(), in.size()), bits_of(expected.data(), in.size())) << in.size();
}

TEST_P(EveryCodec, MatchesTheLayoutForEveryLengthOfTail) {
  for (size_t count = 0; count <= 300; ++count) {
    for (const auto& in : {testing::gradients_with_hard_values(count, 1), testing::any_bits(count, 2)}) {
      const size_t offset = count % 4;
      check_against_scalar(codec(), scalar(), in, encode(in, offset), offset);
    }
  }
}

TEST_P(EveryCodec, MatchesTheLayoutForLongMessages) {
  for (const size_t count : {1000, 4096, 5003, 20000}) {
    for (const auto& in : {testing::gradients(count, 3), testing::gradients_with_hard_values(count, 4)}) {
      check_against_scalar(codec(), scalar(), in, encode(in), 1);
    }
  }
}

TEST_P(EveryCodec, DecodesAnyBytesLikeTheLayout) {
  std::mt19937 random(5);
  for (const size_t count : {1, 31, 128, 300, 2001}) {
    std::vector<uint8_t> message(codec().max_bytes(count));
    for (uint8_t& byte : message) byte = static_cast<uint8_t>(random());
    std::vector<float> decoded(count);
    codec().decode(reinterpret_cast<const std::byte*>(message.data()), {0, count, count}, decoded.data());
    const std::vector<float> expected = scalar().decode(message, count);
    ASSERT_EQ(bits_of(decoded.data(), count), bits_of(expected.data(), count)) << count;
  }
}

// Messages of several ranks, with and without elements to add them to, one after the other by the scalar code.
void check_decode_reduce(const Codec& codec, const Scalar& scalar, const std::vector<std::vector<uint8_t>>& messages,
                         size_t count, bool with_first) {
  const auto first = testing::any_bits(count, 7);
  std::vector<const std::byte*> pointers;
  for (const auto& message : messages) pointers.push_back(reinterpret_cast<const std::byte*>(message.data()));
  for (const RedOp op : {collSum, collProd, collMax, collMin, collAvg}) {
    std::vector<float> expected = with_first ? first : scalar.decode(messages[0], count);
    for (size_t j = with_first ? 0 : 1; j < messages.size(); ++j) {
      const auto decoded = scalar.decode(messages[j], count);
      for (size_t i = 0; i < count; ++i) expected[i] = reduce_reference(op, expected[i], decoded[i]);
    }
    GuardedBuffer out(count * sizeof(float), 1), from(count * sizeof(float), 3);
    if (count != 0) std::memcpy(from.data(), first.data(), count * sizeof(float));
    const bool in_place = with_first && op != collSum;
    float* const to = in_place ? from.floats() : out.floats();
    codec.decode_reduce(pointers, {0, count, count}, op, with_first ? from.floats() : nullptr, to);
    ASSERT_TRUE(out.guards_intact() && from.guards_intact());
    ASSERT_EQ(bits_of(to, count), bits_of(expected.data(), count))
        << name(op) << " " << count << " of " << messages.size() << (with_first ? " added" : "");
  }
}

TEST_P(EveryCodec, DecodeReduceIsDecodeThenReduce) {
  for (const size_t count : {0, 1, 7, 33, 127, 128, 129, 300, 1500}) {
    for (const unsigned ranks : {1u, 2u, 3u, 5u, 18u}) {
      std::vector<std::vector<uint8_t>> messages;
      for (unsigned r = 0; r < ranks; ++r) {
        messages.push_back(encode(ranks % 2 == 0 ? testing::gradients(count, 6 + r)
                                                 : testing::gradients_with_hard_values(count, 6 + r)));
      }
      for (const bool with_first : {false, true}) {
        check_decode_reduce(codec(), scalar(), messages, count, with_first);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(EveryCodec, DecodeReduceOfAnyBytes) {
  std::mt19937 random(11);
  for (const size_t count : {1, 128, 300, 2001}) {
    std::vector<std::vector<uint8_t>> messages(3);
    for (auto& message : messages) {
      message.resize(codec().max_bytes(count));
      for (uint8_t& byte : message) byte = static_cast<uint8_t>(random());
    }
    for (const bool with_first : {false, true}) check_decode_reduce(codec(), scalar(), messages, count, with_first);
  }
}

TEST_P(EveryCodec, TilesGiveTheSameBytesAndFloats) {
  const size_t count = 5003;
  const auto in = testing::gradients_with_hard_values(count, 8);
  const auto expected = encode(in);
  const std::vector<float> decoded = scalar().decode(expected, count);
  std::mt19937 random(9);
  for (int attempt = 0; attempt < 10; ++attempt) {
    GuardedBuffer message(expected.size()), out(count * sizeof(float)), acc(count * sizeof(float));
    std::memset(acc.data(), 0, count * sizeof(float));
    for (size_t begin = 0; begin < count;) {
      const size_t units = 1 + random() % (1500 / codec().traits().tile_elements + 1);
      const Tile tile{begin, std::min(units * codec().traits().tile_elements, count - begin), count};
      codec().encode(in.data() + begin, tile, kDraw, message.data());
      begin += tile.count;
    }
    ASSERT_EQ(std::memcmp(message.data(), expected.data(), expected.size()), 0);
    ASSERT_TRUE(message.guards_intact());
    for (size_t begin = 0; begin < count;) {
      const size_t units = 1 + random() % (1500 / codec().traits().tile_elements + 1);
      const Tile tile{begin, std::min(units * codec().traits().tile_elements, count - begin), count};
      codec().decode(message.data(), tile, out.floats() + begin);
      const std::byte* const only = message.data();
      codec().decode_reduce({&only, 1}, tile, collSum, acc.floats() + begin, acc.floats() + begin);
      begin += tile.count;
    }
    ASSERT_EQ(bits_of(out.floats(), count), bits_of(decoded.data(), count));
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(float_bits(acc.floats()[i]), float_bits(reduce_reference(collSum, 0, decoded[i]))) << i;
    }
  }
}

TEST_P(EveryCodec, RejectsEveryWrongSize) {
  for (const size_t count : {0, 1, 2, 127, 128, 129, 4096}) {
    const size_t right = codec().max_bytes(count);
    const std::vector<std::byte> bytes(right + 64);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const Status status = codec().validate({bytes.data(), size}, count);
      ASSERT_EQ(status.code(), size == right ? collSuccess : collCorruptData) << count << " " << size;
    }
  }
  EXPECT_EQ(codec().validate({}, SIZE_MAX).code(), collCorruptData);
  EXPECT_EQ(codec().validate({}, size_t{1} << 62).code(), collCorruptData);
}

INSTANTIATE_TEST_SUITE_P(Specs, EveryCodec, ::testing::ValuesIn(cases()), [](const auto& test) {
  std::string label = test.param.spec + "_" + std::string(name(test.param.isa));
  for (char& c : label) c = c == ':' || c == '=' || c == ',' ? '_' : c;
  return label;
});

}  // namespace
}  // namespace coll
