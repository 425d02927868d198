#include "show.hpp"

#include <fmt/format.h>

#include <utility>

namespace coll::perf {

std::string tuning_text(const topo::TuningFile& file) {
  std::string all = fmt::format("{}, {}, libcoll {}\n", file.machine.cpu, file.machine.isa, file.machine.libcoll);
  all +=
      fmt::format("measured on {} at {} by {} ranks on {} nodes\n", file.host, file.measured, file.ranks, file.nodes);
  for (size_t kind = 0; kind < file.links.size(); ++kind) {
    if (!file.links[kind]) continue;
    all += fmt::format("  {:<12}{:>8.2f} us {:>8.2f} GB/s\n", topo::kLinkNames[kind], file.links[kind]->latency_us,
                       file.links[kind]->bandwidth_gbs);
  }
  const topo::Rates& rates = file.rates;
  const std::pair<const char*, double> of_core[] = {{"copy", rates.copy_gbs},
                                                    {"kernel copy", rates.kernel_copy_gbs},
                                                    {"reduce", rates.reduce_gbs},
                                                    {"network CPU", rates.network_cpu_gbs}};
  for (const auto& [what, gbs] : of_core) all += fmt::format("  {:<12}{:>20.2f} GB/s\n", what, gbs);
  for (const topo::CodecRate& rate : rates.codecs) {
    if (rate.name[0] == '\0') break;
    all += fmt::format("  {:<12}{:>8.2f} GB/s encoding {:>8.2f} GB/s decoding\n", rate.name, rate.encode_gbs,
                       rate.decode_gbs);
  }
  return all;
}

}  // namespace coll::perf
