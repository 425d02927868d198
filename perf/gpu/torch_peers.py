#!/usr/bin/env python3
"""What a user of PyTorch has today: its casts, and a block quantisation written with its operators, on a GPU.

usage: torch_peers.py OUT.csv    64 MiB of float32; rates count the bytes that such an operation has to move
"""

import csv
import sys

import torch

COUNT = (64 << 20) // 4
BLOCK = 128
RANKS = 2
SAMPLES = 20


def encode(levels):
    def run(x):
        blocks = x.view(-1, BLOCK)
        scale = blocks.abs().amax(dim=1, keepdim=True) / levels
        return torch.round(blocks / scale).to(torch.int8), scale
    return run


def decode(message):
    codes, scale = message
    return codes.to(torch.float32) * scale


def decode_reduce(messages):
    total = decode(messages[0])
    for message in messages[1:]:
        total += decode(message)
    return total


def time_us(call, inputs):
    """Median microseconds of a call, the inputs in turn."""
    times = []
    for sample in range(SAMPLES + 3):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for one in inputs:
            call(one)
        end.record()
        end.synchronize()
        if sample >= 3:
            times.append(1e3 * begin.elapsed_time(end) / len(inputs))
    return sorted(times)[len(times) // 2]


def cases(inputs):
    """(codec, operation, bytes to move, call, inputs)"""
    native = 4 * COUNT
    for name, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
        yield name, "encode", native + 2 * COUNT, lambda x, t=dtype: x.to(t), inputs
        yield name, "decode", native + 2 * COUNT, lambda x: x.to(torch.float32), [x.to(dtype) for x in inputs]
    message = COUNT + 2 * COUNT // BLOCK
    quantise = encode(127.0)
    messages = [quantise(x) for x in inputs]
    groups = [[messages[(i + r) % len(messages)] for r in range(RANKS)] for i in range(len(messages))]
    yield "int8", "encode", native + message, quantise, inputs
    yield "int8", "decode", native + message, decode, messages
    yield "int8", "decode_reduce", native + RANKS * message, decode_reduce, groups
    yield "int8", "fused", (RANKS + 1) * message, lambda g: quantise(decode_reduce(g)), groups


def main():
    torch.manual_seed(1)
    inputs = [torch.randn(COUNT, device="cuda") for _ in range(6)]  # more than the cache holds
    with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["codec", "operation", "p50_us", "gbs"])
        for codec, operation, moved, call, given in cases(inputs):
            us = time_us(call, given)
            writer.writerow([codec, operation, f"{us:.2f}", f"{moved / us / 1e3:.1f}"])
    print(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name()}")


if __name__ == "__main__":
    main()
