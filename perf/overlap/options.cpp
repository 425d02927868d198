#include "options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>

namespace coll::perf {
namespace {

constexpr size_t kDefaultBytes = size_t{16} << 20;

void declare(SizeFlags* sizes, std::string* threads, OverlapOptions* o, CLI::App* app) {
  app->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  sizes->declare(app, "16M");
  app->add_option("-n,--iters", o->iters, "timed calls of each kind (default 20)")->check(CLI::Range(1, 1 << 24));
  app->add_option("-w,--warmup_iters", o->warmup_iters, "calls before them (default 5)")->check(CLI::Range(0, 1 << 24));
  app->add_option("-c,--check", o->check_iters, "0: results are not checked (default 1)")->check(CLI::Range(0, 1));
  app->add_option("--work", o->work, "length of the compute loop over the collective's own time (default 1)")
      ->check(CLI::Range(0.01, 100.0));
  app->add_option("--codec", o->codecs, "codec spec, as in int8 or int4:block=64; repeat it (default none)")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app->add_option("--mpi-threads", *threads,
                  "level that MPI is initialised with: single, or multiple, at which the progress thread may move what "
                  "MPI carries (default multiple)")
      ->check(CLI::IsMember({"single", "multiple"}));
  app->add_option("--json", o->json_file, "write the results to this file as JSON");
  app->add_option("--csv", o->csv_file, "... as CSV");
  app->add_option("--timeout-ms", o->timeout_ms, "the communicators' time-out (default: the library's)")
      ->check(CLI::Range(1, std::numeric_limits<int>::max()));
}

}  // namespace

OverlapParsed parse_overlap_options(int argc, const char* const* argv) {
  OverlapOptions options;
  SizeFlags sizes;
  std::string threads = "multiple";
  CLI::App app(
      "Measures how much of collAllReduce on a stream hides behind a compute loop, with the progress thread and "
      "without, beside MPI_Iallreduce. Run it under mpirun.",
      "overlap_perf");
  declare(&sizes, &threads, &options, &app);
  try {
    app.parse(argc, argv);
    static_cast<SizeRange&>(options) = sizes.read(kDefaultBytes);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, app.help(), 0};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, fmt::format("overlap_perf: {}\nRun it with --help for the flags.\n", error.what()), 2};
  }
  options.thread_multiple = threads == "multiple";
  if (options.codecs.empty()) options.codecs = {"none"};
  return {options, "", 0};
}

}  // namespace coll::perf
