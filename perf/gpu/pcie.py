#!/usr/bin/env python3
"""How fast the copy engines move bytes between pinned memory and the device, with both ways busy at once.

usage: pcie.py OUT.csv    256 MiB each way; GB/s of one way
"""

import csv
import sys

import torch

BYTES = 256 << 20
SAMPLES = 10


def both_ways(host, device, streams):
    with torch.cuda.stream(streams[0]):
        device[0].copy_(host[0], non_blocking=True)
    with torch.cuda.stream(streams[1]):
        host[1].copy_(device[1], non_blocking=True)


def time_us(copy, streams):
    """Median microseconds until both streams are through."""
    times = []
    main = torch.cuda.current_stream()
    for _ in range(SAMPLES + 2):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for stream in streams:
            stream.wait_event(begin)
        copy()
        for stream in streams:
            main.wait_stream(stream)
        end.record()
        end.synchronize()
        times.append(1e3 * begin.elapsed_time(end))
    return sorted(times[2:])[SAMPLES // 2]


def main():
    host = [torch.zeros(BYTES, dtype=torch.uint8).pin_memory() for _ in range(2)]
    device = [torch.zeros(BYTES, dtype=torch.uint8, device="cuda") for _ in range(2)]
    streams = [torch.cuda.Stream() for _ in range(2)]
    torch.cuda.synchronize()
    rate = BYTES / time_us(lambda: both_ways(host, device, streams), streams) / 1e3
    with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["size_bytes", "each_way_gbs"])
        writer.writerow([BYTES, f"{rate:.2f}"])
    print(f"pinned memory: {rate:.1f} GB/s each way")


if __name__ == "__main__":
    main()
