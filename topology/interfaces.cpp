#include "topology/interfaces.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>
#include <system_error>

namespace coll::topo {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 8> kLeadNowhere = {"bridge", "tun",   "ifb",       "dummy",
                                                          "nlmon",  "vxlan", "wireguard", "openvswitch"};
constexpr uint32_t kUnknownSpeed = 0xffffffffu;
constexpr uint32_t kUnknownShortSpeed = 0xffffu;  // of drivers that fill 16 bits only

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return request;
}

// A driver's text field need not end with a zero.
template <size_t size>
std::string field_text(const char (&field)[size]) {
  return {field, strnlen(field, size)};
}

void read_flags(int socket, Interface* interface) {
  ifreq request = request_for(interface->name);
  if (ioctl(socket, SIOCGIFFLAGS, &request) != 0) return;
  const auto flags = static_cast<unsigned short>(request.ifr_flags);
  interface->up = (flags & IFF_UP) != 0 && (flags & IFF_RUNNING) != 0;
  interface->loopback = (flags & IFF_LOOPBACK) != 0;
}

void read_driver(int socket, Interface* interface) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq request = request_for(interface->name);
  request.ifr_data = reinterpret_cast<char*>(&info);
  if (ioctl(socket, SIOCETHTOOL, &request) != 0) return;
  interface->driver = field_text(info.driver);
  const std::string bus = field_text(info.bus_info);
  if (bus != "N/A" && bus != "tap" && bus != "tun") interface->bus = bus;
}

void read_speed(int socket, Interface* interface) {
  ethtool_cmd settings{};
  settings.cmd = ETHTOOL_GSET;
  ifreq request = request_for(interface->name);
  request.ifr_data = reinterpret_cast<char*>(&settings);
  if (ioctl(socket, SIOCETHTOOL, &request) != 0) return;
  const uint32_t mbits = ethtool_cmd_speed(&settings);
  if (mbits != kUnknownSpeed && mbits != kUnknownShortSpeed) interface->gbits = mbits / 1000.0;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

std::vector<Interface> read_fabrics(const std::string& folder) {
  std::vector<Interface> fabrics;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const fs::path port = at->path() / "ports" / "1";
    Interface fabric;
    fabric.name = at->path().filename();
    fabric.driver = "infiniband";
    std::error_code no_device;
    fabric.bus = fs::read_symlink(at->path() / "device", no_device).filename();
    fabric.gbits = std::strtod(first_line(port / "rate").c_str(), nullptr);  // "100 Gb/sec (4X EDR)"
    fabric.up = first_line(port / "state").find("ACTIVE") != std::string::npos;
    fabric.fabric = true;
    fabrics.push_back(std::move(fabric));
  }
  std::sort(fabrics.begin(), fabrics.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return fabrics;
}

std::vector<Interface> read_interfaces() {
  std::vector<Interface> interfaces = read_fabrics("/sys/class/infiniband");
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return interfaces;
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> names(if_nameindex(), if_freenameindex);
  for (const auto* name = names.get(); name != nullptr && name->if_index != 0; ++name) {
    Interface interface;
    interface.name = name->if_name;
    read_flags(socket, &interface);
    read_driver(socket, &interface);
    read_speed(socket, &interface);
    interfaces.push_back(std::move(interface));
  }
  close(socket);
  return interfaces;
}

std::vector<Interface> usable_interfaces(std::span<const Interface> all) {
  std::vector<Interface> devices;
  std::vector<Interface> virtuals;
  for (const Interface& interface : all) {
    if (!interface.up || interface.loopback) continue;
    if (!interface.bus.empty()) {
      devices.push_back(interface);
    } else if (std::find(kLeadNowhere.begin(), kLeadNowhere.end(), interface.driver) == kLeadNowhere.end()) {
      virtuals.push_back(interface);
    }
  }
  return devices.empty() ? virtuals : devices;
}

}  // namespace coll::topo
