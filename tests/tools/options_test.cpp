// The tools' command line, sizes and inputs.
#include "perf/tools/options.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "perf/tools/input.hpp"
#include "perf/tools/numbers.hpp"

namespace coll::perf {
namespace {

constexpr ToolTraits kReducing = {
    .name = "tool", .what = "A tool.", .reduces = true, .rooted = true, .has_codec = true};
constexpr ToolTraits kMoving = {
    .name = "tool", .what = "A tool.", .reduces = false, .rooted = false, .has_codec = false};

Parsed parse(std::vector<const char*> arguments, const ToolTraits& tool = kReducing) {
  arguments.insert(arguments.begin(), "tool");
  return parse_options(tool, static_cast<int>(arguments.size()), arguments.data());
}

TEST(Options, DefaultsAreThoseOfTheHelp) {
  unsetenv("COLL_CODEC");
  const Parsed parsed = parse({});
  ASSERT_TRUE(parsed.options) << parsed.text;
  const Options& o = *parsed.options;
  EXPECT_EQ(o.sizes(), std::vector<size_t>{32u << 20});
  EXPECT_EQ(o.iters, 20);
  EXPECT_EQ(o.warmup_iters, 5);
  EXPECT_EQ(o.check_iters, 1);
  EXPECT_EQ(o.types, std::vector{collFloat32});
  EXPECT_EQ(o.ops, std::vector{collSum});
  EXPECT_EQ(o.codecs, std::vector<std::string>{"none"});
  EXPECT_EQ(o.average, Average::kMax);
  EXPECT_TRUE(o.blocking && o.in_place && o.out_of_place);
  EXPECT_FALSE(o.baseline);
}

TEST(Options, EveryFlagIsUnderstood) {
  const Parsed parsed = parse(
      {"-b",         "1K",   "-e",      "4K",  "-f",         "2",   "-n",           "3",
       "-w",         "0",    "-c",      "2",   "-o",         "max", "-d",           "half",
       "-r",         "1",    "-a",      "1",   "-z",         "0",   "--codec",      "int8:block=64,rounding=nearest",
       "--codec",    "bf16", "--input", "f%r", "--baseline", "mpi", "--place",      "in",
       "--json",     "a",    "--csv",   "b",   "--plot",     "c",   "--timeout-ms", "7",
       "--progress", "on"});
  ASSERT_TRUE(parsed.options) << parsed.text;
  const Options& o = *parsed.options;
  EXPECT_EQ(o.sizes(), (std::vector<size_t>{1024, 2048, 4096}));
  EXPECT_EQ(o.iters, 3);
  EXPECT_EQ(o.warmup_iters, 0);
  EXPECT_EQ(o.check_iters, 2);
  EXPECT_EQ(o.ops, std::vector{collMax});
  EXPECT_EQ(o.types, std::vector{collFloat16});
  EXPECT_EQ(o.root, 1);
  EXPECT_EQ(o.average, Average::kMean);
  EXPECT_EQ(o.codecs, (std::vector<std::string>{"int8:block=64,rounding=nearest", "bf16"}));
  EXPECT_TRUE(!o.blocking && o.in_place && !o.out_of_place && o.baseline && o.progress);
  EXPECT_EQ(o.input, "f%r");
  EXPECT_EQ(o.json_file + o.csv_file + o.plot_file, "abc");
  EXPECT_EQ(o.timeout_ms, 7);
  EXPECT_EQ(parse({"-n", "3", "-n", "4"}).options->iters, 4);  // the last one counts
}

TEST(Options, MistakesAreNamedAndEndWithStatus2) {
  const struct {
    std::vector<const char*> arguments;
    const char* named;
  } cases[] = {
      {{"-b", "1X"}, "1X is no size"}, {{"-b", "2K", "-e", "1K"}, "2K is above --maxbytes, 1K"},
      {{"-d", "int7"}, "int7"},        {{"-o", "median"}, "median is none of sum, prod, max, min, avg"},
      {{"-f", "1"}, "--stepfactor"},   {{"--baseline", "nccl"}, "nccl"},
      {{"-i", "0"}, "--stepbytes"},    {{"--nosuch"}, "--nosuch"},
      {{"-n", "0"}, "--iters"},        {{"--codec"}, "--codec"},
  };
  for (const auto& each : cases) {
    const Parsed parsed = parse(each.arguments);
    EXPECT_FALSE(parsed.options) << each.named;
    EXPECT_EQ(parsed.status, 2) << each.named;
    EXPECT_NE(parsed.text.find(each.named), std::string::npos) << parsed.text;
  }
  EXPECT_EQ(parse({"--codec", "int8"}, kMoving).status, 2);
  EXPECT_TRUE(parse({"--codec", "none"}, kMoving).options);
  EXPECT_EQ(parse({"-o", "sum"}, kMoving).status, 2);
  EXPECT_EQ(parse({"--help"}).status, 0);
}

TEST(Options, KindsOfMemory) {
  EXPECT_TRUE(parse({"--memory", "coll"}).options->library_memory);
  EXPECT_FALSE(parse({"--memory", "coll"}).options->device_memory);
  const Parsed device = parse({"--memory", "device", "--ranks-per-gpu", "2"});
  ASSERT_TRUE(device.options) << device.text;
  EXPECT_TRUE(device.options->device_memory);
  EXPECT_FALSE(device.options->library_memory);
  EXPECT_EQ(device.options->ranks_per_gpu, 2);
  const Parsed given = parse({"--memory", "device-coll", "--ranks-per-gpu", "2"});
  ASSERT_TRUE(given.options) << given.text;
  EXPECT_TRUE(given.options->device_memory && given.options->library_memory);
  for (const std::vector<const char*>& refused : std::vector<std::vector<const char*>>{
           {"--memory", "gpu"}, {"--ranks-per-gpu", "2"}, {"--memory", "device", "--baseline", "mpi"}}) {
    EXPECT_EQ(parse(refused).status, 2) << parse(refused).text;
  }
}

TEST(Options, EnvironmentNamesTheCodecWhereNoFlagDoes) {
  setenv("COLL_CODEC", "int4", 1);
  EXPECT_EQ(parse({}).options->codecs, std::vector<std::string>{"int4"});
  EXPECT_EQ(parse({"--codec", "bf16"}).options->codecs, std::vector<std::string>{"bf16"});
  EXPECT_EQ(parse({}, kMoving).options->codecs, std::vector<std::string>{"none"});
  unsetenv("COLL_CODEC");
}

TEST(Options, Sizes) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("12"), 12u);
  EXPECT_EQ(parse_size("12B"), 12u);
  EXPECT_EQ(parse_size("3k"), 3u << 10);
  EXPECT_EQ(parse_size("16M"), 16u << 20);
  EXPECT_EQ(parse_size("16MiB"), 16u << 20);
  EXPECT_EQ(parse_size("2GB"), size_t{2} << 30);
  for (const char* bad : {"", "M", "-1", "1T", "1MM", "1.5M", "99999999999G"}) EXPECT_FALSE(parse_size(bad)) << bad;
  EXPECT_EQ(parse({"-b", "1", "-e", "10", "-i", "4"}).options->sizes(), (std::vector<size_t>{1, 5, 9}));
  EXPECT_EQ(parse({"-b", "0", "-e", "4", "-f", "2"}).options->sizes(), (std::vector<size_t>{0, 1, 2, 4}));
}

