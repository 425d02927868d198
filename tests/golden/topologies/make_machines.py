#!/usr/bin/env python3
"""Makes the recorded machines that are made up: hwloc's synthetic topologies, completed with devices.

Each is written after the published shape of such machines; none was copied from one. Needs lstopo (package hwloc-nox).
usage: make_machines.py [FOLDER]   (this script's own)
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE topology SYSTEM "hwloc2.dtd">\n'
GPU = "0302 [10de:2330] [10de:16c1] a1"
GPU_A100 = "0302 [10de:20b2] [10de:1463] a1"
FABRIC = "0207 [15b3:1021] [15b3:0041] 00"
ETHERNET = "0200 [8086:1563] [8086:0001] 01"
DISPLAY = "0300 [1a03:2000] [1a03:2000] 41"  # a board's management chip
INTEGRATED = "0300 [8086:46a6] [8086:46a6] 0c"
WIRELESS = "0280 [8086:51f0] [8086:0090] 01"
OSDEV_NETWORK, OSDEV_FABRIC = "2", "3"


def synthetic(description, host):
    """The topology element of hwloc's synthetic machine, without what hwloc says of the program that made it."""
    done = subprocess.run(["lstopo", "-i", description, "--of", "xml", "-"], check=True, capture_output=True, text=True)
    topology = ET.fromstring(done.stdout)
    for support in topology.findall("support"):
        topology.remove(support)
    machine = topology.find("object")
    for info in machine.findall("info"):
        machine.remove(info)
    machine.insert(0, ET.Element("info", {"name": "HostName", "value": host}))
    return topology


def objects(topology, kind):
    return [one for one in topology.iter("object") if one.get("type") == kind]


def numa_parents(topology):
    """What each NUMA node's cores hang off, and so its devices."""
    parent_of = {child: parent for parent in topology.iter() for child in parent}
    return [parent_of[numa] for numa in objects(topology, "NUMANode")]


def cpusets(mask):
    """Attributes of an object that is next to the first NUMA node alone."""
    cpuset, nodeset = f"0x{mask:08x}", "0x00000001"
    return {"cpuset": cpuset, "complete_cpuset": cpuset, "nodeset": nodeset, "complete_nodeset": nodeset}


class Devices:
    """Adds objects with gp_indexes of their own."""

    def __init__(self, topology):
        self.next_index = 1 + max(int(one.get("gp_index")) for one in topology.iter("object"))

    def add(self, parent, kind, **attributes):
        self.next_index += 1
        return ET.SubElement(parent, "object", {"type": kind, "gp_index": str(self.next_index), **attributes})

    def placed(self, parent, kind, mask, **attributes):
        return self.add(parent, kind, **cpusets(mask), **attributes)

    def host_bridge(self, parent, first_bus, last_bus):
        return self.add(parent, "Bridge", bridge_type="0-1", depth="0", bridge_pci=f"0000:[{first_bus:02x}-{last_bus:02x}]")

    def switch(self, parent, bus, first_bus, last_bus):
        return self.add(parent, "Bridge", bridge_type="1-1", depth="1", bridge_pci=f"0000:[{first_bus:02x}-{last_bus:02x}]",
                        pci_busid=f"0000:{bus:02x}:01.0", pci_type="0604 [1000:c030] [1000:c030] b0", pci_link_speed="31.507692")

    def pci(self, parent, bus, kind, speed="31.507692"):
        return self.add(parent, "PCIDev", pci_busid=f"0000:{bus:02x}:00.0", pci_type=kind, pci_link_speed=speed)

    def nic(self, parent, bus, name, gbits, fabric=False):
        pci = self.pci(parent, bus, FABRIC if fabric else ETHERNET)
        device = self.add(pci, "OSDev", name=name, osdev_type=OSDEV_FABRIC if fabric else OSDEV_NETWORK)
        ET.SubElement(device, "info", {"name": "CollGbits", "value": str(gbits)})


def server_8_numa():
    """Two packages of four NUMA nodes with two L3 caches each, and two 100 Gbit/s Ethernet ports, one a package."""
    topology = synthetic("pack:2 group:4 [numa(memory=34359738368)] l3:2(size=33554432) l2:4(size=1048576) core:1 pu:1", "numa8")
    devices = Devices(topology)
    places = numa_parents(topology)
    for place, bus, name in ((places[1], 0x21, "ens1f0"), (places[5], 0xA1, "ens2f0")):
        devices.nic(devices.host_bridge(place, bus - 1, bus), bus, name, 100)
    devices.pci(devices.host_bridge(places[0], 0x01, 0x02), 0x02, DISPLAY, "0.5")
    return topology


