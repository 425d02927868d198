// What two processes of one node can do at best: an all-reduce of float32 as a bare loop over memory they share, the
// same through the kernel's copies (CMA), and memcpy. Prints GB/s of message (10^9 bytes of one input per second).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "methods.hpp"
#include "perf/tools/files.hpp"
#include "perf/tools/flags.hpp"
#include "perf/tools/result.hpp"

namespace coll::perf {
namespace {

struct LimitOptions : SizeRange {
  int iters = 20, warmup_iters = 5;
  std::string json_file;
};

struct LimitRow {
  std::string_view method;
  size_t size_bytes;
  Summary time_us;
  double gbs() const { return static_cast<double>(size_bytes) / time_us.p50 / 1e3; }
};

std::optional<Summary> measure(const LimitOptions& options, const Team& team, const Arena& arena, const Method& method,
                               size_t size_bytes) {
  const size_t count = size_bytes / sizeof(float);
  std::vector<double> times;
  bool failed = false;
  for (int i = -options.warmup_iters; i < options.iters; ++i) {
    team.barrier();
    const auto start = std::chrono::steady_clock::now();
    failed = !method.run(team, arena, count) || failed;
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    if (team.any_failed(failed)) return std::nullopt;
    if (i >= 0) times.push_back(took.count());
  }
  const bool checked = method.reduces || method.name == "memcpy_both";
  if (team.any_failed(checked && !is_right(team, arena, method, count))) return std::nullopt;
  return summarise(times);
}

std::string to_json(const LimitOptions& options, const std::vector<LimitRow>& rows) {
  nlohmann::ordered_json json;
  json["meta"] = {{"tool", "node_limit"}, {"processes", int{Team::kSize}}, {"iters", options.iters}};
  json["rows"] = nlohmann::ordered_json::array();
  for (const LimitRow& row : rows) {
    const Summary& time = row.time_us;
    json["rows"].push_back({{"method", row.method},
                            {"size_bytes", row.size_bytes},
                            {"time_us", {{"min", time.min}, {"p50", time.p50}, {"p99", time.p99}, {"mean", time.mean}}},
                            {"gbs", row.gbs()}});
  }
  return json.dump(1) + "\n";
}

void print_head() {
  std::string text = "# GB/s of message, 2 processes, float32\n";
  for (const Method& method : kAllMethods) text += fmt::format("# {}: {}\n", method.name, method.what);
  std::fputs((text + fmt::format("#{:>13} {:>12} {:>10} {:>8}\n", "method", "size (B)", "p50 (us)", "GB/s")).c_str(),
             stdout);
}

// Run by both processes; the first one shows what comes out.
Problem run(const LimitOptions& options) {
  const Arena arena(options.max_bytes);
  std::fflush(nullptr);
  const Team team;
  fill(team, arena);
  if (team.rank() == 0) print_head();
  std::vector<LimitRow> rows;
  for (const size_t size : options.sizes()) {
    for (const Method& method : kAllMethods) {
      const auto time = measure(options, team, arena, method, size);
      if (!time) return {fmt::format("{} of {} bytes failed or gave a wrong result", method.name, size), kCheckFailed};
      rows.push_back({method.name, size, *time});
      if (team.rank() != 0) continue;
      std::fputs(fmt::format("{:>14} {:>12} {:>10} {:>8}\n", method.name, size, number_text(time->p50),
                             number_text(rows.back().gbs()))
                     .c_str(),
                 stdout);
    }
  }
  return team.rank() == 0 ? write_file(options.json_file, to_json(options, rows)) : Problem{};
}

int start(int argc, char** argv) {
  LimitOptions options;
  SizeFlags sizes;
  CLI::App app("Measures what two processes of this machine can do at best.", "node_limit");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  sizes.declare(&app, "32M");
  app.add_option("-n,--iters", options.iters, "timed calls (default 20)")->check(CLI::Range(1, 1 << 24));
  app.add_option("-w,--warmup_iters", options.warmup_iters, "calls before them (default 5)")
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("--json", options.json_file, "write the results to this file as JSON");
  try {
    app.parse(argc, argv);
    static_cast<SizeRange&>(options) = sizes.read(size_t{32} << 20);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& error) {
    std::fputs(fmt::format("node_limit: {}\n", error.what()).c_str(), stderr);
    return kUsage;
  }
  const Problem problem = run(options);
  if (problem) std::fputs(fmt::format("node_limit: {}\n", problem.text).c_str(), stderr);
  return problem ? problem.status : 0;
}

}  // namespace
}  // namespace coll::perf

int main(int argc, char** argv) {
  try {
    return coll::perf::start(argc, argv);
  } catch (const std::exception& error) {
    std::fputs(fmt::format("node_limit: {}\n", error.what()).c_str(), stderr);
    return 1;
  }
}
