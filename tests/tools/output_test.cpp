// Results as numbers and as text.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "perf/tools/plot.hpp"
#include "perf/tools/result.hpp"
#include "perf/tools/writers.hpp"

namespace coll::perf {
namespace {

Row row(size_t size_bytes, const std::string& codec, double us) {
  Row r;
  r.size_bytes = size_bytes;
  r.count = size_bytes / 4;
  r.type = "float";
  r.redop = "sum";
  r.codec = codec;
  r.algorithm = "ring";
  r.time_us = {us, us, us, us};
  r.verdict = Verdict{0, 0.25, 0.5, 0.5};
  r.baseline = BaselineResult{"MPI_Allreduce", 2 * us, 2};
  return r;
}

Meta meta() {
  Meta m;
  m.tool = "all_reduce_perf";
  m.hosts = {"a<b"};
  m.nranks = 2;
  m.iters = 20;
  return m;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Summary, QuantilesOfCalls) {
  std::vector<double> times(200);
  for (size_t i = 0; i < times.size(); ++i) times[i] = static_cast<double>(200 - i);
  const Summary s = summarise(times);
  EXPECT_EQ(s.min, 1);
  EXPECT_EQ(s.p50, 100.5);
  EXPECT_EQ(s.p99, 198);
  EXPECT_EQ(s.mean, 100.5);
  EXPECT_EQ(summarise({3}).p50, 3);
  EXPECT_EQ(summarise({3}).p99, 3);
  EXPECT_EQ(summarise({}).p50, 0);
}

TEST(Text, SizesAndTimes) {
  EXPECT_EQ(size_text(12), "12 B");
  EXPECT_EQ(size_text(1536), "1.50 KiB");
  EXPECT_EQ(size_text(16 << 20), "16 MiB");
  EXPECT_EQ(time_text(0.5), "500 ns");
  EXPECT_EQ(time_text(12.34), "12.3 µs");
  EXPECT_EQ(time_text(268123), "268 ms");
  EXPECT_EQ(time_text(1200000), "1.20 s");
}

TEST(Table, FitsAScreenAndItsColumnsLineUp) {
  const std::string head = table_head(meta()), line = table_line(row(16777216, "int8", 123456));
  std::istringstream lines(head + line);
  std::string names, each;
  while (std::getline(lines, each)) {
    EXPECT_LE(each.size(), 160u) << each;
    if (each.find("speedup") != std::string::npos) names = each;
  }
  EXPECT_EQ(names.size(), line.size() - 1);  // both end with the right-aligned last column
  EXPECT_EQ(names.find("codec"), line.find("int8"));
  EXPECT_NE(line.find("2.00x"), std::string::npos);
}

TEST(Table, TheFootSaysWhatFailed) {
  Row good = row(4, "none", 1), bad = good, unchecked = good;
  bad.verdict->wrong = 3;
  unchecked.verdict.reset();
  EXPECT_NE(table_foot(std::vector{good, good}).find("values : 0 OK"), std::string::npos);
  EXPECT_NE(table_foot(std::vector{good, bad}).find("values : 3 FAILED"), std::string::npos);
  EXPECT_NE(table_foot(std::vector{unchecked}).find("not checked"), std::string::npos);
}

TEST(Csv, QuotesWhatHoldsCommas) {
  const std::string csv = to_csv(std::vector{row(4, "int8:block=64,seed=1", 1)});
  EXPECT_NE(csv.find(",\"int8:block=64,seed=1\","), std::string::npos) << csv;
  EXPECT_EQ(count_of(csv, "\n"), 2u);
}

TEST(Json, WhatWasNotMeasuredIsNull) {
  Row r = row(4, "none", 1);
  r.verdict.reset();
  r.baseline.reset();
  const std::string json = to_json(meta(), std::vector{r});
  for (const char* key : {"\"wrong\": null", "\"error_bound\": null", "\"baseline\": null"}) {
    EXPECT_NE(json.find(key), std::string::npos) << json;
  }
}

TEST(Plot, OneSizeGivesABarForEachAndTheBaseline) {
  std::vector<Row> rows = {row(1 << 20, "none", 100), row(1 << 20, "int8", 30)};
  const std::string svg = to_svg(meta(), rows);
  EXPECT_EQ(count_of(svg, "<rect"), 4u);  // the ground, and three bars
  EXPECT_EQ(count_of(svg, "MPI_Allreduce"), 1u);
  EXPECT_EQ(count_of(svg, "2.00× as fast"), 2u);
}

TEST(Plot, SeveralSizesGiveALineForEachCodecOutOfPlace) {
  std::vector<Row> rows;
  for (size_t size = 1024; size <= 1 << 20; size *= 2) {
    for (const char* codec : {"none", "int8"}) {
      rows.push_back(row(size, codec, 3 + static_cast<double>(size) / 1000));
      rows.push_back(rows.back());
      rows.back().in_place = true;
    }
  }
  std::string svg = to_svg(meta(), rows);
  EXPECT_EQ(count_of(svg, "<polyline"), 3u);
  EXPECT_EQ(count_of(svg, "<circle"), 3u * 11u);
  for (auto& each : rows) each.baseline.reset(), each.in_place = true;
  svg = to_svg(meta(), rows);
  EXPECT_EQ(count_of(svg, "<polyline"), 2u);
  EXPECT_EQ(count_of(svg, "nan"), 0u);
}

}  // namespace
}  // namespace coll::perf
