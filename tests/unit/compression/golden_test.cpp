// The wire bytes of every codec, committed: a change of format or rounding shows as a difference here.
//
// Each line of the file: spec, the float32 elements as hexadecimal bits, the message's bytes in hexadecimal, the
// decoded elements; "-" stands for nothing, "#" begins a comment.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "base/float.hpp"
#include "compression/codec.hpp"

namespace coll {
namespace {

std::string hex(const void* bytes, size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string digits;
  for (size_t i = 0; i < count; ++i) {
    const auto byte = static_cast<const unsigned char*>(bytes)[i];
    digits += kDigits[byte >> 4];
    digits += kDigits[byte & 15];
  }
  return digits.empty() ? "-" : digits;
}

// "3f800000,c0000000" -> floats
std::vector<float> floats(const std::string& list) {
  std::vector<float> values;
  std::istringstream stream(list == "-" ? "" : list);
  for (std::string bits; std::getline(stream, bits, ',');) {
    values.push_back(bits_float(static_cast<uint32_t>(std::stoul(bits, nullptr, 16))));
  }
  return values;
}

std::string list(const std::vector<float>& values) {
  std::ostringstream stream;
  for (size_t i = 0; i < values.size(); ++i) stream << (i != 0 ? "," : "") << std::hex << float_bits(values[i]);
  return values.empty() ? "-" : stream.str();
}

struct Golden {
  std::string spec, elements, message, decoded;
};

std::vector<Golden> goldens() {
  std::ifstream file(COLL_GOLDEN_CODECS);
  std::vector<Golden> all;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    Golden golden;
    fields >> golden.spec >> golden.elements >> golden.message >> golden.decoded;
    all.push_back(golden);
  }
  return all;
}

TEST(Golden, BytesAreThoseCommitted) {
  for (const Isa isa : list_isas()) {
    for (const Golden& golden : goldens()) {
      std::unique_ptr<Codec> codec;
      ASSERT_TRUE(make_codec(golden.spec, &codec, isa).ok()) << golden.spec;
      const std::vector<float> in = floats(golden.elements);
      const Tile whole{0, in.size(), in.size()};
      std::vector<std::byte> message(codec->max_bytes(in.size()));
      codec->encode(in.data(), whole, {}, message.data());
      EXPECT_EQ(hex(message.data(), message.size()), golden.message) << golden.spec << " " << golden.elements;
      std::vector<float> out(in.size());
      codec->decode(message.data(), whole, out.data());
      EXPECT_EQ(list(out), golden.decoded) << golden.spec << " " << golden.elements;
    }
  }
}

TEST(Golden, EveryCodecHasSome) {
  std::set<std::string> names;
  for (const Golden& golden : goldens()) names.insert(golden.spec.substr(0, golden.spec.find(':')));
  for (const CodecEntry& entry : codec_registry()) EXPECT_TRUE(names.count(std::string(entry.name))) << entry.name;
}

}  // namespace
}  // namespace coll