def server_8_gpus():
    """Two packages with four switches of a GPU and an InfiniBand adapter each, and Ethernet for everything else."""
    threads = ",".join(f"{core},{core + 32}" for core in range(32))  # as Linux numbers them
    topology = synthetic("pack:2 [numa(memory=1099511627776)] l3:1(size=109051904) l2:16(size=2097152) core:1 "
                         f"pu:2(indexes={threads})", "gpu8")
    devices = Devices(topology)
    for package, place in enumerate(numa_parents(topology)):
        for pair in range(4):
            first = 0x10 + 0x80 * package + 0x10 * pair
            switch = devices.switch(devices.host_bridge(place, first, first + 5), first, first + 1, first + 5)
            devices.nic(switch, first + 2, f"mlx5_{4 * package + pair}", 400, fabric=True)
            devices.pci(switch, first + 4, GPU, "63.015385")
    place = numa_parents(topology)[0]
    devices.nic(devices.host_bridge(place, 0x05, 0x06), 0x06, "eno1", 10)
    devices.pci(devices.host_bridge(place, 0x01, 0x02), 0x02, DISPLAY, "0.5")
    return topology


def server_4_gpus():
    """Two packages with a switch of two GPUs each; the first's has an InfiniBand adapter, the second has Ethernet beside it."""
    topology = synthetic("pack:2 [numa(memory=274877906944)] l3:1(size=33554432) l2:4(size=524288) core:1 pu:1", "gpu4")
    devices = Devices(topology)
    places = numa_parents(topology)
    for first, place in zip((0x10, 0x90), places):
        switch = devices.switch(devices.host_bridge(place, first, first + 5), first, first + 1, first + 5)
        devices.pci(switch, first + 2, GPU_A100)
        devices.pci(switch, first + 3, GPU_A100)
        if place is places[0]:
            devices.nic(switch, first + 4, "mlx5_0", 200, fabric=True)
    devices.nic(devices.host_bridge(places[1], 0xA0, 0xA1), 0xA1, "ens9f0", 100)
    return topology


def laptop():
    """A hybrid processor: four cores of two threads, eight cores of one in clusters of four; wireless network."""
    topology = synthetic("pack:1 [numa(memory=17179869184)] l3:1(size=18874368) l2:4(size=1310720) core:1 pu:2", "laptop")
    devices = Devices(topology)
    for kind in ("Machine", "Package", "NUMANode", "L3Cache"):
        for name, value in cpusets(0xFFFF).items():
            objects(topology, kind)[0].set(name, value)
    objects(topology, "Machine")[0].set("allowed_cpuset", "0x0000ffff")
    for first in (8, 12):
        cache = devices.placed(objects(topology, "L3Cache")[0], "L2Cache", 0xF << first, cache_size="2097152", depth="2",
                               cache_linesize="64", cache_associativity="0", cache_type="0")
        for pu in range(first, first + 4):
            core = devices.placed(cache, "Core", 1 << pu, os_index=str(pu - 4))
            devices.placed(core, "PU", 1 << pu, os_index=str(pu))
    bridge = devices.host_bridge(objects(topology, "Package")[0], 0x00, 0x02)
    devices.pci(bridge, 0x01, INTEGRATED, "0.0")
    wireless = devices.pci(bridge, 0x02, WIRELESS, "0.5")
    devices.add(wireless, "OSDev", name="wlp2s0", osdev_type=OSDEV_NETWORK)
    return topology


def vm_without_pci():
    """Four virtual processors, each shown as a package of its own, one memory, and nothing of the buses."""
    return synthetic("[numa(memory=8589934592)] pack:4 core:1 pu:1", "vm")


def write(topology, path):
    ET.indent(topology)
    body = ET.tostring(topology, encoding="unicode").replace(" />", "/>")  # hwloc's own reader takes no space there
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEADER + body + "\n")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for machine in (server_8_numa, server_8_gpus, server_4_gpus, laptop, vm_without_pci):
        write(machine(), os.path.join(folder, f"{machine.__name__}.xml"))


if __name__ == "__main__":
    main()
