// coll_plan: what calls are predicted to take on a cluster that is only described, and which plans are taken there.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "../tools/files.hpp"
#include "../tools/result.hpp"
#include "journey.hpp"
#include "options.hpp"
#include "report.hpp"

namespace coll::plan_tool {
namespace {

int fail(const std::string& words, int status) {
  std::fputs(fmt::format("coll_plan: {}\n", words).c_str(), stderr);
  return status;
}

// The messages of what is taken for the largest size with the first codec.
Status picture_of(const Report& report, std::string* svg) {
  const topo::Topology& topology = report.cluster.topology;
  if (topology.nranks > kMostDrawnRanks) {
    return {collInvalidArgument,
            fmt::format("--picture: {} ranks are too many to see; at most {}", topology.nranks, kMostDrawnRanks)};
  }
  const Line& line = report.lines.back();
  const Entry& entry = line.entries.front();
  if (entry.taken < 0) return {collUnsupported, "--picture: nothing serves the call with the first codec"};
  PlanQuery query = query_of(topology, report.question, line.size_bytes);
  COLL_TRY(price(topology, entry.codec, &query));
  const auto registry = algorithm_registry();
  const auto algorithm = std::find_if(registry.begin(), registry.end(),
                                      [&](const Algorithm& one) { return one.name == entry.choice().algorithm; });
  Journey journey;
  COLL_TRY(follow(topology, query, *algorithm, &journey));
  const std::string title = fmt::format("{}: {}, codec {}, {}", algorithm->name, words_of(report.question), entry.codec,
                                        perf::size_text(static_cast<double>(line.size_bytes)));
  *svg = draw(topology, journey, title,
              fmt::format("{} hops in a row, predicted {}", journey.hops, perf::time_text(entry.choice().cost.us)));
  return {};
}

int run(int argc, char** argv) {
  const Parsed parsed = parse_options(argc, argv);
  if (!parsed.options) {
    std::fputs(parsed.text.c_str(), parsed.status == 0 ? stdout : stderr);
    return parsed.status;
  }
  const Options& options = *parsed.options;
  if (const auto problem = perf::try_files({options.json_file, options.plot_file, options.picture_file})) {
    return fail(problem.text, problem.status);
  }
  Cluster cluster;
  if (const Status status = build(options.cluster, &cluster); !status.ok()) return fail(status.message(), perf::kUsage);
  if (!cluster.warning.empty()) std::fputs(fmt::format("warning: {}\n", cluster.warning).c_str(), stderr);
  std::vector<Line> lines;
  if (const Status status = predict_all(cluster.topology, options.question, &lines); !status.ok()) {
    return fail(status.message(), perf::kUsage);
  }
  const Report report{cluster, options.question, lines};
  std::string picture;
  if (!options.picture_file.empty()) {
    if (const Status status = picture_of(report, &picture); !status.ok()) return fail(status.message(), perf::kUsage);
  }
  std::fputs(as_text(report).c_str(), stdout);
  for (const auto& [path, content] : {std::pair(options.json_file, options.json_file.empty() ? "" : as_json(report)),
                                      std::pair(options.plot_file, options.plot_file.empty() ? "" : as_svg(report)),
                                      std::pair(options.picture_file, picture)}) {
    if (const auto problem = perf::write_file(path, content)) return fail(problem.text, problem.status);
  }
  return 0;
}

}  // namespace
}  // namespace coll::plan_tool

int main(int argc, char** argv) {
  try {
    return coll::plan_tool::run(argc, argv);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "coll_plan: %s\n", failure.what());
    return 1;
  }
}
