#include "writers.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace coll::perf {
namespace {

constexpr Column kColumns[] = {
    {"size", "(B)", 10},    {"count", "(elements)", 10}, {"type", "", 8},    {"redop", "", 5},
    {"codec", "", 9, true}, {"algorithm", "", 11, true}, {"place", "", 5},   {"time", "(us)", 8},
    {"algbw", "(GB/s)", 7}, {"busbw", "(GB/s)", 7},      {"#wrong", "", 6},  {"sent", "(B)", 10},
    {"ratio", "", 5},       {"err/bound", "", 9},        {"p50", "(us)", 8}, {"p99", "(us)", 8},
    {"baseline", "p50", 8}, {"speedup", "", 7},
};

std::string line(char first, const std::vector<std::string>& cells) { return lay_out(kColumns, first, cells); }

// "auto>int8": what a codec that chooses came to.
std::string codec_text(const Row& row) {
  return row.chosen.empty() || row.chosen == row.codec ? row.codec : row.codec + ">" + row.chosen;
}

nlohmann::ordered_json json_row(const Row& row) {
  nlohmann::ordered_json json = {
      {"size_bytes", row.size_bytes}, {"count", row.count},         {"type", row.type},
      {"redop", row.redop},           {"codec", row.codec},         {"chosen_codec", row.chosen},
      {"algorithm", row.algorithm},   {"in_place", row.in_place},   {"time_us", {}},
      {"algbw_gbs", row.algbw_gbs},   {"busbw_gbs", row.busbw_gbs}, {"sent_bytes", row.sent_bytes},
      {"ratio", row.ratio},           {"wrong", nullptr},           {"max_abs_error", nullptr},
      {"error_bound", nullptr},       {"baseline", nullptr},
  };
  const Summary& time = row.time_us;
  json["time_us"] = {{"min", time.min}, {"p50", time.p50}, {"p99", time.p99}, {"mean", time.mean}};
  if (row.verdict) {
    json["wrong"] = row.verdict->wrong;
    json["max_abs_error"] = row.verdict->max_abs_error;
    json["error_bound"] = row.verdict->error_bound;
  }
  if (row.baseline) {
    const BaselineResult& baseline = *row.baseline;
    json["baseline"] = {{"name", baseline.name}, {"p50_us", baseline.p50_us}, {"speedup", baseline.speedup}};
  }
  return json;
}

}  // namespace

std::string lay_out_head(std::span<const Column> columns) {
  std::vector<std::string> names, units;
  for (const Column& column : columns) {
    names.emplace_back(column.name);
    units.emplace_back(column.unit);
  }
  return lay_out(columns, '#', names) + lay_out(columns, '#', units);
}

std::string lay_out(std::span<const Column> columns, char first, const std::vector<std::string>& cells) {
  std::string line(1, first);
  for (size_t i = 0; i < cells.size(); ++i) {
    const Column& column = columns[i];
    line += fmt::format(fmt::runtime(column.left ? " {:<{}}" : " {:>{}}"), cells[i], column.width);
  }
  return line.erase(line.find_last_not_of(' ') + 1) + "\n";
}

// How calls are made, for people.
std::string way_of(const Meta& meta) {
  if (!meta.device.empty()) return "on memory of " + meta.device;
  return meta.blocking ? "blocking" : "through a host stream";
}

std::string table_head(const Meta& meta) {
  std::string text =
      fmt::format("# {}: {} ranks on {} node{} ({}), libcoll {}\n", meta.tool, meta.nranks, meta.hosts.size(),
                  meta.hosts.size() == 1 ? "" : "s", fmt::join(meta.hosts, " "), meta.library_version);
  text +=
      fmt::format("# {} calls after {} to warm up, {}; a call's time is the {} of the ranks'; input: {}\n", meta.iters,
                  meta.warmup_iters, way_of(meta), meta.average, meta.input.empty() ? "made up" : meta.input);
  if (!meta.baseline.empty()) {
    text += fmt::format("# baseline: {} of {}, in turn with ours\n", meta.baseline, meta.mpi_version);
  }
  text +=
      "# time: mean; algbw, busbw: from p50, GB/s = 10^9 bytes/s; sent: in one call, by the rank that sends most;\n";
  text += "# ratio: bytes without the codec over bytes sent; err/bound: largest error over what it may be\n#\n";
  return text + lay_out_head(kColumns);
}

