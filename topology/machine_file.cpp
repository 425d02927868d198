#include "topology/machine_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "topology/discover.hpp"
#include "topology/interfaces.hpp"
#include "topology/machine.hpp"
#include "topology/place.hpp"

namespace coll::topo {

namespace {

constexpr size_t kMostBytes = size_t{64} << 20;  // a machine of thousands of cores takes a few MiB
constexpr size_t kMostPathShown = 160;

// Every failure says what would help.
Status refused(const std::string& path, const std::string& why) {
  const std::string shown =
      path.size() <= kMostPathShown ? path : text("...", path.substr(path.size() - kMostPathShown));
  return {collInvalidArgument, text(shown, ": ", why,
                                    ". Write the file on the machine that it shall describe, with \"coll_info --xml "
                                    "FILE\" or \"lstopo FILE.xml\"")};
}

// The same where the variable names the file.
Status of_variable(const Status& status) {
  if (status.ok()) return status;
  return {status.code(), text("COLL_TOPO_FILE=", status.message(), ", or unset COLL_TOPO_FILE")};
}

Status read_text(const std::string& path, std::string* content) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return refused(path, text("it cannot be opened: ", std::strerror(errno)));
  if (!S_ISREG(facts.st_mode)) return refused(path, "it is not a file");
  if (static_cast<size_t>(facts.st_size) > kMostBytes) return refused(path, "it is too large for a topology");
  std::ifstream file(path, std::ios::binary);
  content->assign(std::istreambuf_iterator<char>(file), {});
  if (!file) return refused(path, text("it cannot be read: ", std::strerror(errno)));
  return {};
}

// Why hwloc cannot read it, as far as that shows from outside.
std::string guess(const std::string& content) {
  const size_t begin = content.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "it is empty";
  if (content[begin] != '<') return "it is not XML";
  if (content.find("<topology") == std::string::npos) return "it is XML, but not a topology of hwloc";
  if (content.find("</topology>") == std::string::npos) return "it ends in the middle";
  return "hwloc cannot read it: it is damaged, or of a newer hwloc";
}

PuSet pus_of(const Node& node) {
  PuSet all{};
  for (const Domain& domain : node.domains) {
    const PuSet pus = domain.pus();
    for (size_t i = 0; i < all.size(); ++i) all[i] |= pus[i];
  }
  return all;
}

}  // namespace

Status read_machine_file(const std::string& path, Node* node, std::string* warning) {
  std::string content;
  COLL_TRY(read_text(path, &content));
  // Some of hwloc's readers take what has come before the end of a file that was cut.
  const bool whole = content.find("</topology>") != std::string::npos;
  const Machinery machine = whole && content.find('\0') == std::string::npos ? load_xml(content) : nullptr;
  if (machine == nullptr) return refused(path, guess(content));
  *node = discover_from(machine.get(), {}, warning);
  node->nics = nics_of(machine.get());
  return {};
}

Status find_node(const std::string& path, Node* node, std::string* warning) {
  if (path.empty()) {
    *node = discover_node(warning);
    return {};
  }
  COLL_TRY(of_variable(read_machine_file(path, node, warning)));
  const std::vector<Interface> present = usable_interfaces(read_interfaces());
  if (node->nics.empty()) {
    for (const Interface& one : present) node->nics.push_back({one.name, one.gbits, -1, one.fabric});
  }
  for (Nic& nic : node->nics) {
    const auto same =
        std::find_if(present.begin(), present.end(), [&](const auto& one) { return one.name == nic.name; });
    if (nic.gbits == 0 && same != present.end()) nic.gbits = same->gbits;
  }
  node->host = host_name();
  node->pus = allowed_pus();
  if (node->pus > node->system_pus) {
    *warning += text(warning->empty() ? "" : "; ", "COLL_TOPO_FILE describes ", node->system_pus,
                     " hardware threads, but this process may run on ", node->pus);
  }
  return {};
}

Status check_fit(const std::string& path, const Node& node, std::span<const int> ranks,
                 std::span<const RankCard> cards) {
  const PuSet described = pus_of(node);
  for (size_t i = 0; i < ranks.size(); ++i) {
    const PuSet& bound = cards[static_cast<size_t>(ranks[i])].affinity;
    // A rank that may run anywhere says nothing of the machine's parts.
    if (contains(described, bound) || contains(bound, described)) continue;
    return of_variable(
        refused(path, text("it describes a machine with the hardware threads ", list_text(described), ", but rank ",
                           ranks[i], " is bound to ", list_text(bound), ": it is another machine's")));
  }
  return {};
}

}  // namespace coll::topo
