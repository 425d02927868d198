// A node as hwloc's XML, which COLL_TOPO_FILE and hwloc's tools read.
#include <algorithm>
#include <cstdio>
#include <map>

#include "base/status.hpp"
#include "topology/discover.hpp"
#include "topology/gpus.hpp"
#include "topology/views.hpp"
#include "topology/words.hpp"

namespace coll::topo {

namespace {

constexpr const char* kNetwork = "2";  // hwloc's numbers of kinds of devices
constexpr const char* kFabric = "3";
constexpr const char* kGpu = "1";

// What may not stand in an attribute is written otherwise, or left out.
std::string escaped(const std::string& value) {
  std::string safe;
  for (const char c : value) {
    if (const std::string_view written = entity(c); !written.empty()) {
      safe += written;
    } else if (c == '"') {
      safe += "&quot;";
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      safe += c;
    }
  }
  return safe;
}

std::string attribute(const char* name, const std::string& value) {
  return text(" ", name, "=\"", escaped(value), "\"");
}

// "0x00000001,0xffffffff": 32 bits at a time, the highest first.
std::string bitmap(const PuSet& bits) {
  std::string all;
  for (size_t word = 2 * bits.size(); word-- > 0;) {
    const auto half = static_cast<uint32_t>(bits[word / 2] >> 32 * (word % 2));
    if (half == 0 && all.empty() && word > 0) continue;
    char digits[16];
    std::snprintf(digits, sizeof(digits), "0x%08x", half);
    all += text(all.empty() ? "" : ",", digits);
  }
  return all;
}

struct Part {
  PuSet pus{};
  PuSet numas{};

  void join(const Part& other) {
    for (size_t i = 0; i < pus.size(); ++i) {
      pus[i] |= other.pus[i];
      numas[i] |= other.numas[i];
    }
  }
};

std::string sets(const Part& part) {
  const std::string pus = bitmap(part.pus), numas = bitmap(part.numas);
  return text(attribute("cpuset", pus), attribute("complete_cpuset", pus), attribute("nodeset", numas),
              attribute("complete_nodeset", numas));
}

class Writer {
 public:
  explicit Writer(const Topology& topology, const Node& node)
      : topology_(topology), node_(node), domains_(described_domains(node)) {
    for (const Domain& domain : domains_) {
      Part part;
      part.pus = domain.pus();
      add(&part.numas, domain.numa);
      parts_.push_back(part);
      whole_.join(part);
      numas_[domain.numa].join(part);
    }
  }

  std::string run() {
    all_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n";
    all_ += "<topology version=\"2.0\">\n";
    open("Machine", text(" os_index=\"0\"", sets(whole_), attribute("allowed_cpuset", bitmap(whole_.pus)),
                         attribute("allowed_nodeset", bitmap(whole_.numas))));
    info("HostName", node_.host);
    if (node_.l2_bytes > 0) info(kL2Info, std::to_string(node_.l2_bytes));
    if (node_.l3_bytes > 0) info(kL3Info, std::to_string(node_.l3_bytes));
    for (const auto& [numa, part] : numas_) {
      if (spans_packages(numa)) memory(numa);
    }
    for (size_t i = 0; i < domains_.size(); i = end_of_package(i)) package(i, end_of_package(i));
    devices(-1);
    for (const auto& [numa, part] : numas_) {
      if (spans_packages(numa)) devices(numa);
    }
    ranks(Spot{});
    close();
    return all_ + "</topology>\n";
  }

 private:
  size_t end_of_package(size_t first) const {
    size_t end = first;
    while (end < domains_.size() && domains_[end].package == domains_[first].package) ++end;
    return end;
  }
  bool spans_packages(int numa) const {
    const auto on = [numa](const Domain& domain) { return domain.numa == numa; };
    return std::count_if(domains_.begin(), domains_.end(), on) > 1;
  }

  void package(size_t first, size_t end) {
    Part part;
    for (size_t i = first; i < end; ++i) part.join(parts_[i]);
    const int number = domains_[first].package;
    open("Package", text(attribute("os_index", std::to_string(number)), sets(part)));
    const bool grouped = end - first > 1;
    for (size_t i = first; i < end; ++i) {
      if (grouped) open("Group", text(sets(parts_[i]), " kind=\"0\" subkind=\"0\""));
      domain(i);
      if (grouped) close();
    }
    ranks({number, -1, -1});
    close();
  }

