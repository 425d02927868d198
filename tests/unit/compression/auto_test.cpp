// Codec auto: its specs, and which codecs its bound admits.
#include <gtest/gtest.h>

#include <map>

#include "compression/auto/auto_codec.hpp"

namespace coll {
namespace {

std::unique_ptr<Codec> make(std::string_view spec) {
  std::unique_ptr<Codec> codec;
  const Status status = make_codec(spec, &codec);
  EXPECT_TRUE(status.ok()) << status.message();
  return codec;
}

// Encodings that each candidate may make.
std::map<std::string, int> admitted(std::string_view spec) {
  std::map<std::string, int> all;
  const auto codec = make(spec);
  for (const Candidate& candidate : codec->candidates()) all[candidate.codec->spec()] = candidate.max_encodings;
  return all;
}

using Admitted = std::map<std::string, int>;

TEST(Auto, SpecsAreCanonical) {
  EXPECT_EQ(make("auto")->spec(), "auto");
  EXPECT_EQ(make("auto:rel=0.01")->spec(), "auto");
  EXPECT_EQ(make("auto:rel=1e-2")->spec(), "auto");
  EXPECT_EQ(make("auto:rel=0.250")->spec(), "auto:rel=0.25");
  EXPECT_EQ(make("auto:abs=1e-3")->spec(), "auto:abs=0.001");
  EXPECT_EQ(make("auto:abs=0.5,rel=0.01")->spec(), "auto:rel=0.01,abs=0.5");
}

TEST(Auto, ToleranceIsANumberAboveZero) {
  for (const char* value : {"0", "-1", "x", "1x", "inf", "nan", " 1", "1e999"}) {
    std::unique_ptr<Codec> codec;
    const Status status = make_codec(text("auto:rel=", value), &codec);
    EXPECT_EQ(status.code(), collInvalidArgument) << value;
    EXPECT_NE(status.message().find("a number above 0"), std::string::npos) << status.message();
  }
}

TEST(Auto, AdmitsWhatKeepsTheBound) {
  EXPECT_EQ(admitted("auto"), (Admitted{{"bf16", 2}, {"int8", 2}}));
  EXPECT_EQ(admitted("auto:rel=0.5"), (Admitted{{"bf16", 2}, {"int8", 2}, {"int4", 2}}));
  EXPECT_EQ(admitted("auto:rel=0.1"), (Admitted{{"bf16", 2}, {"int8", 2}, {"int4", 1}}));
  EXPECT_EQ(admitted("auto:rel=0.005"), (Admitted{{"bf16", 1}, {"int8", 1}}));
  EXPECT_EQ(admitted("auto:rel=0.0039"), Admitted{}) << "bf16 errs by up to 2^-8";
  EXPECT_EQ(admitted("auto:abs=1000"), Admitted{}) << "nothing is known in absolute terms";
  EXPECT_EQ(admitted("auto:abs=1000,rel=0.5"), Admitted{});
}

// n contributions that each err by v are encoded once more after they were summed.
TEST(Auto, BoundCoversWhatEncodingsAddUpTo) {
  for (const double v : {0x1p-8, 0.004, 0.072}) {
    const double contributions = v;                 // of the sum of their largest magnitudes
    const double result = v * (1 + contributions);  // the result's error, which is relative to what is encoded
    EXPECT_GE(auto_codec::bound_after(v, 2), (contributions + result) * (1 - 1e-15));
    EXPECT_NEAR(auto_codec::bound_after(v, 1), v, v * 1e-12);
  }
}

TEST(Auto, SaysWhatItKeepsAndServesEverything) {
  const auto codec = make("auto:rel=0.25");
  EXPECT_TRUE(codec->traits().chooses);
  EXPECT_FALSE(codec->traits().lossless);
  EXPECT_EQ(codec->traits().bound_kind, collBoundResult);
  EXPECT_EQ(codec->traits().bound_value, 0.25);
  EXPECT_TRUE(codec->supports(collInt64).ok());
  EXPECT_TRUE(codec->supports(collProd).ok());
  EXPECT_TRUE(make("auto:abs=1")->traits().lossless) << "it is always exact";
}

}  // namespace
}  // namespace coll
