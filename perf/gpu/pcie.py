#!/usr/bin/env python3
"""How fast the copy engines move bytes between pinned memory and the device, with both ways busy at once.

usage: pcie.py OUT.csv    256 MiB each way; GB/s of one way
"""

import csv
import sys

import torch

from torch_peers import time_us

BYTES = 256 << 20


def both_ways(host, device, streams):
    main = torch.cuda.current_stream()
    for stream in streams:
        stream.wait_stream(main)
    with torch.cuda.stream(streams[0]):
        device[0].copy_(host[0], non_blocking=True)
    with torch.cuda.stream(streams[1]):
        host[1].copy_(device[1], non_blocking=True)
    for stream in streams:
        main.wait_stream(stream)


def main():
    host = [torch.zeros(BYTES, dtype=torch.uint8).pin_memory() for _ in range(2)]
    device = [torch.zeros(BYTES, dtype=torch.uint8, device="cuda") for _ in range(2)]
    streams = [torch.cuda.Stream() for _ in range(2)]
    torch.cuda.synchronize()
    rate = BYTES / time_us(lambda given: both_ways(*given), [(host, device, streams)]) / 1e3
    with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["size_bytes", "each_way_gbs"])
        writer.writerow([BYTES, f"{rate:.2f}"])
    print(f"pinned memory: {rate:.1f} GB/s each way")


if __name__ == "__main__":
    main()
