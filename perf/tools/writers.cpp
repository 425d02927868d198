#include "writers.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace coll::perf {
namespace {

// Four significant digits, as plain a number as fits.
std::string number(double value) {
  if (value == 0) return "0";
  if (value >= 1e7 || value < 1e-3) return fmt::format("{:.2e}", value);
  const int digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
  return fmt::format("{:.{}f}", value, digits);
}

nlohmann::ordered_json json_row(const Row& row) {
  nlohmann::ordered_json json = {
      {"size_bytes", row.size_bytes},
      {"count", row.count},
      {"type", row.type},
      {"redop", row.redop},
      {"codec", row.codec},
      {"algorithm", row.algorithm},
      {"in_place", row.in_place},
      {"time_us", {}},
      {"algbw_gbs", row.algbw_gbs},
      {"busbw_gbs", row.busbw_gbs},
      {"sent_bytes", row.sent_bytes},
      {"ratio", row.ratio},
      {"wrong", nullptr},
      {"max_abs_error", nullptr},
      {"error_bound", nullptr},
      {"baseline", nullptr},
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

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string table_head(const Meta& meta) {
  std::string text =
      fmt::format("# {}: {} ranks on {} node{} ({}), libcoll {}\n", meta.tool, meta.nranks, meta.hosts.size(),
                  meta.hosts.size() == 1 ? "" : "s", fmt::join(meta.hosts, " "), meta.library_version);
  text += fmt::format("# {} calls after {} to warm up, {}; a call's time is the {} of the ranks'; input: {}\n",
                      meta.iters, meta.warmup_iters, meta.blocking ? "blocking" : "through a host stream", meta.average,
                      meta.input.empty() ? "made up" : meta.input);
  if (!meta.baseline.empty()) {
    text += fmt::format("# baseline: {} of {}, in turn with ours\n", meta.baseline, meta.mpi_version);
  }
  text +=
      "# time is the mean, algbw and busbw are from p50 (GB/s = 10^9 bytes/s); sent: bytes in one call by the rank "
      "that "
      "sends most;\n# ratio: bytes without the codec over bytes sent; err/bound: largest error over what it may "
      "be\n#\n";
  text += fmt::format(
      "#{:>10} {:>9} {:>8} {:>5} {:<10} {:<12} {:>5} {:>8} {:>7} {:>7} {:>6} {:>10} {:>5} {:>9} {:>8} {:>8} "
      "{:>8} {:>7}\n",
      "size", "count", "type", "redop", "codec", "algorithm", "place", "time", "algbw", "busbw", "#wrong", "sent",
      "ratio", "err/bound", "p50", "p99", "baseline", "speedup");
  text += fmt::format(
      "#{:>10} {:>9} {:>8} {:>5} {:<10} {:<12} {:>5} {:>8} {:>7} {:>7} {:>6} {:>10} {:>5} {:>9} {:>8} {:>8} "
      "{:>8} {:>7}\n",
      "(B)", "(elements)", "", "", "", "", "", "(us)", "(GB/s)", "(GB/s)", "", "(B)", "", "", "(us)", "(us)",
      "p50 (us)", "");
  return text;
}

std::string table_line(const Row& row) {
  const std::string wrong = row.verdict ? std::to_string(row.verdict->wrong) : "N/A";
  const std::string worst = row.verdict ? number(row.verdict->worst_ratio) : "N/A";
  const std::string baseline = row.baseline ? number(row.baseline->p50_us) : "-";
  const std::string speedup = row.baseline ? fmt::format("{:.2f}x", row.baseline->speedup) : "-";
  return fmt::format(
      " {:>10} {:>9} {:>8} {:>5} {:<10} {:<12} {:>5} {:>8} {:>7} {:>7} {:>6} {:>10} {:>5.2f} {:>9} {:>8} {:>8} "
      "{:>8} {:>7}\n",
      row.size_bytes, row.count, row.type, row.redop, row.codec, row.algorithm, row.in_place ? "in" : "out",
      number(row.time_us.mean), number(row.algbw_gbs), number(row.busbw_gbs), wrong, row.sent_bytes, row.ratio, worst,
      number(row.time_us.p50), number(row.time_us.p99), baseline, speedup);
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
  return fmt::format("#\n# Out of bounds values : {}\n# Avg bus bandwidth    : {} GB/s\n#\n", verdict, number(busbw));
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
      "ratio,wrong,max_abs_error,error_bound,baseline,baseline_p50_us,speedup\n";
  for (const Row& row : rows) {
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", row.size_bytes, row.count, row.type, row.redop,
                        csv_text(row.codec), csv_text(row.algorithm), row.in_place ? 1 : 0, row.time_us.min,
                        row.time_us.p50, row.time_us.p99, row.time_us.mean, row.algbw_gbs, row.busbw_gbs,
                        row.sent_bytes, row.ratio);
    const auto& v = row.verdict;
    text += v ? fmt::format(",{},{},{}", v->wrong, v->max_abs_error, v->error_bound) : ",,,";
    const auto& b = row.baseline;
    text += b ? fmt::format(",{},{},{}\n", csv_text(b->name), b->p50_us, b->speedup) : ",,,\n";
  }
  return text;
}

}  // namespace coll::perf