  void domain(size_t index) {
    const Domain& domain = domains_[index];
    const bool own = !spans_packages(domain.numa);
    if (own) memory(domain.numa);
    const std::vector<PuSet> cores = domain.core_pus();
    for (size_t i = 0; i < cores.size(); ++i)
      core({domain.package, static_cast<int>(index), static_cast<int>(i)}, cores[i]);
    if (own) devices(domain.numa);
    ranks({domain.package, static_cast<int>(index), -1});
  }

  void core(const Spot& spot, const PuSet& pus) {
    const PuSet numas = parts_[static_cast<size_t>(spot.domain)].numas;
    open("Core", text(attribute("os_index", std::to_string(cores_++)), sets({pus, numas})));
    for (int pu = 0; pu < kMostPus; ++pu) {
      if (!holds(pus, pu)) continue;
      Part one{{}, numas};
      add(&one.pus, pu);
      leaf("PU", text(attribute("os_index", std::to_string(pu)), sets(one)));
    }
    ranks(spot);
    close();
  }

  void memory(int numa) {
    size_t bytes = 0;
    for (const Domain& domain : domains_) bytes += domain.numa == numa ? domain.memory_bytes : 0;
    leaf("NUMANode", text(attribute("os_index", std::to_string(numa)), sets(numas_.at(numa)),
                          attribute("local_memory", std::to_string(bytes))));
  }

  void devices(int numa) {
    const auto here = [&](int place) { return numas_.count(place) > 0 ? place == numa : numa < 0; };
    for (const Nic& nic : node_.nics) {
      if (!here(nic.numa)) continue;
      open("OSDev", text(attribute("name", nic.name), attribute("osdev_type", nic.fabric ? kFabric : kNetwork)));
      info(kGbitsInfo, number(nic.gbits));
      if (!nic.path.empty()) info(kPciPathInfo, path_text(nic.path));
      close();
    }
    for (const Gpu& gpu : node_.gpus) {
      if (here(gpu.numa)) write(gpu);
    }
  }

  void write(const Gpu& gpu) {
    open("OSDev", text(attribute("name", gpu.name), attribute("osdev_type", kGpu)));
    if (!gpu.path.empty()) info(kPciPathInfo, path_text(gpu.path));
    const GpuFacts& facts = gpu.facts;
    if (!facts.product.empty()) info(kProductInfo, facts.product);
    if (facts.pcie_bytes_per_s > 0) info(kPcieInfo, std::to_string(facts.pcie_bytes_per_s));
    if (!facts.nvlinks.empty()) info(kNvLinksInfo, nvlinks_text(facts.nvlinks));
    close();
  }

  // Those that are bound to just this part, as what hwloc calls miscellaneous objects.
  void ranks(const Spot& spot) {
    for (const int rank : node_.ranks) {
      const Spot at = topology_.spot_of(rank);
      if (at.package == spot.package && at.domain == spot.domain && at.core == spot.core) {
        leaf("Misc", attribute("name", text("rank ", rank)));
      }
    }
  }

  void line(const std::string& words) { all_ += std::string(2 * depth_, ' ') + words + "\n"; }
  std::string head(const char* type, const std::string& attributes) {
    return text("<object type=\"", type, "\"", attributes, " gp_index=\"", next_++, "\"");
  }
  void leaf(const char* type, const std::string& attributes) { line(head(type, attributes) + "/>"); }
  void open(const char* type, const std::string& attributes) {
    line(head(type, attributes) + ">");
    ++depth_;
  }
  void close() {
    --depth_;
    line("</object>");
  }
  void info(const char* name, const std::string& value) {
    line(text("<info", attribute("name", name), attribute("value", value), "/>"));
  }

  const Topology& topology_;
  const Node& node_;
  const std::vector<Domain> domains_;
  std::vector<Part> parts_;    // by domain
  std::map<int, Part> numas_;  // by NUMA node
  Part whole_;
  std::string all_;
  size_t depth_ = 1;
  int next_ = 1;
  int cores_ = 0;
};

}  // namespace

std::string to_xml(const Topology& topology, size_t node) { return Writer(topology, topology.nodes[node]).run(); }

}  // namespace coll::topo
