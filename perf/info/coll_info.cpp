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
  bool env = false;
  bool env_markdown = false;
  std::string svg;
  std::string xml;
  int ranks = 0;
};

std::string render(const coll::inspect::Report& report, const Options& options) {
  if (options.env) return options.json ? coll::inspect::env_json(report) : coll::inspect::env_text(report);
  if (options.topology && report.topology.nodes.empty()) return "";  // an error says why
  if (options.topology && options.json) return coll::topo::to_json(report.topology) + "\n";
  if (options.topology) return coll::topo::to_text(report.topology);
  // Who asks for a file wants no text beside it.
  if (!options.svg.empty() || !options.xml.empty()) return "";
  return options.json ? coll::inspect::as_json(report) : coll::inspect::as_text(report);
}

// Nothing is written of a node that could not be described.
void write_files(const Options& options, coll::inspect::Report* report) {
  if (report->topology.nodes.empty()) return;
  const auto write = [report](const std::string& path, const std::string& view) {
    if (path.empty()) return;
    if (const coll::Status status = coll::topo::write_file(path, view); !status.ok()) {
      report->errors.push_back(status.message());
    }
  };
  write(options.svg, coll::topo::to_svg(report->topology));
  write(options.xml, coll::topo::to_xml(report->topology, 0));
}

int run(const Options& options) {
  if (options.env_markdown) {
    std::fputs(coll::inspect::env_markdown().c_str(), stdout);
    return 0;
  }
  coll::inspect::Report report = coll::inspect::gather(options.ranks);
  write_files(options, &report);
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
    app.add_flag("--env", options.env, "the environment variables only: value, default and source of each")
        ->excludes("--topo");
    app.add_option("--svg", options.svg, "draw the topology into this file")->type_name("FILE");
    app.add_option("--xml", options.xml, "write the node as hwloc's XML, which COLL_TOPO_FILE reads")
        ->type_name("FILE");
    app.add_option("--ranks", options.ranks, "as if so many ranks ran here, each bound to its share of the cores")
        ->type_name("N")
        ->check(CLI::Range(1, 4096));
    app.add_flag("--env-markdown", options.env_markdown, "docs/environment.md, from the list of variables")->group("");
    CLI11_PARSE(app, argc, argv);
    return run(options);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "coll_info: %s\n", failure.what());
    return 1;
  }
}
