#include "topology/pci.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/status.hpp"

namespace coll::topo {

namespace {

// The hexadecimal number up to `end`, which is cut off with it.
bool take_number(std::string_view* text, char end, uint32_t limit, uint32_t* value) {
  const size_t size = end == '\0' ? text->size() : text->find(end);
  if (size == std::string_view::npos) return false;
  const auto [stop, error] = std::from_chars(text->data(), text->data() + size, *value, 16);
  if (error != std::errc() || stop != text->data() + size || *value > limit) return false;
  text->remove_prefix(std::min(size + 1, text->size()));
  return true;
}

}  // namespace

PciAddress pci_address(uint32_t domain, uint32_t bus, uint32_t device, uint32_t function) {
  return {uint64_t{domain} << 16 | uint64_t{bus & 0xff} << 8 | (device & 0x1f) << 3 | (function & 7)};
}

std::string pci_text(PciAddress address) {
  char words[32];
  std::snprintf(words, sizeof(words), "%04x:%02x:%02x.%x", static_cast<unsigned>(address.bits >> 16),
                static_cast<unsigned>(address.bits >> 8 & 0xff), static_cast<unsigned>(address.bits >> 3 & 0x1f),
                static_cast<unsigned>(address.bits & 7));
  return words;
}

std::optional<PciAddress> parse_pci(std::string_view text) {
  uint32_t domain = 0, bus = 0, device = 0, function = 0;
  if (!take_number(&text, ':', 0xffffffff, &domain) || !take_number(&text, ':', 0xff, &bus) ||
      !take_number(&text, '.', 0x1f, &device) || !take_number(&text, '\0', 7, &function)) {
    return std::nullopt;
  }
  return pci_address(domain, bus, device, function);
}

std::string path_text(const PciPath& path) {
  std::string all;
  for (const PciAddress step : path) all += text(all.empty() ? "" : "/", pci_text(step));
  return all;
}

PciPath parse_path(std::string_view text) {
  PciPath path;
  while (!text.empty()) {
    const std::string_view step = text.substr(0, text.find('/'));
    text.remove_prefix(std::min(step.size() + 1, text.size()));
    const std::optional<PciAddress> address = parse_pci(step);
    if (!address || path.size() == kMostPciSteps) return {};
    path.push_back(*address);
  }
  return path;
}

size_t shared_steps(const PciPath& a, const PciPath& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace coll::topo
