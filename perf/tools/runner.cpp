// One run of a perf tool, from the command line to the exit status.
#include <coll/coll_mpi.h>
#include <fmt/format.h>

#include <cstdio>
#include <new>

#include "bench.hpp"
#include "collective.hpp"
#include "device.hpp"
#include "files.hpp"
#include "numbers.hpp"
#include "plot.hpp"
#include "writers.hpp"

namespace coll::perf {
namespace {

// The communicator and the stream of a run.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    if (stream != nullptr && !device) collStreamDestroy(stream);
    if (comm != nullptr) collCommDestroy(comm);
  }

  Problem open(const Options& options, const World& world) {
    if (options.device_memory) {
      DeviceChoice choice{0, 1, options.ranks_per_gpu};
      world.local(&choice.local_rank, &choice.local_ranks);
      if (Problem p = world.agree(Device::open(choice, &device))) return p;  // some nodes may have none
      stream = device->stream();
    }
    collConfig_t config = COLL_CONFIG_INITIALIZER;
    config.codec = "none";
    config.timeout_ms = options.timeout_ms;
    if (Problem p = options.join_by_id ? join_by_id(config, world) : join_by_mpi(config)) return p;
    if (options.blocking || device) return {};
    return library_problem(collStreamCreate(&stream), nullptr, "collStreamCreate");
  }

  std::unique_ptr<Device> device;  // NULL: host memory
  collComm_t comm = nullptr;
  collStream_t stream = nullptr;

 private:
  Problem join_by_mpi(const collConfig_t& config) {
    return library_problem(collCommInitMPI(&comm, MPI_COMM_WORLD, &config), nullptr, "collCommInitMPI");
  }

  Problem join_by_id(const collConfig_t& config, const World& world) {
    collUniqueId id = {};
    Problem none = world.is_root() ? library_problem(collGetUniqueId(&id), nullptr, "collGetUniqueId") : Problem{};
    if (Problem p = world.agree(none)) return p;
    MPI_Bcast(&id, sizeof(id), MPI_BYTE, 0, MPI_COMM_WORLD);
    const collResult_t result = collCommInitRankConfig(&comm, world.size(), id, world.rank(), &config);
    return library_problem(result, nullptr, "collCommInitRank");
  }
};

