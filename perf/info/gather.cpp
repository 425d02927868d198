#include <fmt/format.h>
#include <hwloc.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "base/name_list.hpp"
#include "base/ranges.hpp"
#include "base/simd.hpp"
#include "collectives/planner.hpp"
#include "compression/codec.hpp"
#include "report.hpp"
#include "runtime/create.hpp"
#include "runtime/device_port.hpp"
#include "runtime/far.hpp"
#include "topology/exchange.hpp"
#include "topology/made_up.hpp"
#include "topology/tuning_file.hpp"

namespace coll::inspect {

namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "gcc " __VERSION__;
#endif

std::string hwloc_api(unsigned api) { return fmt::format("{}.{}.{}", api >> 16, api >> 8 & 0xff, api & 0xff); }

// Asked of the module beside libcoll.so; MPI's before MPI_Init, so that no MPI job is needed.
std::string beneath(std::string_view module) {
#ifndef COLL_HAS_UCX
  if (module == "ucx") return "not in this build";
#endif
  std::string version = module_version(module);
  version.resize(version.find_last_not_of("\n ") + 1);
  return version;
}

std::string isa_text() {
  std::string all;
  for (const Isa isa : list_isas()) all += fmt::format("{}{}", all.empty() ? "" : ", ", name(isa));
  return fmt::format("{} (this machine has {})", name(best_isa()), all);
}

// What libcoll_cuda.so says: a line for the versions, one for the kernels, and the devices.
void find_devices(Report* report) {
#ifdef COLL_HAS_CUDA
  std::unique_ptr<DeviceOperations> operations;
  std::vector<DeviceFacts> devices;
  Status status = open_devices(&operations);
  if (status.ok()) status = operations->devices(&devices);
  if (!status.ok()) {
    report->versions.push_back({"CUDA", fmt::format("not usable: {}", status.message())});
    return;
  }
  report->versions.push_back({"CUDA", operations->version()});
  report->versions.push_back({"CUDA kernels", operations->kernels()});
  for (size_t i = 0; i < devices.size(); ++i) {
    const DeviceFacts& d = devices[i];
    report->devices.push_back(
        {fmt::format("{}", i), fmt::format("{}, compute capability {}.{}, {} processors, {:.1f} GiB, {} MiB of cache",
                                           d.name, d.compute_capability / 10, d.compute_capability % 10, d.processors,
                                           static_cast<double>(d.memory_bytes) / (1 << 30), d.cache_bytes >> 20)});
  }
#else
  report->versions.push_back({"CUDA", "not in this build"});
#endif
}

std::vector<Entry> versions() {
  return {
      {"libcoll", fmt::format("{}.{}.{}", COLL_MAJOR, COLL_MINOR, COLL_PATCH)},
      {"compiler", kCompiler},
      {"hwloc", fmt::format("{} (at run time API {})", HWLOC_VERSION, hwloc_api(hwloc_get_api_version()))},
      {"Highway", fmt::format("{}.{}.{}", HWY_MAJOR, HWY_MINOR, HWY_PATCH)},
      {"MPI", beneath("mpi")},
      {"UCX", beneath("ucx")},
      {"NVTX", *ranges_missing() != '\0' ? ranges_missing() : "ranges of calls and their stages"},
      {"SIMD", isa_text()},
  };
}

std::vector<Setting> settings(const Env& env) {
  std::vector<Setting> all;
  for (const EnvVariable& variable : env_registry()) {
    const std::string prefix = fmt::format("{}=", variable.name);
    const bool given =
        std::any_of(env.set.begin(), env.set.end(), [&](const auto& set) { return set.starts_with(prefix); });
    all.push_back({&variable, variable.value(env), given});
  }
  return all;
}

// What a communicator would say about the values that belong to other rooms than base.
void check_values(const Env& env, std::vector<std::string>* errors) {
  const auto check = [errors](const Status& status) {
    if (!status.ok()) errors->push_back(status.message());
  };
  std::unique_ptr<Codec> codec;
  check(make_codec(env.codec, &codec));
  std::vector<const Algorithm*> algorithms;
  check(parse_algorithms(env.algo, &algorithms));
  std::vector<bool> transports;
  check(parse_name_list("COLL_TRANSPORT", env.transport, transport_names(), &transports));
}

void find_topology(const Env& env, int ranks, Report* report) {
  topo::Tuning tuning;
  if (const Status status = topo::parse_links(env.topo_links, &tuning.overrides); !status.ok()) {
    report->errors.push_back(status.message());
  }
  if (const Status status = topo::parse_switches(env.topo_switch, &tuning.switches); !status.ok()) {
    report->errors.push_back(status.message());
  }
  std::string ignored;
  topo::load_tuning(env.tuning_file, &tuning, &report->tuning_file, &ignored);
  if (!ignored.empty()) report->warnings.push_back(ignored);
  if (!tuning.refused.empty()) report->errors.push_back(tuning.refused);
  tuning.refused.clear();
  const topo::Allgather alone = [](std::span<const std::byte> mine, std::byte* all) {
    std::memcpy(all, mine.data(), mine.size());
    return Status();
  };
  std::string warning;
  topo::Joining own("this node", 0, 1);
  own.tuning = tuning;
  own.topo_file = env.topo_file;
  const Status status = topo::exchange(own, alone, &report->topology, &warning);
  if (!status.ok()) report->errors.push_back(status.message());
  if (!warning.empty()) report->warnings.push_back(warning);
  if (status.ok() && ranks > 0) report->topology = topo::cluster_of(report->topology.nodes.front(), 1, ranks, tuning);
}

}  // namespace

Report gather(int ranks) {
  Report report;
  Env env;
  if (const Status status = read_env(&env); !status.ok()) report.errors.push_back(status.message());
  report.versions = versions();
  find_devices(&report);
  for (const CodecEntry& codec : codec_registry())
    report.codecs.push_back({std::string(codec.name), std::string(codec.keys)});
  for (const Algorithm& algorithm : algorithm_registry()) {
    report.algorithms.push_back({std::string(algorithm.name), std::string(algorithm.summary)});
  }
  for (const std::string_view transport : transport_names()) report.transports.emplace_back(transport);
  report.settings = settings(env);
  check_values(env, &report.errors);
  for (const std::string& unknown : env.unknown) report.warnings.push_back(unknown_env_warning(unknown));
  find_topology(env, ranks, &report);
  return report;
}

}  // namespace coll::inspect
