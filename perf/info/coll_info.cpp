// coll_info: what libcoll is built with, what it finds on this node, and what it is told by the environment.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "report.hpp"
#include "topology/views.hpp"

namespace {

struct Options {
  bool json = false;
  bool topology = false;
  bool env_markdown = false;
};

std::string render(const coll::inspect::Report& report, const Options& options) {
  if (options.topology && options.json) return coll::topo::to_json(report.topology) + "\n";
  if (options.topology) return coll::topo::to_text(report.topology);
  return options.json ? coll::inspect::as_json(report) : coll::inspect::as_text(report);
}

int run(const Options& options) {
  if (options.env_markdown) {
    std::fputs(coll::inspect::env_markdown().c_str(), stdout);
    return 0;
  }
  const coll::inspect::Report report = coll::inspect::gather();
  std::fputs(render(report, options).c_str(), stdout);
  for (const std::string& warning : report.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  for (const std::string& error : report.errors) std::fprintf(stderr, "error: %s\n", error.c_str());
  return report.errors.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app(
        "Shows versions, what libcoll finds on this node, and every environment variable with its value and source.\n"
        "Exit status 1 where a variable has a value that libcoll refuses.");
    Options options;
    app.add_flag("--json", options.json, "write JSON");
    app.add_flag("--topo", options.topology, "the topology only");
    app.add_flag("--env-markdown", options.env_markdown, "docs/environment.md, from the list of variables")->group("");
    CLI11_PARSE(app, argc, argv);
    return run(options);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "coll_info: %s\n", failure.what());
    return 1;
  }
}
