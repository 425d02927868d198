// Specs, traits, and what codecs refuse, in words.
#include <gtest/gtest.h>

#include "compression/codec.hpp"

namespace coll {
namespace {

Status status_of(std::string_view spec) {
  std::unique_ptr<Codec> codec;
  const Status status = make_codec(spec, &codec);
  EXPECT_EQ(status.ok(), codec != nullptr) << spec;
  return status;
}

void expect_refused(std::string_view spec, std::string_view words) {
  const Status status = status_of(spec);
  EXPECT_EQ(status.code(), collInvalidArgument) << spec;
  EXPECT_NE(status.message().find(words), std::string::npos) << spec << ": " << status.message();
}

std::unique_ptr<Codec> make(std::string_view spec) {
  std::unique_ptr<Codec> codec;
  EXPECT_TRUE(make_codec(spec, &codec).ok()) << spec;
  return codec;
}

TEST(Spec, UnknownNamesListTheValidOnes) {
  const std::string_view valid = "valid: none, fp16, bf16, fp8e4m3, fp8e5m2, int8, int6, int4, auto";
  for (const std::string_view spec : {"", "x", "int88", "INT8", " int8", "int8 ", ":block=32", "fp16,bf16"}) {
    expect_refused(spec, valid);
  }
  expect_refused("x", "unknown codec 'x'; valid: none, fp16, bf16, fp8e4m3, fp8e5m2, int8, int6, int4, auto");
  expect_refused(std::string_view("a\0b\n", 4), "unknown codec 'a?b?'");
}

TEST(Spec, KeysAreChecked) {
  expect_refused("none:block=32", "codec 'none' takes no keys, but got 'block=32'");
  expect_refused("none:", "codec 'none' takes no keys");
  expect_refused("fp16:", "codec 'fp16' has no key ''; valid: rounding,seed");
  expect_refused("int8:blok=32", "codec 'int8' has no key 'blok'; valid: block,rounding,seed");
  expect_refused("fp8e4m3:rounding=stochastic", "codec 'fp8e4m3' has no key 'rounding'; valid: block");
  expect_refused("int8:block", "needs a value");
  expect_refused("int8:block=", "needs a value");
  expect_refused("int8:block=32,block=64", "given twice");
  expect_refused("int8:block=32,", "has no key ''");
}

TEST(Spec, BadBlocksSayTheValidRange) {
  for (const char* value : {"0", "16", "33", "96", "8192", "-32", "+32", " 32", "32 ", "0x20", "32x", "1e2", "=32",
                            "99999999999999999999999999"}) {
    expect_refused(text("int4:block=", value), "a power of two from 32 to 4096");
  }
}

TEST(Spec, RoundingAndSeed) {
  expect_refused("int6:rounding=up", "key 'rounding' of codec 'int6' is nearest or stochastic");
  for (const char* value : {"-1", "+1", "1.5", "x", "0x1", "18446744073709551616"}) {
    expect_refused(text("bf16:rounding=stochastic,seed=", value), "a number from 0 to 2^64 - 1");
  }
  expect_refused("int8:seed=1", "does nothing to rounding=nearest");
  expect_refused("fp16:rounding=nearest,seed=1", "add rounding=stochastic");
  EXPECT_EQ(make("fp16:rounding=nearest")->spec(), "fp16");
  EXPECT_EQ(make("fp16:seed=0,rounding=stochastic")->spec(), "fp16:rounding=stochastic");
  EXPECT_EQ(make("int4:seed=18446744073709551615,rounding=stochastic,block=32")->spec(),
            "int4:block=32,rounding=stochastic,seed=18446744073709551615");
  EXPECT_EQ(make("int6:seed=007,rounding=stochastic")->spec(), "int6:rounding=stochastic,seed=7");
}

TEST(Spec, CanonicalTextMakesTheSameCodec) {
  EXPECT_EQ(make("int8")->spec(), "int8");
  EXPECT_EQ(make("int8:block=128")->spec(), "int8");
  EXPECT_EQ(make("int4:block=0064")->spec(), "int4:block=64");
  for (const CodecEntry& entry : codec_registry()) {
    const std::string spec = make(entry.name)->spec();
    EXPECT_EQ(make(spec)->spec(), spec);
    EXPECT_EQ(make(entry.name)->traits().name, entry.name);
  }
}

TEST(Traits, SizesOnTheWire) {
  EXPECT_EQ(make("none")->max_bytes(1000), 4000u);
  EXPECT_EQ(make("fp16")->max_bytes(1001), 2002u);
  EXPECT_EQ(make("bf16")->max_bytes(1001), 2002u);
  EXPECT_EQ(make("int8")->max_bytes(0), 0u);
  EXPECT_EQ(make("int8")->max_bytes(1), 16u + 1);
  EXPECT_EQ(make("int8")->max_bytes(128 * 8), 16u + 1024);
  EXPECT_EQ(make("int8")->max_bytes(128 * 8 + 1), 32u + 1025);
  EXPECT_EQ(make("fp8e4m3")->max_bytes(129), 16u + 129);
  EXPECT_EQ(make("int6")->max_bytes(0), 0u);
  EXPECT_EQ(make("int6")->max_bytes(1), 16u + 3);
  EXPECT_EQ(make("int6")->max_bytes(128 * 8 + 5), 32u + 768 + 6);
  EXPECT_EQ(make("int4")->max_bytes(1), 16u + 1);
  EXPECT_EQ(make("int4")->max_bytes(129), 16u + 64 + 1);
  EXPECT_EQ(make("int4:block=32")->max_bytes(33), 16u + 16 + 1);
  for (const CodecEntry& entry : codec_registry()) {
    const auto codec = make(entry.name);
    const size_t count = size_t{1} << 20;
    EXPECT_EQ(static_cast<double>(codec->max_bytes(count)) * 8,
              codec->traits().bits_per_element * static_cast<double>(count))
        << entry.name;
  }
}

TEST(Refusals, LossyCodecsServeFloatsAndBoundedOperators) {
  for (const CodecEntry& entry : codec_registry()) {
    const auto codec = make(entry.name);
    const bool exact = codec->traits().lossless || codec->traits().chooses;
    for (int type = 0; type < collNumTypes; ++type) {
      const bool served = exact || info(static_cast<DataType>(type)).is_float;
      EXPECT_EQ(codec->supports(static_cast<DataType>(type)).code(), served ? collSuccess : collUnsupported);
    }
    for (int op = 0; op < collNumOps; ++op) {
      const bool served = exact || op != collProd;
      EXPECT_EQ(codec->supports(static_cast<RedOp>(op)).code(), served ? collSuccess : collUnsupported);
    }
  }
  const std::string type_words = make("int8")->supports(collInt32).message();
  EXPECT_NE(type_words.find("codec 'int8'"), std::string::npos) << type_words;
  EXPECT_NE(type_words.find("int32"), std::string::npos) << type_words;
  const std::string op_words = make("bf16")->supports(collProd).message();
  EXPECT_NE(op_words.find("use sum, avg, max or min"), std::string::npos) << op_words;
}

}  // namespace
}  // namespace coll
