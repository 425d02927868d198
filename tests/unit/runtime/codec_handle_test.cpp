// Codec handles of the C API, for every codec that is registered.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "compression/codec.hpp"
#include "tests/support/elements.hpp"
#include "tests/support/reference.hpp"

namespace coll::test {

namespace {

class CodecHandles : public testing::TestWithParam<std::string> {
 protected:
  CodecHandles() {
    EXPECT_EQ(collCodecCreate(&codec_, GetParam().c_str()), collSuccess) << collGetLastError(nullptr);
    EXPECT_TRUE(make_codec(GetParam(), &same_).ok());
  }
  ~CodecHandles() override { EXPECT_EQ(collCodecDestroy(codec_), collSuccess); }

  size_t max_bytes(size_t count, collDataType_t type) {
    size_t bytes = 0;
    EXPECT_EQ(collCodecMaxBytes(codec_, count, type, &bytes), collSuccess) << collGetLastError(nullptr);
    return bytes;
  }
  Bytes encode(const Bytes& in, size_t count, collDataType_t type) {
    Bytes message(max_bytes(count, type));
    size_t bytes = 0;
    EXPECT_EQ(collCodecEncode(codec_, in.data(), count, type, message.data(), message.size(), &bytes, nullptr),
              collSuccess)
        << collGetLastError(nullptr);
    EXPECT_LE(bytes, message.size());
    message.resize(bytes);
    return message;
  }
  collResult_t decode(const Bytes& message, size_t count, collDataType_t type, Bytes* out) {
    out->resize(count * size_of(type));
    return collCodecDecode(codec_, message.data(), message.size(), out->data(), count, type, nullptr);
  }

