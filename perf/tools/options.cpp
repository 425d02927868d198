#include "options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "numbers.hpp"
#include "progress.hpp"

namespace coll::perf {
namespace {

constexpr size_t kDefaultBytes = size_t{32} << 20;

// What the command line gave, before it is looked at.
struct Raw {
  SizeFlags sizes;
  std::string op = "sum", type = "float", baseline = "none", place = "both", progress = "auto", join = "mpi",
              memory = "host";
  int average = static_cast<int>(Average::kMax), blocking = 1;
};

std::string names(std::span<const std::string_view> all) { return fmt::format("{}", fmt::join(all, ", ")); }

void declare(const ToolTraits& tool, Raw* raw, Options* o, CLI::App* app) {
  app->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  raw->sizes.declare(app, "32M");
  app->add_option("-n,--iters", o->iters, "timed calls (default 20)")->check(CLI::Range(1, 1 << 24));
  app->add_option("-w,--warmup_iters", o->warmup_iters, "calls before them (default 5)")->check(CLI::Range(0, 1 << 24));
  app->add_option("-c,--check", o->check_iters, "checked calls; 0: results are not checked (default 1)")
      ->check(CLI::Range(0, 1 << 24));
  if (tool.reduces) app->add_option("-o,--op", raw->op, names(all_ops()) + " or all (default sum)");
  app->add_option("-d,--datatype", raw->type, type_names() + " or all (default float)");
  if (tool.rooted) {
    app->add_option("-r,--root", o->root, "(default 0)")->check(CLI::Range(0, std::numeric_limits<int>::max()));
  }
  app->add_option("-a,--average", raw->average,
                  "a call's time over the ranks: 0 rank 0, 1 mean, 2 min, 3 max (default 3)")
      ->check(CLI::Range(0, 3));
  app->add_option("-z,--blocking", raw->blocking, "1 blocking calls, 0 through a host stream (default 1)")
      ->check(CLI::Range(0, 1));
  app->add_option("--codec", o->codecs, "codec spec, as in int8 or int4:block=64; repeat it to compare (default none)")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app->add_option("--input", o->input, "raw little-endian elements, tiled to the size; %r in the name is the rank");
  app->add_option("--baseline", raw->baseline, "mpi: the same work through MPI, call by call in turn (default none)")
      ->check(CLI::IsMember({"mpi", "none"}));
  app->add_option("--place", raw->place, "out, in or both: buffers apart, in place (default both)")
      ->check(CLI::IsMember({"out", "in", "both"}));
  app->add_option("--json", o->json_file, "write the results to this file as JSON");
  app->add_option("--csv", o->csv_file, "... as CSV");
  app->add_option("--plot", o->plot_file, "... as a picture (SVG)");
  app->add_option("--timeout-ms", o->timeout_ms, "the communicator's time-out (default: the library's)")
      ->check(CLI::Range(1, std::numeric_limits<int>::max()));
  app->add_option("--join", raw->join, "mpi, or id: the communicator is made without MPI (default mpi)")
      ->check(CLI::IsMember({"mpi", "id"}));
  app->add_option("--memory", raw->memory,
                  "host, coll: buffers from collMemAlloc, or device: of a GPU, with the times of its stream, or "
                  "device-coll: the same from collMemAllocDevice (default host)")
      ->check(CLI::IsMember({"host", "coll", "device", "device-coll"}));
  app->add_option("--ranks-per-gpu", o->ranks_per_gpu,
                  "with --memory device: ranks of a node that share a GPU (default: as few as there are GPUs for)")
      ->check(CLI::Range(1, 1 << 16));
  app->add_option("--progress", raw->progress, "on, off or auto: progress on stderr (default: where it is a terminal)")
      ->check(CLI::IsMember({"on", "off", "auto"}));
}

void read_names(const ToolTraits& tool, const Raw& raw, Options* o) {
  o->types = read_types(raw.type);
  if (raw.op == "all") {
    for (int op = 0; op < collNumOps; ++op) o->ops.push_back(static_cast<collRedOp_t>(op));
  } else if (const auto op = op_named(raw.op)) {
    o->ops = {*op};
  } else {
    throw CLI::ValidationError("--op", fmt::format("{} is none of {}, all", raw.op, names(all_ops())));
  }
  if (!tool.reduces) o->ops = {collSum};
  for (const std::string& codec : o->codecs) {
    if (!tool.has_codec && codec != "none") {
      throw CLI::ValidationError("--codec", fmt::format("{}: this collective is exact; only none is possible", codec));
    }
  }
  if (!o->codecs.empty()) return;
  const char* fallback = tool.has_codec ? std::getenv("COLL_CODEC") : nullptr;
  o->codecs = {fallback != nullptr && *fallback != '\0' ? fallback : "none"};
}

void read_memory(const Raw& raw, const Options& o) {
  const bool device = raw.memory.starts_with("device");
  if (device && raw.baseline != "none") {
    throw CLI::ValidationError("--baseline", "the MPI library's calls are measured on host memory alone");
  }
  if (!device && o.ranks_per_gpu != 0) throw CLI::ValidationError("--ranks-per-gpu", "it needs --memory device");
}

}  // namespace

std::string_view name(Average average) {
  const std::string_view texts[] = {"rank 0", "mean", "min", "max"};
  return texts[static_cast<int>(average)];
}

Parsed parse_options(const ToolTraits& tool, int argc, const char* const* argv) {
  Options options;
  Raw raw;
  CLI::App app(std::string(tool.what) + " Run it under mpirun.", std::string(tool.name));
  declare(tool, &raw, &options, &app);
  try {
    app.parse(argc, argv);
    static_cast<SizeRange&>(options) = raw.sizes.read(kDefaultBytes);
    read_names(tool, raw, &options);
    read_memory(raw, options);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, app.help(), 0};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, fmt::format("{}: {}\nRun it with --help for the flags.\n", tool.name, error.what()), 2};
  }
  options.average = static_cast<Average>(raw.average);
  options.blocking = raw.blocking == 1;
  options.baseline = raw.baseline == "mpi";
  options.in_place = tool.can_be_in_place && raw.place != "out";
  options.out_of_place = !options.in_place || raw.place != "in";
  options.library_memory = raw.memory.ends_with("coll");
  options.device_memory = raw.memory.starts_with("device");
  options.join_by_id = raw.join == "id";
  options.progress = raw.progress == "on";
  if (raw.progress == "auto") options.progress = stderr_is_terminal();
  return {options, "", 0};
}

}  // namespace coll::perf