TEST(Input, TilesFilesPerRank) {
  EXPECT_EQ(file_of_rank("a%r/b%r.f32", 12), "a12/b12.f32");
  std::vector<std::byte> tile = {std::byte{1}, std::byte{2}, std::byte{3}}, out(8);
  copy_tiled(tile, 4, out.size(), out.data());
  for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], tile[(4 + i) % 3]);

  const std::string pattern = testing::TempDir() + "coll_input_%r.f32";
  for (int r = 0; r < 2; ++r) {
    const float values[] = {r + 0.5f, r + 1.5f, r + 2.5f};
    std::ofstream(file_of_rank(pattern, r), std::ios::binary)
        .write(reinterpret_cast<const char*>(values), sizeof(values));
  }
  Input input(collFloat32, collSum);
  EXPECT_EQ(input.load(pattern, 2), "");
  float got[5];
  input.fill(1, 2, 5, reinterpret_cast<std::byte*>(got));
  const float expected[] = {3.5f, 1.5f, 2.5f, 3.5f, 1.5f};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(got[i], expected[i]);

  Input more(collFloat64, collSum);
  EXPECT_NE(more.load(pattern, 3).find("12 bytes"), std::string::npos);  // no whole number of float64
  EXPECT_NE(input.load(pattern, 3).find(file_of_rank(pattern, 2)), std::string::npos);
  for (int r = 0; r < 2; ++r) std::remove(file_of_rank(pattern, r).c_str());
}

TEST(Input, MadeUpValuesDoNotDependOnWhereFillingBegins) {
  for (const auto& type : all_types()) {
    const Input input(type.type, collSum);
    std::vector<std::byte> whole(3000 * type.bytes), part(1100 * type.bytes);
    input.fill(3, 0, 3000, whole.data());
    input.fill(3, 1500, 1100, part.data());
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<ptrdiff_t>(1500 * type.bytes)))
        << type.name;
  }
}

TEST(Numbers, SmallFloatsSurviveTheWayThroughFloat64) {
  for (const auto type : {collFloat16, collBfloat16, collFloat8e4m3, collFloat8e5m2}) {
    const size_t bytes = facts(type).bytes;
    double smallest = 1e300, largest = 0;
    for (uint32_t word = 0; word < 1u << (8 * bytes); ++word) {
      double value = 0;
      uint32_t back = 0;
      to_doubles(type, reinterpret_cast<const std::byte*>(&word), {&value, 1});
      if (!std::isfinite(value)) continue;
      from_doubles(type, {&value, 1}, reinterpret_cast<std::byte*>(&back));
      ASSERT_EQ(back, word) << facts(type).name;
      largest = std::max(largest, value);
      if (value > 0) smallest = std::min(smallest, value);
    }
    EXPECT_EQ(smallest, facts(type).smallest) << facts(type).name;
    EXPECT_EQ(largest, facts(type).largest) << facts(type).name;
  }
}

TEST(Numbers, RoundsToNearest) {
  const double values[] = {1.0 + 0x1p-9, 1.0 + 3 * 0x1p-9, -1.0 - 0x1p-8};  // ties go to even
  uint16_t words[3];
  from_doubles(collBfloat16, values, reinterpret_cast<std::byte*>(words));
  EXPECT_EQ(words[0], 0x3f80);
  EXPECT_EQ(words[1], 0x3f81);
  EXPECT_EQ(words[2], 0xbf80);
}

}  // namespace
}  // namespace coll::perf
