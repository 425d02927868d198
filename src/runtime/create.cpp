#include "runtime/create.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/name_list.hpp"
#include "topology/exchange.hpp"
#include "topology/nics.hpp"
#include "topology/tuning_file.hpp"
#include "transport/shm/shm.hpp"

namespace coll {

namespace {

constexpr std::string_view kTransports[] = {"shm", "ucx", "mpi", "inproc"};
constexpr size_t kShm = 0;
constexpr size_t kMpi = 2;

// A rank's uniform settings as fixed-size text, for people once they differ.
struct Settings {
  std::array<char, 2048> lines{};
};

template <typename T>
Status gather(Bootstrap& bootstrap, const T& mine, Clock::time_point deadline, std::vector<T>* all) {
  all->resize(static_cast<size_t>(bootstrap.nranks()));
  return bootstrap.allgather(std::as_bytes(std::span(&mine, 1)), reinterpret_cast<std::byte*>(all->data()), deadline);
}

std::string_view line(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view first = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return first;
}

Status differing(std::string_view lines_of_0, size_t rank, std::string_view lines) {
  while (!lines_of_0.empty() || !lines.empty()) {
    const std::string_view theirs = line(lines_of_0);
    const std::string_view own = line(lines);
    if (theirs == own) continue;
    return {collInvalidUsage, text("the ranks were started with different settings: ", theirs, " on rank 0, but ", own,
                                   " on rank ", rank, ". It must agree on all ranks")};
  }
  return {collInternalError, "settings differ, but no line of them does"};
}

// Every rank learns of the first rank whose uniform settings differ from rank 0's.
Status compare_settings(Bootstrap& bootstrap, const Config& config, Clock::time_point deadline) {
  const std::string lines = config.uniform_lines();
  std::vector<topo::Key> digests;
  COLL_TRY(gather(bootstrap, topo::hash_key(lines), deadline, &digests));
  if (std::equal(digests.begin() + 1, digests.end(), digests.begin())) return {};
  Settings mine;
  std::copy_n(lines.begin(), std::min(lines.size(), mine.lines.size() - 1), mine.lines.begin());
  std::vector<Settings> all;
  COLL_TRY(gather(bootstrap, mine, deadline, &all));
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank].lines != all[0].lines) return differing(all[0].lines.data(), rank, all[rank].lines.data());
  }
  return {collInvalidUsage, text("the ranks were started with different settings, in some very long value (behind its "
                                 "first ",
                                 mine.lines.size() - 1, " bytes). They must agree on all ranks")};
}

// One communicator while it is being made.
class Creation {
 public:
  Creation(Bootstrap& bootstrap, std::span<const FarWay> far_ways, const Config& config)
      : bootstrap_(bootstrap),
        far_ways_(far_ways),
        deadline_(Clock::now() + std::chrono::milliseconds(config.timeout_ms)) {
    base_.rank = bootstrap.rank();
    base_.nranks = bootstrap.nranks();
    base_.config = config;
    base_.simulated_host = bootstrap.simulated_host();
    base_.log = std::make_unique<Log>(config.env, base_.rank);
    base_.process = Process::acquire();
    base_.fabric = std::make_unique<Fabric>(base_.nranks);
  }

  Status run() {
    const Env& env = base_.config.env;
    for (const std::string& unknown : env.unknown) base_.log->warn(LogPart::kEnv, unknown_env_warning(unknown));
    COLL_TRY(compare_settings(bootstrap_, base_.config, deadline_));
    COLL_TRY(parse_name_list("COLL_TRANSPORT", env.transport, kTransports, &allowed_));
    COLL_TRY(parse_algorithms(env.algo, &base_.algorithms));
    COLL_TRY(make_default_codec());
    COLL_TRY(find_topology());
    if (base_.nranks > 1) COLL_TRY(join_transports());
    return {};
  }
  Foundation take() { return std::move(base_); }

 private:
  // A simulator's ranks do share memory, and have a network of the machine: only MPI is what is simulated.
  bool simulated() const { return !base_.simulated_host.empty(); }

  Status make_default_codec() {
    std::unique_ptr<Codec> codec;
    COLL_TRY(make_codec(base_.config.codec, &codec));
    if (codec->traits().keeps_state) {
      return {collInvalidUsage, text("codec ", base_.config.codec,
                                     " keeps the state of one tensor, so it cannot be a "
                                     "communicator's default; name it in the calls it is meant for")};
    }
    if (codec->traits().name != "none") base_.codec = std::move(codec);
    return {};
  }

  Allgather allgather() {
    return
        [this](std::span<const std::byte> mine, std::byte* all) { return bootstrap_.allgather(mine, all, deadline_); };
  }

