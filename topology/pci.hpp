// Where devices hang in the tree of PCI bridges and switches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coll::topo {

// Domain, bus, device and function, one behind the other, so that it goes into a card as it is.
struct PciAddress {
  uint64_t bits = 0;

  bool operator==(const PciAddress&) const = default;
};
PciAddress pci_address(uint32_t domain, uint32_t bus, uint32_t device, uint32_t function);

std::string pci_text(PciAddress address);  // "0000:14:00.0"
std::optional<PciAddress> parse_pci(std::string_view text);

// The bridges above a device, from the host's (by its first bus, as 0000:10:00.0) down, and last the device itself;
// empty where unknown.
using PciPath = std::vector<PciAddress>;
inline constexpr size_t kMostPciSteps = 8;  // of a path that cards and files carry

std::string path_text(const PciPath& path);  // "0000:10:00.0/0000:10:01.0/0000:14:00.0"
// Empty where it is no path, or one that is too long.
PciPath parse_path(std::string_view text);

// How many bridges two devices have in common from the host's down: 1 where that is the only one.
size_t shared_steps(const PciPath& a, const PciPath& b);

}  // namespace coll::topo