std::string table_line(const Row& row) {
  const auto& v = row.verdict;
  const auto& b = row.baseline;
  return line(
      ' ',
      {{std::to_string(row.size_bytes), std::to_string(row.count), row.type, row.redop, codec_text(row), row.algorithm,
        row.in_place ? "in" : "out", number_text(row.time_us.mean), number_text(row.algbw_gbs),
        number_text(row.busbw_gbs), v ? std::to_string(v->wrong) : "N/A", std::to_string(row.sent_bytes),
        fmt::format("{:.2f}", row.ratio), v ? number_text(v->worst_ratio) : "N/A", number_text(row.time_us.p50),
        number_text(row.time_us.p99), b ? number_text(b->p50_us) : "-", b ? fmt::format("{:.2f}x", b->speedup) : "-"}});
}

std::string table_foot(std::span<const Row> rows) {
  uint64_t wrong = 0;
  bool checked = false;
  double busbw = 0;
  for (const Row& row : rows) {
    checked = checked || row.verdict.has_value();
    wrong += row.verdict ? row.verdict->wrong : 0;
    busbw += row.busbw_gbs / static_cast<double>(rows.size());
  }
  const std::string verdict = !checked ? "not checked" : wrong == 0 ? "0 OK" : fmt::format("{} FAILED", wrong);
  return fmt::format("#\n# Out of bounds values : {}\n# Avg bus bandwidth    : {} GB/s\n#\n", verdict,
                     number_text(busbw));
}

std::string to_json(const Meta& meta, std::span<const Row> rows) {
  nlohmann::ordered_json json;
  json["meta"] = {
      {"tool", meta.tool},
      {"command", meta.command},
      {"time", meta.time},
      {"library_version", meta.library_version},
      {"mpi_version", meta.mpi_version},
      {"nranks", meta.nranks},
      {"hosts", meta.hosts},
      {"iters", meta.iters},
      {"warmup_iters", meta.warmup_iters},
      {"check_iters", meta.check_iters},
      {"root", meta.root},
      {"blocking", meta.blocking},
      {"memory", meta.memory},
      {"device", meta.device},
      {"average", meta.average},
      {"input", meta.input},
      {"baseline", meta.baseline},
  };
  json["rows"] = nlohmann::ordered_json::array();
  for (const Row& row : rows) json["rows"].push_back(json_row(row));
  return json.dump(1) + "\n";
}

std::string to_csv(std::span<const Row> rows) {
  std::string text =
      "size_bytes,count,type,redop,codec,algorithm,in_place,min_us,p50_us,p99_us,mean_us,algbw_gbs,busbw_gbs,sent_"
      "bytes,"
      "ratio,wrong,max_abs_error,error_bound,baseline,baseline_p50_us,speedup,chosen_codec\n";
  for (const Row& row : rows) {
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", row.size_bytes, row.count, row.type, row.redop,
                        csv_text(row.codec), csv_text(row.algorithm), row.in_place ? 1 : 0, row.time_us.min,
                        row.time_us.p50, row.time_us.p99, row.time_us.mean, row.algbw_gbs, row.busbw_gbs,
                        row.sent_bytes, row.ratio);
    const auto& v = row.verdict;
    text += v ? fmt::format(",{},{},{}", v->wrong, v->max_abs_error, v->error_bound) : ",,,";
    const auto& b = row.baseline;
    text += b ? fmt::format(",{},{},{}", csv_text(b->name), b->p50_us, b->speedup) : ",,,";
    text += fmt::format(",{}\n", csv_text(row.chosen));
  }
  return text;
}

}  // namespace coll::perf