  Status find_topology() {
    const Env& env = base_.config.env;
    std::string warning;
    const std::string host = simulated() ? base_.simulated_host : host_key();
    topo::Joining own(env.host_id.empty() ? host : env.host_id, base_.rank, base_.nranks);
    own.topo_file = env.topo_file;
    own.simulated_host = base_.simulated_host;
    own.device = find_device();
    if (base_.rank == 0) read_tuning(&own.tuning);
    COLL_TRY(topo::exchange(own, allgather(), &base_.topology, &warning));
    if (!warning.empty()) base_.log->warn(LogPart::kTopo, warning);
    return {};
  }

  // The device that the program has put this thread at; none where it uses no devices, or calls from another thread.
  std::optional<topo::RankDevice> find_device() const {
    const DeviceOperations* const operations = simulated() ? nullptr : base_.process->devices().operations();
    std::string place;
    if (operations == nullptr || !operations->current_address(&place).ok() || place.empty()) return std::nullopt;
    return topo::RankDevice{topo::parse_pci(place).value_or(topo::PciAddress()), base_.config.env.staged_bytes};
  }

  // Rank 0's settings and file count for all, and so does what is wrong with them.
  void read_tuning(topo::Tuning* tuning) {
    const Env& env = base_.config.env;
    Status told = topo::parse_links(env.topo_links, &tuning->overrides);
    if (told.ok()) told = topo::parse_switches(env.topo_switch, &tuning->switches);
    if (!told.ok()) {
      tuning->refused = told.message();
      return;
    }
    std::string path;
    std::string warning;
    topo::load_tuning(env.tuning_file, tuning, &path, &warning);
    if (!warning.empty()) base_.log->warn(LogPart::kTopo, warning);
    if (!path.empty()) base_.log->info(LogPart::kTopo, "rates of ", path);
  }

  Status join_transports() {
    const bool shared_nodes = base_.topology.nodes.size() < static_cast<size_t>(base_.nranks);
    if (shared_nodes && allowed_[kShm] && !simulated()) COLL_TRY(join_shm());
    // Every rank decides alike, since opening is collective.
    const bool all_reached = shm_joined_ && base_.topology.nodes.size() == 1;
    if (all_reached) return {};
    std::unique_ptr<Transport> far;
    const std::string device = topo::near_device(base_.topology, base_.rank, topo::own_locality());
    const FarRequest request{&bootstrap_, deadline_, topo::is_present(device) ? device : std::string(),
                             base_.config.wants_direct()};
    const std::vector<const FarWay*> ways = allowed_far_ways();
    if (ways.empty()) return nothing_reaches_all();
    COLL_TRY(open_far(ways, request, *base_.log, &far));
    base_.fabric->add(std::move(far), base_.rank);
    return {};
  }

  std::vector<const FarWay*> allowed_far_ways() const {
    std::vector<const FarWay*> ways;
    for (const FarWay& way : far_ways_) {
      if (simulated() && way.name != kTransports[kMpi]) continue;
      const auto listed = std::find(std::begin(kTransports), std::end(kTransports), way.name);
      if (allowed_[static_cast<size_t>(listed - std::begin(kTransports))]) ways.push_back(&way);
    }
    return ways;
  }

  Status nothing_reaches_all() const {
    std::string names;
    for (const FarWay& way : far_ways_) names += text(names.empty() ? "" : " or ", way.name);
    return {collInvalidUsage, text("COLL_TRANSPORT=", base_.config.env.transport, " leaves out ", names,
                                   ", but shared memory does not reach all ranks; allow ", names)};
  }

  Status join_shm() {
    ShmOptions options;
    options.rank = base_.rank;
    options.nranks = base_.nranks;
    const auto node = static_cast<size_t>(base_.topology.node_of[static_cast<size_t>(base_.rank)]);
    options.local_ranks = base_.topology.nodes[node].ranks;
    options.allgather = allgather();
    options.regions = base_.process->regions();
    std::unique_ptr<Transport> shm;
    std::string warning;
    Status joined = make_shm(options, &shm, &warning);
    if (!warning.empty()) base_.log->warn(LogPart::kTransport, warning);
    if (!joined.ok()) {
      if (joined.code() == collTimeout || allowed_far_ways().empty()) return joined;
      // All ranks hold the same failure; one says so.
      if (base_.rank == 0) base_.log->warn(LogPart::kTransport, "shared memory is not used: ", joined.message());
      return {};
    }
    shm_joined_ = true;
    if (shm) base_.fabric->add(std::move(shm), base_.rank);
    return {};
  }

  Bootstrap& bootstrap_;
  std::span<const FarWay> far_ways_;
  Clock::time_point deadline_;
  Foundation base_;
  std::vector<bool> allowed_;
  bool shm_joined_ = false;
};

}  // namespace

std::span<const std::string_view> transport_names() { return kTransports; }

Status create_communicator(Bootstrap& bootstrap, std::span<const FarWay> far_ways, const Config& config,
                           std::unique_ptr<Communicator>* communicator) {
  Creation creation(bootstrap, far_ways, config);
  COLL_TRY(creation.run());
  *communicator = std::make_unique<Communicator>(creation.take());
  return {};
}

}  // namespace coll
