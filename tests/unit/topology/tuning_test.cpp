// Tuning files: written and read again, refused where they are damaged or of others, and found where they should be.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/directory.hpp"
#include "topology/exchange.hpp"
#include "topology/tuning_file.hpp"

namespace coll::topo {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr auto kShm = static_cast<size_t>(LinkKind::kSharedMemory);
constexpr auto kNet = static_cast<size_t>(LinkKind::kNetwork);

TuningFile sample() {
  TuningFile file;
  file.machine = this_machine();
  file.host = "n0";
  file.measured = "2026-01-02T03:04:05Z";
  file.nodes = 4;
  file.ranks = 8;
  file.links[kNet] = LinkCost{43.25, 0.125};
  file.rates.reduce_gbs = 21;
  file.rates.copy_gbs = 12.5;
  file.rates.kernel_copy_gbs = 6.25;
  file.rates.network_cpu_gbs = 1.75;
  EXPECT_TRUE(file.rates.set_codec("int8", 5, 7));
  EXPECT_TRUE(file.rates.set_codec("bf16", 9, 11));
  return file;
}

std::string edited(const std::function<void(Json&)>& edit) {
  Json json = Json::parse(tuning_json(sample()));
  edit(json);
  return json.dump();
}

class TuningFiles : public testing::Test {
 protected:
  TuningFiles() { ::setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1); }
  ~TuningFiles() override { ::unsetenv("XDG_CACHE_HOME"); }
  std::string file(const std::string& content) const {
    const std::string path = folder_.path() / "some.json";
    std::ofstream(path) << content;
    return path;
  }
  // What a communicator's rank 0 makes of it.
  void load(const std::string& choice) { load_tuning(choice, &(tuning_ = Tuning()), &path_, &warning_); }

  test::Directory folder_;
  Tuning tuning_;
  std::string path_, warning_;
};

TEST_F(TuningFiles, AreReadAsTheyWereWritten) {
  const std::string path = folder_.path() / "a" / "b" / "t.json";
  ASSERT_TRUE(write_tuning(path, sample()).ok());
  TuningFile read;
  const Status status = read_tuning(path, &read);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(tuning_json(read), tuning_json(sample()));
  EXPECT_FALSE(read.links[kShm].has_value()) << "what was not measured stays unknown";
  EXPECT_EQ(read.links[kNet]->latency_us, 43.25);
  EXPECT_EQ(read.rates.codec("int8").decode_gbs, 7);
  EXPECT_EQ(read.rates.codec("int4").encode_gbs, Rates::kUnknownCodec.encode_gbs);
  struct stat facts {};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0644u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path() / "a" / "b"), fs::directory_iterator()), 1)
      << "nothing is left beside it";
}

TEST_F(TuningFiles, WhatCannotBeWrittenIsSaid) {
  const Status status = write_tuning(file("") + "/below/a/file.json", sample());
  EXPECT_EQ(status.code(), collSystemError);
  EXPECT_NE(status.message().find("some.json"), std::string::npos) << status.message();
}

TEST_F(TuningFiles, DamagedOnesAreRefusedInWords) {
  const std::pair<std::string, const char*> damaged[] = {
      {"", "no JSON"},
      {"[]", "no JSON"},
      {tuning_json(sample()).substr(0, 200), "no JSON"},
      {edited([](Json& j) { j["format"] = 1; }), "format is 1"},
      {edited([](Json& j) { j.erase("format"); }), "format"},
      {edited([](Json& j) { j["libcoll"] = "9.9.9"; }), "libcoll 9.9.9"},
      {edited([](Json& j) { j["machine"] = 3; }), "measured"},
      {edited([](Json& j) { j["links"] = 3; }), "links"},
      {edited([](Json& j) { j["links"]["net"] = 3; }), "link"},
      {edited([](Json& j) { j["links"]["net"].erase("latency_us"); }), "latency_us"},
      {edited([](Json& j) { j["links"]["net"]["bandwidth_gbs"] = -1; }), "bandwidth_gbs"},
      {edited([](Json& j) { j["core"].erase("copy_gbs"); }), "copy_gbs"},
      {edited([](Json& j) { j["core"].erase("kernel_copy_gbs"); }), "kernel_copy_gbs"},
      {edited([](Json& j) { j["core"]["reduce_gbs"] = "fast"; }), "reduce_gbs"},
      {edited([](Json& j) { j["core"]["reduce_gbs"] = 0; }), "reduce_gbs"},
      {edited([](Json& j) { j["codecs"] = Json::array(); }), "codecs"},
      {edited([](Json& j) { j["codecs"]["int8"]["encode_gbs"] = 0; }), "encode_gbs"},
      {edited([](Json& j) { j["codecs"][std::string(99, 'x')] = j["codecs"]["int8"]; }), "long name"},
      {edited([](Json& j) {
         for (int i = 0; i < 99; ++i) j["codecs"][text("c", i)] = j["codecs"]["int8"];
       }),
       "too many"},
  };
  for (const auto& [content, words] : damaged) {
    TuningFile read;
    const Status status = read_tuning(file(content), &read);
    EXPECT_EQ(status.code(), collInvalidArgument) << content;
    for (const char* part : {words, "some.json"}) {
      EXPECT_NE(status.message().find(part), std::string::npos) << status.message() << "\n" << content;
    }
  }
}

