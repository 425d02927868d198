#include "options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>

#include "compression/codec.hpp"
#include "perf/tools/numbers.hpp"
#include "perf/tools/progress.hpp"

namespace coll::perf {
namespace {

// What the command line gave, before it is looked at.
struct Raw {
  SizeFlags sizes;
  std::string type = "float", memory = "host", stores = "auto", progress = "auto";
  std::vector<std::string> isas;
};

std::string isa_names() {
  std::string all;
  for (const Isa isa : list_isas()) all += fmt::format("{}{}", all.empty() ? "" : ", ", name(isa));
  return all;
}

void declare(Raw* raw, CodecOptions* o, CLI::App* app) {
  app->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  raw->sizes.declare(app, "64K, 2M and 64M; on a device 4K to 1G in steps of 32");
  app->add_option("-n,--iters", o->iters, "timed samples (default 20)")->check(CLI::Range(1, 1 << 24));
  app->add_option("-w,--warmup_iters", o->warmup_iters, "samples before them (default 5)")
      ->check(CLI::Range(0, 1 << 24));
  app->add_option("-c,--check", o->check_iters, "0: results are not checked (default 1)")->check(CLI::Range(0, 1));
  app->add_option("-d,--datatype", raw->type, type_names() + " or all (default float)");
  app->add_option("--ranks", o->ranks, "contributions to a reduction (default 2)")->check(CLI::Range(1, 1024));
  app->add_option("--codec", o->codecs, "codec spec, as in int8 or int4:block=64; repeat it (default: every codec)")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app->add_option("--isa", raw->isas, isa_names() + " or all: instruction sets; repeat it (default: the best)")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app->add_option("--input", o->inputs, "raw little-endian elements, tiled to the size; %r in the name is the rank")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app->add_option("--stores", raw->stores,
                  "plain or stream (past the caches) stores of elements; auto: as the library does (default auto)")
      ->check(CLI::IsMember({"auto", "plain", "stream"}));
  app->add_option("--memory", raw->memory, "where the buffers are (default host)")
      ->check(CLI::IsMember({"host", "device"}));
  app->add_option("--threads", o->threads, "of a block, on the device (default: as tuned)")
      ->check(CLI::IsMember({0, 64, 128, 256, 512}));
  app->add_option("--blocks-per-sm", o->blocks_per_sm, "at most, on the device (default: as tuned)")
      ->check(CLI::Range(0, 64));
  app->add_flag("--accuracy", o->accuracy,
                "ratio and error of each codec on each --input, whole and untimed: the same on every machine");
  app->add_option("--json", o->json_file, "write the results to this file as JSON");
  app->add_option("--csv", o->csv_file, "... as CSV");
  app->add_option("--progress", raw->progress, "on, off or auto: progress on stderr (default: where it is a terminal)")
      ->check(CLI::IsMember({"on", "off", "auto"}));
}

void read_isas(const Raw& raw, CodecOptions* o) {
  for (const std::string& wanted : raw.isas) {
    const size_t before = o->isas.size();
    for (const Isa isa : list_isas()) {
      if (wanted == "all" || wanted == name(isa)) o->isas.push_back(isa);
    }
    if (o->isas.size() == before) {
      throw CLI::ValidationError("--isa", fmt::format("{} is none of {}, all", wanted, isa_names()));
    }
  }
  if (o->isas.empty()) o->isas = {best_isa()};
}

void read_sizes(const Raw& raw, CodecOptions* o) {
  const size_t smallest = o->on_device ? size_t{4} << 10 : size_t{64} << 10;
  const size_t largest = o->on_device ? size_t{1} << 30 : size_t{64} << 20;
  static_cast<SizeRange&>(*o) = raw.sizes.read(largest);
  if (!raw.sizes.min_bytes.empty() || !raw.sizes.max_bytes.empty()) return;
  o->min_bytes = smallest;
  if (o->step_factor == 1) o->step_factor = 32;
}

void read(const Raw& raw, CodecOptions* o) {
  o->on_device = raw.memory == "device";
  read_sizes(raw, o);
  read_isas(raw, o);
  o->types = read_types(raw.type);
  o->stores = raw.stores == "auto" ? Stores::kAuto : raw.stores == "plain" ? Stores::kPlain : Stores::kStream;
  if (o->codecs.empty()) {
    for (const CodecEntry& entry : codec_registry()) {
      if (entry.name != "auto") o->codecs.emplace_back(entry.name);  // it has no kernels of its own
    }
  }
  if (o->accuracy && o->inputs.empty()) throw CLI::ValidationError("--accuracy", "needs --input");
  if (!o->accuracy && o->inputs.size() > 1) {
    throw CLI::ValidationError("--input", "can be repeated with --accuracy only");
  }
  o->progress = raw.progress == "on" || (raw.progress == "auto" && stderr_is_terminal());
}

}  // namespace

CodecParsed parse_codec_options(int argc, const char* const* argv) {
  CodecOptions options;
  Raw raw;
  CLI::App app("Measures and checks the codecs' encoding, decoding and reducing on one core, beside memcpy.",
               "codec_perf");
  declare(&raw, &options, &app);
  try {
    app.parse(argc, argv);
    read(raw, &options);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, app.help(), 0};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, fmt::format("codec_perf: {}\nRun it with --help for the flags.\n", error.what()), 2};
  }
  return {options, "", 0};
}

}  // namespace coll::perf
