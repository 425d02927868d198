// coll_tune: measures a machine once, for the choice of algorithms and of codec auto's candidates.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <new>

#include "core.hpp"
#include "links.hpp"
#include "ranks.hpp"
#include "show.hpp"

namespace coll::perf {
namespace {

struct Options {
  std::string output;
  bool show = false;
  bool quick = false;
};

// The file that is written or shown.
Problem find_path(const Options& options, std::string* path) {
  *path = options.output.empty() ? topo::tuning_path(topo::this_machine()) : options.output;
  if (!path->empty()) return {};
  return {"neither XDG_CACHE_HOME nor HOME is set; name a file with --output", kUsage};
}

Problem show(const Options& options) {
  std::string path;
  if (Problem p = find_path(options, &path)) return p;
  topo::TuningFile file;
  if (const Status status = topo::read_tuning(path, &file); !status.ok()) return {status.message(), kCheckFailed};
  std::fputs(fmt::format("{}\n{}", path, tuning_text(file)).c_str(), stdout);
  return {};
}

void describe(const Ranks& ranks, const topo::Topology& topology, topo::TuningFile* file) {
  char host[256] = {}, now[32] = {};
  if (::gethostname(host, sizeof(host) - 1) == 0) file->host = host;
  const std::time_t clock = std::time(nullptr);
  std::tm utc = {};
  std::strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&clock, &utc));
  file->measured = now;
  file->machine = topo::this_machine();
  file->nodes = static_cast<int>(topology.nodes.size());
  file->ranks = ranks.size();
}

Problem measure_own_core(const Options& options, topo::Rates* rates) {
  Effort effort;
  if (options.quick) effort.seconds = 0.02;
  try {
    return measure_core(effort, rates);
  } catch (const std::bad_alloc&) {
    return {"not enough memory"};
  }
}

Problem measure(const Ranks& ranks, const Options& options, topo::TuningFile* file) {
  topo::Topology topology;
  if (Problem p = ranks.find_nodes(&topology)) return p;
  describe(ranks, topology, file);
  LinkEffort effort;
  if (options.quick) effort = {200, size_t{4} << 20, 4};
  LinkFindings found;
  if (Problem p = measure_links(ranks, topology, effort, &found)) return p;
  // Rank 0 alone: its machine is the one that the file is named after.
  const Problem problem = ranks.is_root() ? measure_own_core(options, &file->rates) : Problem{};
  if (Problem p = ranks.agree(problem)) return p;
  file->links = link_costs_of(found, &file->rates);
  return {};
}

Problem tune(const Ranks& ranks, const Options& options) {
  std::string path;
  if (Problem p = ranks.agree(ranks.is_root() ? find_path(options, &path) : Problem{})) return p;
  topo::TuningFile file;
  if (Problem p = measure(ranks, options, &file)) return p;
  Problem unwritten;
  if (ranks.is_root()) {
    if (const Status status = topo::write_tuning(path, file); !status.ok()) unwritten = {status.message(), kUsage};
  }
  if (Problem p = ranks.agree(unwritten)) return p;
  if (!ranks.is_root()) return {};
  std::fputs(fmt::format("{}wrote {}\n", tuning_text(file), path).c_str(), stdout);
  return {};
}

int report(bool speaks, const Problem& problem) {
  if (!problem) return 0;
  if (speaks) std::fputs(fmt::format("coll_tune: {}\n", problem.text).c_str(), stderr);
  return problem.status;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Measures links, codecs, reductions and copies once for a machine, and writes a file that communicators read.\n"
      "Run it under mpirun as programs are run: two ranks on a node measure shared memory, two nodes the network.");
  app.add_option("--output", options.output, "the file (default: this machine's, in the user's cache folder)");
  app.add_flag("--show", options.show, "show the file, measure nothing");
  app.add_flag("--quick", options.quick, "a second or two, for coarser figures");
  CLI11_PARSE(app, argc, argv);
  if (options.show) return report(true, show(options));
  ::setenv("COLL_TUNING_FILE", "none", 1);  // what was measured before does not count
  const Ranks ranks(&argc, &argv);
  return report(ranks.is_root(), tune(ranks, options));
}

}  // namespace
}  // namespace coll::perf

int main(int argc, char** argv) {
  try {
    return coll::perf::run(argc, argv);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "coll_tune: %s\n", failure.what());
    return 1;
  }
}
