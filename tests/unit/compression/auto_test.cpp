// Codec auto: its specs, and which codecs its bound admits.
#include <gtest/gtest.h>

#include <cmath>
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
}

// What is admitted for an absolute error, once `magnitude` is known.
Admitted settled(std::string_view spec, double magnitude, int ranks = 2) {
  Admitted all;
  const auto codec = make(spec);
  EXPECT_TRUE(codec->traits().asks_magnitude) << spec;
  const auto choice = codec->settled(magnitude, ranks);
  EXPECT_TRUE(choice->traits().chooses);
  EXPECT_EQ(choice, codec->settled(magnitude, ranks));
  for (const Candidate& candidate : choice->candidates()) all[candidate.codec->spec()] = candidate.max_encodings;
  return all;
}

TEST(Auto, AbsoluteErrorAdmitsByTheDatasMagnitude) {
  for (const double abs : {1e-3, 1.0, 4e6}) {
    const std::string spec = text("auto:abs=", abs);
    for (const double rel : {0.0039, 0.005, 0.01, 0.1, 0.5}) {
      EXPECT_EQ(settled(spec, abs / rel), admitted(text("auto:rel=", rel))) << spec << " " << rel;
    }
    EXPECT_EQ(settled(spec, 0), admitted("auto:rel=0.5")) << "all elements are 0";
    for (const double magnitude : {1e12, HUGE_VAL, std::nan("")}) EXPECT_EQ(settled(spec, magnitude), Admitted{});
  }
  EXPECT_EQ(settled("auto:abs=1000,rel=0.01", 0), admitted("auto:rel=0.01")) << "both bounds are kept";
  EXPECT_EQ(settled("auto:abs=1,rel=0.5", 100), admitted("auto:rel=0.01"));
}

TEST(Auto, AbsoluteErrorLeavesRoomForWhatEncodingsAddNearZeroAndToOverflow) {
  EXPECT_EQ(settled("auto:abs=2e-37", 0, 8), admitted("auto:rel=0.5"));
  EXPECT_EQ(settled("auto:abs=1e-37", 0, 8), Admitted{}) << "8 contributions and the result";
  EXPECT_EQ(settled("auto:abs=1e38", 0x1p126), admitted("auto:rel=0.5"));
  EXPECT_EQ(settled("auto:abs=1e38", 0x1.01p126), Admitted{}) << "a sum may leave the range of bf16";
}

TEST(Auto, WhatAdmitsNothingAsksNothing) {
  EXPECT_FALSE(make("auto:abs=1,rel=0.001")->traits().asks_magnitude);
  EXPECT_TRUE(make("auto:abs=1,rel=0.001")->traits().lossless);
  EXPECT_FALSE(make("auto")->traits().asks_magnitude);
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
  EXPECT_FALSE(make("auto:abs=2")->traits().lossless);
  EXPECT_EQ(make("auto:abs=2")->traits().bound_kind, collBoundAbsolute);
  EXPECT_EQ(make("auto:abs=2")->traits().bound_value, 2);
}

}  // namespace
}  // namespace coll