Meta describe(const Collective& collective, const Options& options, const World& world, int argc, char** argv) {
  Meta meta = describe_run(collective.tool.name, world, argc, argv);
  meta.input = options.input;
  meta.average = name(options.average);
  meta.baseline = options.baseline ? collective.baseline_name : "";
  meta.iters = options.iters;
  meta.warmup_iters = options.warmup_iters;
  meta.check_iters = options.check_iters;
  meta.root = options.root;
  meta.blocking = options.blocking;
  meta.memory = options.device_memory ? "device" : options.library_memory ? "coll" : "host";
  if (options.device_memory && options.library_memory) meta.memory = "device-coll";
  return meta;
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// One run, after the command line.
class Run {
 public:
  Run(const Collective& collective, const Options& options, const World& world, const Meta& meta)
      : collective_(collective), options_(options), world_(world), meta_(meta), progress_(shown(), all_calls()) {}

  // Measures everything; the rows so far are kept where something goes wrong.
  Problem all() {
    Problem unreadable =
        world_.is_root() ? try_files({options_.json_file, options_.csv_file, options_.plot_file}) : Problem{};
    if (options_.root >= world_.size()) {
      unreadable = {fmt::format("--root {}: there are {} ranks", options_.root, world_.size()), kUsage};
    }
    if (Problem p = world_.agree(unreadable)) return p;
    Session session;
    if (Problem p = world_.agree(session.open(options_, world_))) return p;
    if (session.device) meta_.device = session.device->name();
    for (const collDataType_t type : options_.types) {
      for (const collRedOp_t op : options_.ops) {
        if (Problem p = all_sizes(session, type, op)) return p;
      }
    }
    progress_.clear();
    if (world_.is_root()) print(table_foot(rows_));
    return {};
  }

  Problem write() const {
    if (!world_.is_root() || rows_.empty()) return {};
    if (Problem p = write_tables()) return p;
    return write_file(options_.plot_file, options_.plot_file.empty() ? "" : to_svg(meta_, rows_));
  }

  bool all_right() const {
    for (const Row& row : rows_) {
      if (row.verdict && row.verdict->wrong > 0) return false;
    }
    return true;
  }

 private:
  Problem write_tables() const {
    if (!options_.json_file.empty()) {
      if (Problem p = write_file(options_.json_file, to_json(meta_, rows_))) return p;
    }
    return options_.csv_file.empty() ? Problem{} : write_file(options_.csv_file, to_csv(rows_));
  }

  Problem all_sizes(const Session& session, collDataType_t type, collRedOp_t op) {
    const Setting setting{collective_, options_, world_, session.comm, session.stream, session.device.get()};
    Input input(type, op);
    std::unique_ptr<Bench> bench;
    Problem problem;
    try {
      if (!options_.input.empty()) problem = {input.load(options_.input, world_.size()), kUsage};
      if (!problem) bench = std::make_unique<Bench>(setting, input, op, count_of(options_.sizes().back(), type));
    } catch (const std::bad_alloc&) {
      problem = {fmt::format("not enough memory for {} bytes", options_.max_bytes), kCheckFailed};
    }
    if (!problem) problem = bench->made();
    if (Problem p = world_.agree(problem)) return p;
    for (const size_t size : options_.sizes()) {
      for (const bool in_place : {false, true}) {
        if (in_place ? !options_.in_place : !options_.out_of_place) continue;
        const size_t first = rows_.size();
        Problem failed = bench->run(count_of(size, type), in_place, &progress_, &rows_);
        progress_.clear();
        if (failed) return failed;
        if (!world_.is_root()) continue;
        if (first == 0) print(table_head(meta_));  // not before: what cannot start has no table
        for (size_t i = first; i < rows_.size(); ++i) print(table_line(rows_[i]));
        // A run that is ended leaves them; what fails here does so in the end, too.
        static_cast<void>(write_tables());
      }
    }
    return {};
  }

  size_t count_of(size_t size_bytes, collDataType_t type) const {
    const bool scaled = collective_.send_scaled || collective_.recv_scaled;
    return size_bytes / facts(type).bytes / (scaled ? static_cast<size_t>(world_.size()) : 1);
  }
  bool shown() const { return options_.progress && world_.is_root(); }
  size_t all_calls() const {
    const auto each = static_cast<size_t>(options_.iters) + static_cast<size_t>(options_.warmup_iters);
    const size_t places = options_.in_place && options_.out_of_place ? 2 : 1;
    return each * places * options_.sizes().size() * options_.types.size() * options_.ops.size() *
           (options_.codecs.size() + (options_.baseline ? 1 : 0));
  }

  const Collective& collective_;
  const Options& options_;
  const World& world_;
  Meta meta_;
  Progress progress_;
  std::vector<Row> rows_;
};

int report(const World& world, std::string_view tool, const Problem& problem) {
  if (world.is_root()) std::fputs(fmt::format("{}: {}\n", tool, problem.text).c_str(), stderr);
  return problem.status;
}

}  // namespace

int run_tool(const Collective& collective, int argc, char** argv) {
  // Calls on a device are moved on by a thread of the library, which may use MPI.
  const bool threads = parse_options(collective.tool, argc, argv).options.value_or(Options{}).device_memory;
  const World world(&argc, &argv, threads ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE);
  const Parsed parsed = parse_options(collective.tool, argc, argv);
  if (!parsed.options) {
    if (world.is_root()) std::fputs(parsed.text.c_str(), parsed.status == 0 ? stdout : stderr);
    return parsed.status;
  }
  const Meta meta = describe(collective, *parsed.options, world, argc, argv);
  Run run(collective, *parsed.options, world, meta);
  const Problem problem = run.all();
  const Problem unwritten = run.write();
  if (problem) return report(world, collective.tool.name, problem);
  if (const Problem p = world.agree(unwritten)) return report(world, collective.tool.name, p);
  return run.all_right() ? 0 : kCheckFailed;
}

}  // namespace coll::perf
