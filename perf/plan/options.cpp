#include "options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "../tools/files.hpp"
#include "../tools/flags.hpp"
#include "../tools/numbers.hpp"

namespace coll::plan_tool {

namespace {

// What the command line gave, before it is looked at.
struct Raw {
  perf::SizeFlags sizes;
  Description cluster;
  std::string cluster_file, func = "allreduce", type = "float", op = "sum", algo;
  std::vector<std::string> codecs;
};

std::string func_list() {
  const auto names = func_names();
  return fmt::format("{}", fmt::join(names.begin(), names.end() - 1, ", "));  // a send has one plan
}

void declare_cluster(Raw* raw, CLI::App* app) {
  Description& d = raw->cluster;
  app->add_option("--cluster", raw->cluster_file, "the cluster as JSON; flags win over it")->type_name("FILE");
  app->add_option("--nodes", d.nodes, "(default 4)");
  app->add_option("--ranks-per-node", d.ranks_per_node, "(default 8)");
  app->add_option("--machine", d.machine,
                  "what a node is: a FILE.xml of hwloc, the name of a recorded machine, this, or cores: one for each "
                  "rank (default cores)");
  app->add_option("--tuning", d.tuning, "rates and links: a file that coll_tune wrote, or none (default none)");
  app->add_option("--nics", d.nics, "network devices of a node, which its ranks share out (default 1)");
  app->add_option("--gbits", d.gbits, "Gbit/s of each (default: what machine and tuning say, else 10)");
  app->add_option("--latency-us", d.latency_us, "from node to node (default: as above, else 25)");
  app->add_option("--nodes-per-switch", d.nodes_per_switch, "nodes that share an uplink (default: no switch counts)");
  app->add_option("--oversubscription", d.oversubscription,
                  "rate of a switch's nodes together over that of its uplink (default 1)");
  app->add_option(
      "--memory", d.memory,
      "host, or device: ranks are on the GPUs of their node, and calls of all sizes run there (default host)");
  app->add_option("--ranks-per-gpu", d.ranks_per_gpu,
                  "with --memory device: ranks of a node that share a GPU (default: as few as there are GPUs for)");
  app->add_flag("--one-machine", d.one_machine, "nodes are containers of one machine, as those of coll_cluster");
}

void declare_calls(Raw* raw, Options* o, CLI::App* app) {
  app->add_option("--func", raw->func, func_list() + " (default allreduce)");
  raw->sizes.min_bytes = "1K";
  raw->sizes.max_bytes = "1G";
  raw->sizes.step_factor = 4;
  app->add_option("-b,--minbytes", raw->sizes.min_bytes, "smallest size, of the whole vector (default 1K)");
  app->add_option("-e,--maxbytes", raw->sizes.max_bytes, "largest size (default 1G)");
  app->add_option("-f,--stepfactor", raw->sizes.step_factor, "from one size to the next (default 4)")
      ->check(CLI::Range(2, 1 << 20));
  app->add_option("-o,--op", raw->op, fmt::format("{} (default sum)", fmt::join(perf::all_ops(), ", ")));
  app->add_option("-d,--datatype", raw->type, perf::type_names() + " (default float)");
  app->add_option("-r,--root", o->question.root, "(default 0)");
  app->add_option("--codec", raw->codecs,
                  "codec spec, as in int8 or int4:block=64; repeat it to compare (default none, bf16, int8, int4)")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app->add_option("--algo", raw->algo, "algorithms to choose from, as in COLL_ALGO (default all)");
  app->add_flag("--deterministic", o->question.deterministic, "only plans that reduce in rank order");
}

void declare_output(Options* o, CLI::App* app) {
  app->add_option("--json", o->json_file, "write all predictions to this file as JSON")->type_name("FILE");
  app->add_option("--plot", o->plot_file, "... those of what is taken as a picture (SVG)")->type_name("FILE");
  app->add_option("--picture", o->picture_file,
                  "draw who sends to whom (SVG), of the largest size with the first codec")
      ->type_name("FILE");
}

void check(const Status& status) {
  if (!status.ok()) throw CLI::ValidationError(status.message());
}

void read_codecs(const std::vector<std::string>& specs, Question* question) {
  for (const std::string& spec : specs) {
    std::unique_ptr<Codec> codec;
    check(make_codec(spec, &codec));
    if (codec->traits().asks_magnitude) {
      throw CLI::ValidationError("--codec", fmt::format("{}: it chooses by the data; name what it may choose", spec));
    }
    if (!codec->traits().lossless || codec->traits().chooses) {
      check(codec->supports(question->type));
      if (reduces(question->func)) check(codec->supports(question->op));
    }
    question->codecs.push_back(std::move(codec));
  }
}

void read_question(const Raw& raw, Question* question) {
  const auto names = func_names();
  const auto func = std::find(names.begin(), names.end() - 1, raw.func);
  if (func == names.end() - 1) {
    throw CLI::ValidationError("--func", fmt::format("{} is none of {}", raw.func, func_list()));
  }
  question->func = static_cast<collFunc_t>(func - names.begin());
  const std::vector<collDataType_t> types = perf::read_types(raw.type);
  if (types.size() != 1) throw CLI::ValidationError("--datatype", "name one type");
  question->type = types.front();
  const auto op = perf::op_named(raw.op);
  if (!op) {
    throw CLI::ValidationError("--op", fmt::format("{} is none of {}", raw.op, fmt::join(perf::all_ops(), ", ")));
  }
  question->op = *op;
  check(parse_algorithms(raw.algo, &question->algorithms));
  const bool coded = question->func <= collFuncBroadcast && question->type == collFloat32;
  const std::vector<std::string> usual = {"none", "bf16", "int8", "int4"};
  read_codecs(!raw.codecs.empty() ? raw.codecs : coded ? usual : std::vector<std::string>{"none"}, question);
  question->sizes = raw.sizes.read(0).sizes();
  if (question->sizes.front() == 0) throw CLI::ValidationError("--minbytes", "0: there is no plan for nothing");
}

}  // namespace

Parsed parse_options(int argc, const char* const* argv) {
  Options options;
  Raw raw;
  CLI::App app(
      "Predicts what each algorithm takes for a call on a described cluster, with each codec, which is taken, and "
      "why.\n"
      "Nothing is run: the cluster need not be there.",
      "coll_plan");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  declare_cluster(&raw, &app);
  declare_calls(&raw, &options, &app);
  declare_output(&options, &app);
  try {
    app.parse(argc, argv);
    read_question(raw, &options.question);
    if (!raw.cluster_file.empty()) check(read_cluster_file(raw.cluster_file, &options.cluster));
    options.cluster = merge(raw.cluster, options.cluster);
    const auto ranks = int64_t{options.cluster.nodes.value_or(4)} * options.cluster.ranks_per_node.value_or(8);
    // How many ranks there may be is checked where the cluster is built.
    if (options.question.root < 0 || (ranks > 0 && options.question.root >= ranks)) {
      throw CLI::ValidationError("--root",
                                 fmt::format("{}: there are ranks 0 to {}", options.question.root, ranks - 1));
    }
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, app.help(), 0};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, fmt::format("coll_plan: {}\nRun it with --help for the flags.\n", error.what()), 2};
  }
  return {options, "", 0};
}

}  // namespace coll::plan_tool