TEST_F(TuningFiles, OneThatWasNamedMustBeThereAndWhole) {
  for (const std::string& path : {folder_.path().string() + "/none.json", folder_.path().string(), file("{")}) {
    load(path);
    for (const std::string& part : {path, std::string("coll_tune"), std::string("COLL_TUNING_FILE=none")}) {
      EXPECT_NE(tuning_.refused.find(part), std::string::npos) << tuning_.refused;
    }
    EXPECT_EQ(path_, "");
    EXPECT_EQ(warning_, "");
  }
  const std::string other = file(edited([](Json& j) { j["machine"]["cpu"] = "another"; }));
  load(other);
  EXPECT_EQ(tuning_.refused, "") << "who names a file may know better";
  EXPECT_EQ(path_, other);
  EXPECT_EQ(tuning_.measured[kNet]->latency_us, 43.25);
}

TEST_F(TuningFiles, TheMachinesOwnIsFoundAndADamagedOneIgnored) {
  load("");
  EXPECT_EQ(path_ + warning_ + tuning_.refused, "") << "there is none yet";
  const std::string own = tuning_path(this_machine());
  EXPECT_EQ(fs::path(own).parent_path(), folder_.path() / "coll");
  ASSERT_TRUE(write_tuning(own, sample()).ok());
  load("");
  EXPECT_EQ(path_, own);
  EXPECT_EQ(tuning_.rates.reduce_gbs, 21);
  load("none");
  EXPECT_EQ(path_, "");
  EXPECT_EQ(tuning_.rates.reduce_gbs, Rates().reduce_gbs);
  for (const std::string& content : {std::string("{"), edited([](Json& j) { j["machine"]["cpu"] = "another"; })}) {
    std::ofstream(own) << content;
    load("");
    EXPECT_EQ(path_ + tuning_.refused, "");
    for (const std::string& part : {own, std::string("ignored"), std::string("coll_tune")}) {
      EXPECT_NE(warning_.find(part), std::string::npos) << warning_;
    }
    EXPECT_EQ(tuning_.rates.reduce_gbs, Rates().reduce_gbs);
  }
}

TEST_F(TuningFiles, MachinesDoNotShareOne) {
  const MachineId own = this_machine();
  EXPECT_EQ(tuning_path(own), tuning_path(this_machine()));
  EXPECT_NE(tuning_path({own.libcoll, own.cpu + "x", own.isa}), tuning_path(own));
  EXPECT_NE(tuning_path({own.libcoll, own.cpu, "other"}), tuning_path(own));
  EXPECT_NE(tuning_path({"9.9.9", own.cpu, own.isa}), tuning_path(own));
}

TEST(TuningCard, CarriesATuning) {
  Tuning tuning;
  tuning.measured[kShm] = LinkCost{1, 2};
  tuning.overrides[kNet] = LinkCost{3, 4};
  tuning.rates = sample().rates;
  tuning.refused = std::string(9999, 'r');
  const Tuning back = unpack(pack(tuning));
  EXPECT_EQ(back.measured[kShm]->bandwidth_gbs, 2);
  EXPECT_FALSE(back.measured[kNet].has_value());
  EXPECT_EQ(back.overrides[kNet]->latency_us, 3);
  EXPECT_EQ(back.rates.network_cpu_gbs, 1.75);
  EXPECT_EQ(back.rates.codec("bf16").encode_gbs, 9);
  EXPECT_EQ(back.refused, std::string(sizeof(TuningCard::refused) - 1, 'r'));
}

TEST(LinkCostsOf, OverridesBeforeFilesBeforeEstimates) {
  LinkOverrides measured, overrides;
  measured[kShm] = LinkCost{0.25, 11};
  measured[kNet] = LinkCost{7, 3};
  overrides[kNet] = LinkCost{9, 2};
  const LinkCosts costs = link_costs({}, false, measured, overrides);
  EXPECT_EQ(costs[kShm].latency_us, 0.25);
  EXPECT_EQ(costs[kShm].bandwidth_gbs, 11);
  EXPECT_EQ(costs[kNet].latency_us, 9);
  EXPECT_EQ(costs[kNet].bandwidth_gbs, 2);
  const LinkCosts crowded = link_costs({}, true, measured, {});
  EXPECT_EQ(crowded[kShm].latency_us, estimate_links({}, true)[kShm].latency_us) << "ranks wait for cores";
  EXPECT_EQ(crowded[kShm].bandwidth_gbs, 11);
}

}  // namespace
}  // namespace coll::topo
