"""Names the kernel that is the furthest from the device's copy at 64 MiB, for ncu."""

# The kernel template's last arguments: messages in flight, and whether the result is a message.
KERNELS = {"encode": r"SumOp,.*\)0,.*\)1>", "decode": r"SumOp,.*\)1,.*\)0>", "decode_reduce": r"SumOp,.*\)[24],.*\)0>",
           "fused": r"SumOp,.*\)[24],.*\)1>", "reduce": r"SumOp,.*\)[24],.*\)0>"}


def slowest(rows, size=64 << 20):
    """The row of float32 elements with the smallest ratio; None where there is none."""
    alike = [row for row in rows
             if int(row["size_bytes"]) == size and row["operation"] in KERNELS and row["type"] == "float"]
    return min(alike, key=lambda row: float(row["ratio"]), default=None)


def kernel_of(row):
    """A regular expression of the kernel's demangled name."""
    return KERNELS[row["operation"]]
