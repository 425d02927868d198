#include "report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "perf/tools/writers.hpp"

namespace coll::perf {
namespace {

constexpr Column kColumns[] = {
    {"size", "(B)", 10},   {"count", "(elements)", 10}, {"type", "", 8},      {"codec", "", 9, true},
    {"isa", "", 6, true},  {"operation", "", 13, true}, {"moved", "(B)", 10}, {"time", "(us)", 8},
    {"rate", "(GB/s)", 7}, {"memcpy", "(GB/s)", 7},     {"ratio", "", 5},     {"#wrong", "", 6},
    {"err/bound", "", 9},
};

}  // namespace

void take_samples(const std::vector<double>& ours, const std::vector<double>& copies, CodecRow* row) {
  const auto gbs = [&](double us) { return us > 0 ? static_cast<double>(row->moved_bytes) / us / 1e3 : 0; };
  std::vector<double> ratios;
  for (size_t i = 0; i < ours.size(); ++i) ratios.push_back(copies[i] / ours[i]);
  row->time_us = summarise(ours);
  row->gbs = gbs(row->time_us.p50);
  row->memcpy_gbs = gbs(summarise(copies).p50);
  row->ratio = summarise(std::move(ratios)).p50;
}

std::string codec_head(const CodecMeta& meta) {
  std::string text = fmt::format("# codec_perf of libcoll {} on {}: {} samples of each, in turn with memcpy\n",
                                 meta.library_version, meta.host, meta.iters);
  if (meta.memory != "host") {
    text += fmt::format("# on {}; memcpy: the device's own copy, from and to memory that is not in its cache\n",
                        meta.memory);
  }
  text += fmt::format("# rate: bytes read and written, {}; ratio: to memcpy of as many; sums of {} ranks\n#\n",
                      meta.memory == "host" ? "on one core" : "on the device", meta.ranks);
  return text + lay_out_head(kColumns);
}

std::string codec_line(const CodecRow& row) {
  const auto& v = row.verdict;
  return lay_out(
      kColumns, ' ',
      {std::to_string(row.size_bytes), std::to_string(row.count), std::string(row.type), row.codec,
       std::string(row.isa), std::string(row.operation), std::to_string(row.moved_bytes), number_text(row.time_us.p50),
       number_text(row.gbs), number_text(row.memcpy_gbs), fmt::format("{:.2f}", row.ratio),
       v ? std::to_string(v->wrong) : "N/A", v ? number_text(v->worst_ratio) : "N/A"});
}

std::string codec_json(const CodecMeta& meta, std::span<const CodecRow> rows) {
  nlohmann::ordered_json json;
  json["meta"] = {{"tool", "codec_perf"},
                  {"command", meta.command},
                  {"time", meta.time},
                  {"host", meta.host},
                  {"library_version", meta.library_version},
                  {"ranks", meta.ranks},
                  {"iters", meta.iters},
                  {"warmup_iters", meta.warmup_iters},
                  {"input", meta.input},
                  {"memory", meta.memory}};
  json["rows"] = nlohmann::ordered_json::array();
  for (const CodecRow& row : rows) {
    nlohmann::ordered_json one = {{"size_bytes", row.size_bytes},
                                  {"count", row.count},
                                  {"type", row.type},
                                  {"codec", row.codec},
                                  {"isa", row.isa},
                                  {"operation", row.operation},
                                  {"moved_bytes", row.moved_bytes}};
    const Summary& time = row.time_us;
    one["time_us"] = {{"min", time.min}, {"p50", time.p50}, {"p99", time.p99}, {"mean", time.mean}};
    one["gbs"] = row.gbs;
    one["memcpy_gbs"] = row.memcpy_gbs;
    one["ratio"] = row.ratio;
    const auto& v = row.verdict;
    one["wrong"] = v ? nlohmann::ordered_json(v->wrong) : nullptr;
    one["max_abs_error"] = v ? nlohmann::ordered_json(v->max_abs_error) : nullptr;
    one["error_bound"] = v ? nlohmann::ordered_json(v->error_bound) : nullptr;
    json["rows"].push_back(one);
  }
  return json.dump(1) + "\n";
}

std::string codec_csv(std::span<const CodecRow> rows) {
  std::string text =
      "size_bytes,count,type,codec,isa,operation,moved_bytes,min_us,p50_us,p99_us,mean_us,gbs,memcpy_gbs,ratio,wrong,"
      "max_abs_error,error_bound\n";
  for (const CodecRow& row : rows) {
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}", row.size_bytes, row.count, row.type,
                        csv_text(row.codec), row.isa, row.operation, row.moved_bytes, row.time_us.min, row.time_us.p50,
                        row.time_us.p99, row.time_us.mean, row.gbs, row.memcpy_gbs, row.ratio);
    const auto& v = row.verdict;
    text += v ? fmt::format(",{},{},{}\n", v->wrong, v->max_abs_error, v->error_bound) : ",,,\n";
  }
  return text;
}

}  // namespace coll::perf