  collCodec_t codec_ = nullptr;
  std::unique_ptr<Codec> same_;
};

TEST_P(CodecHandles, InfoIsThatOfTheCodec) {
  collCodecInfo_t info{};
  info.size = sizeof(info);
  ASSERT_EQ(collCodecGetInfo(codec_, &info), collSuccess);
  const CodecTraits& traits = same_->traits();
  EXPECT_EQ(info.name, traits.name);
  EXPECT_EQ(info.lossless != 0, traits.lossless);
  EXPECT_EQ(info.bits_per_element, traits.bits_per_element);
  EXPECT_EQ(info.bound_kind, traits.bound_kind);
  EXPECT_EQ(info.bound_value, traits.bound_value);
  EXPECT_EQ(info.block, traits.block);
  EXPECT_GE(info.block, 1u);
  EXPECT_GT(info.bits_per_element, 0);
  EXPECT_EQ(info.lossless != 0, info.bound_kind == collBoundNone);
  collCodecInfo_t older{};
  older.size = offsetof(collCodecInfo_t, bound_kind);
  older.block = 991;
  EXPECT_EQ(collCodecGetInfo(codec_, &older), collSuccess);
  EXPECT_EQ(older.block, 991u) << "an older program's struct ends before";
  older.size = 0;
  EXPECT_EQ(collCodecGetInfo(codec_, &older), collInvalidArgument);
}

TEST_P(CodecHandles, RoundTripIsWithinTheBoundForEveryType) {
  for (int t = 0; t < collNumTypes; ++t) {
    const auto type = static_cast<collDataType_t>(t);
    if (!same_->supports(type).ok()) {
      size_t bytes = 0;
      EXPECT_EQ(collCodecMaxBytes(codec_, 5, type, &bytes), collUnsupported) << info(type).name;
      continue;
    }
    for (const size_t count : {size_t{1}, size_t{127}, size_t{1000}, size_t{5000}}) {
      const Bytes in = make_input(type, {}, count, 0, 1);
      const Bytes message = encode(in, count, type);
      Bytes out;
      ASSERT_EQ(decode(message, count, type, &out), collSuccess) << collGetLastError(nullptr);
      const std::byte* const inputs[] = {in.data()};
      const Codec* const lossy = same_->traits().lossless ? nullptr : same_.get();
      const Expected expected({type, collSum, lossy, false, false}, inputs, count);
      EXPECT_EQ(expected.mismatch(out.data(), 0, count), "") << info(type).name << ", " << count;
      EXPECT_EQ(encode(in, count, type), message) << "the same bytes again";
    }
  }
}

TEST_P(CodecHandles, SizeIsThatOfTheFormat) {
  const size_t count = 1 << 16;
  const double bits = 8.0 * static_cast<double>(max_bytes(count, collFloat32)) / static_cast<double>(count);
  EXPECT_NEAR(bits, same_->traits().bits_per_element, 0.01 * bits);
  EXPECT_LE(encode(make_input(collFloat32, {}, count, 0, 1), count, collFloat32).size(), max_bytes(count, collFloat32));
}

TEST_P(CodecHandles, OddAddresses) {
  const size_t count = 1000;
  const Bytes in = make_input(collFloat32, {}, count, 3, 4);
  const Bytes message = encode(in, count, collFloat32);
  Bytes shifted(in.size() + 1);
  std::copy(in.begin(), in.end(), shifted.begin() + 1);
  Bytes encoded(message.size() + 3);
  size_t bytes = 0;
  ASSERT_EQ(collCodecEncode(codec_, shifted.data() + 1, count, collFloat32, encoded.data() + 3, message.size(), &bytes,
                            nullptr),
            collSuccess);
  EXPECT_TRUE(std::equal(message.begin(), message.end(), encoded.begin() + 3));
  Bytes apart;
  ASSERT_EQ(decode(message, count, collFloat32, &apart), collSuccess);
  ASSERT_EQ(collCodecDecode(codec_, encoded.data() + 3, bytes, shifted.data() + 1, count, collFloat32, nullptr),
            collSuccess);
  EXPECT_TRUE(std::equal(apart.begin(), apart.end(), shifted.begin() + 1));
}

TEST_P(CodecHandles, WrongSizesAreCorruptData) {
  const size_t count = 300;
  const Bytes message = encode(make_input(collFloat32, {}, count, 0, 1), count, collFloat32);
  for (const size_t bytes : {size_t{0}, size_t{1}, message.size() / 2, message.size() - 1, message.size() + 1}) {
    Bytes cut = message;
    cut.resize(bytes);
    Bytes out;
    EXPECT_EQ(decode(cut, count, collFloat32, &out), collCorruptData) << bytes << " of " << message.size();
    const std::string words = collGetLastError(nullptr);
    EXPECT_EQ(words.rfind("collCodecDecode: ", 0), 0u) << words;
    EXPECT_NE(words.find(text(message.size())), std::string::npos) << "what it takes: " << words;
  }
  Bytes out;
  EXPECT_EQ(decode(message, count / 2, collFloat32, &out), collCorruptData);
  EXPECT_EQ(decode(message, 0, collFloat32, &out), collCorruptData);
}

TEST_P(CodecHandles, CountZero) {
  EXPECT_EQ(max_bytes(0, collFloat32), 0u);
  size_t bytes = 99;
  EXPECT_EQ(collCodecEncode(codec_, nullptr, 0, collFloat32, nullptr, 0, &bytes, nullptr), collSuccess);
  EXPECT_EQ(bytes, 0u);
  EXPECT_EQ(collCodecDecode(codec_, nullptr, 0, nullptr, 0, collFloat32, nullptr), collSuccess);
}

TEST_P(CodecHandles, TooLittleCapacityWritesNothing) {
  const size_t count = 100;
  const Bytes in = make_input(collFloat32, {}, count, 0, 1);
  const size_t needed = max_bytes(count, collFloat32);
  const Bytes untouched(needed, std::byte{0x5a});
  Bytes out = untouched;
  size_t bytes = 0;
  EXPECT_EQ(collCodecEncode(codec_, in.data(), count, collFloat32, out.data(), needed - 1, &bytes, nullptr),
            collInvalidArgument);
  EXPECT_EQ(out, untouched);
  const std::string words = collGetLastError(nullptr);
  EXPECT_NE(words.find(text("capacity is ", needed - 1)), std::string::npos) << words;
  EXPECT_NE(words.find(text(needed, " bytes")), std::string::npos) << words;
}

TEST_P(CodecHandles, BadArgumentsAreNamed) {
  float x[4] = {};
  std::byte message[64];
  size_t bytes = 0;
  collCodecInfo_t info{};
  info.size = sizeof(info);
  const auto bad_type = static_cast<collDataType_t>(99);
  const auto expect_words = [](const char* part) {
    const std::string words = collGetLastError(nullptr);
    EXPECT_NE(words.find(part), std::string::npos) << words;
  };
  const auto encode4 = [&](collCodec_t codec, const void* in, collDataType_t type, void* out, size_t* written,
                           collStream_t stream) {
    return collCodecEncode(codec, in, 4, type, out, sizeof(message), written, stream);
  };
  EXPECT_EQ(encode4(nullptr, x, collFloat32, message, &bytes, nullptr), collInvalidArgument);
  expect_words("collCodecEncode: an argument is not valid: codec is NULL");
  EXPECT_EQ(encode4(codec_, nullptr, collFloat32, message, &bytes, nullptr), collInvalidArgument);
  expect_words("in is NULL");
  EXPECT_EQ(encode4(codec_, x, collFloat32, nullptr, &bytes, nullptr), collInvalidArgument);
  expect_words("out is NULL");
  EXPECT_EQ(encode4(codec_, x, collFloat32, message, nullptr, nullptr), collInvalidArgument);
  expect_words("bytes is NULL");
  EXPECT_EQ(encode4(codec_, x, bad_type, message, &bytes, nullptr), collInvalidArgument);
  expect_words("type is 99");
  EXPECT_EQ(collCodecEncode(codec_, x, SIZE_MAX, collFloat32, message, SIZE_MAX, &bytes, nullptr), collInvalidArgument);
  expect_words("count");
  const size_t needed = max_bytes(4, collFloat32);
  EXPECT_EQ(collCodecDecode(nullptr, message, needed, x, 4, collFloat32, nullptr), collInvalidArgument);
  EXPECT_EQ(collCodecDecode(codec_, nullptr, needed, x, 4, collFloat32, nullptr), collInvalidArgument);
  expect_words("in is NULL");
  EXPECT_EQ(collCodecDecode(codec_, message, needed, nullptr, 4, collFloat32, nullptr), collInvalidArgument);
  expect_words("out is NULL");
  EXPECT_EQ(collCodecDecode(codec_, message, needed, x, 4, bad_type, nullptr), collInvalidArgument);
  EXPECT_EQ(collCodecDecode(codec_, message, needed, x, SIZE_MAX, collFloat32, nullptr), collInvalidArgument);
  EXPECT_EQ(collCodecMaxBytes(nullptr, 4, collFloat32, &bytes), collInvalidArgument);
  EXPECT_EQ(collCodecMaxBytes(codec_, 4, collFloat32, nullptr), collInvalidArgument);
  EXPECT_EQ(collCodecMaxBytes(codec_, 4, bad_type, &bytes), collInvalidArgument);
  EXPECT_EQ(collCodecGetInfo(nullptr, &info), collInvalidArgument);
  EXPECT_EQ(collCodecGetInfo(codec_, nullptr), collInvalidArgument);
}

std::vector<std::string> specs() {
  std::vector<std::string> all;
  for (const CodecEntry& entry : codec_registry()) all.emplace_back(entry.name);
  all.emplace_back("int8:block=64");
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, CodecHandles, testing::ValuesIn(specs()), [](const auto& tested) {
  std::string name = tested.param;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});

TEST(CodecCreate, UnknownNamesAndKeysListTheValidOnes) {
  collCodec_t codec = reinterpret_cast<collCodec_t>(&codec);
  EXPECT_EQ(collCodecCreate(&codec, "gzip"), collInvalidArgument);
  EXPECT_EQ(codec, nullptr);
  std::string words = collGetLastError(nullptr);
  for (const CodecEntry& entry : codec_registry()) EXPECT_NE(words.find(entry.name), std::string::npos) << words;
  EXPECT_EQ(collCodecCreate(&codec, "int8:blok=3"), collInvalidArgument);
  words = collGetLastError(nullptr);
  for (const char* part : {"collCodecCreate", "blok", "block"}) EXPECT_NE(words.find(part), std::string::npos) << words;
  EXPECT_EQ(collCodecCreate(nullptr, "int8"), collInvalidArgument);
  EXPECT_EQ(collCodecCreate(&codec, nullptr), collInvalidArgument);
  EXPECT_EQ(collCodecCreate(&codec, ""), collInvalidArgument);
}

}  // namespace

}  // namespace coll::test
