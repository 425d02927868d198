"""The steps of a GPU run, each with its own limits; files that a step leaves begin with its name."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import packages
import programs
import slowest
import summary
from session import Session, Stop

NO_GPU = 77  # what tests end with where there is none
SANITIZER_FOUND = 9
PINNED = "come by pinned memory"  # what the library logs where ranks cannot open each other's memory
CONFORMANCE = "--gtest_filter=Device/Collectives.*:All/LongCollectives.*/device_*"


@dataclass
class Run:
    session: Session
    unpacked: Path | None  # packages
    build: Path  # the programs
    built_before: bool
    written: list = field(default_factory=list)  # CSVs of perf/results

    @property
    def results(self):
        return self.session.results

    def program(self, target):
        return str(self.build / programs.PROGRAMS[target])

    def environment(self, **more):
        return dict(programs.environment(self.unpacked, self.build), **more)

    def ranks(self, count):
        """The start of a command that runs a program as ranks; each has threads beside its own, so none is bound."""
        return [packages.launcher(self.unpacked), "-np", str(count), "--oversubscribe", "--bind-to", "none"]


def build(run):
    if not run.built_before:
        env = packages.environment(run.unpacked)
        architectures = packages.architectures()
        run.session.say(f"kernels for: {architectures or 'all that are built by default, as no GPU was found'}")
        commands = {"configure": programs.configure_command(run.unpacked, architectures),
                    "build": programs.build_command(programs.PROGRAMS)}
        if not all(run.session.check(what, command, run.session.left(), env) for what, command in commands.items()):
            raise Stop("there is nothing to run, as it could not be built")
    run.session.check("coll_info", [run.program("coll_info")], 60, run.environment())


def test(run, what, command, limit):
    """A GoogleTest program. That it ran no test is a failure, and that it has found no GPU ends the run."""
    ended = run.session.run(what, command, limit, run.environment())
    if ended.status != NO_GPU:
        run.session.expect_success(what, ended)
    elif packages.gpus():
        run.session.fail(f"{what}: found no GPU, though nvidia-smi shows one")
    else:
        raise Stop("nothing can be measured without a GPU", NO_GPU)
    if "[  PASSED  ] 0 tests." in ended.lines:
        run.session.fail(f"{what}: ran no test")


def kernels(run):
    test(run, "kernels on the device", [run.program("cuda_test")], 100)


def measure(run):
    for name, options in (("ranks2", "-b 4K -e 256M -f 16 -n 20 -w 3 --ranks 2"),
                          ("ranks8", "-b 64M -e 64M -n 20 -w 3 --ranks 8"),
                          ("bfloat16", "-b 64M -e 64M -n 20 -w 3 --ranks 2 -d bfloat16"),
                          ("long", "-b 1G -e 1G -n 5 -w 1 -c 0 --ranks 2 --codec none --codec int8")):
        command = [run.program("codec_perf"), "--memory", "device", "--csv", str(run.results / f"measure_{name}.csv")]
        run.session.check(f"codec_perf, {name}", [*command, *options.split()], 60, run.environment())


def allreduce(run):
    """Of ranks that share the GPU: messages in the buffers, copied for their receivers, or in pinned memory."""
    for ranks in (2, 4):
        for way in summary.WAYS:
            file = run.results / f"allreduce_{ranks}_{way}"
            memory = "device-coll" if way == "buffers" else "device"
            command = [*run.ranks(ranks), run.program("all_reduce_perf"), "--memory", memory, "--csv", f"{file}.csv",
                       *"-b 64K -e 256M -f 16 -n 10 -w 2 --place out --codec none --codec int8".split()]
            env = run.environment(COLL_P2P="0" if way == "pinned" else "1", COLL_ALGO="^board",
                                  COLL_STAGED_BYTES="128K", COLL_DEBUG="INFO", COLL_DEBUG_SUBSYS="TRANSPORT",
                                  COLL_DEBUG_FILE=f"{file}.log")
            what = f"all_reduce_perf, {ranks} ranks, messages: {way}"
            run.session.check(what, command, 45, env)
            if way != "pinned":
                expect_peers_memory(run, what, file)


def expect_peers_memory(run, what, file):
    """Ranks that cannot open each other's memory measure the pinned way: no row of another is made of that."""
    log = Path(f"{file}.log")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    refused = next((line for line in lines if PINNED in line), None)
    if refused is not None:
        run.session.fail(f"{what}: messages came by pinned memory: {refused.partition(PINNED)[2].lstrip(': ')}")
        if os.path.exists(f"{file}.csv"):
            os.replace(f"{file}.csv", f"{file}_refused.csv")


def peers(run):
    for name in ("torch_peers", "pcie"):
        script, csv = programs.ROOT / f"perf/gpu/{name}.py", run.results / f"peers_{name}.csv"
        run.session.check(f"PyTorch, {name}", [sys.executable, "-B", str(script), str(csv)], 60)


def tables(run):
    """Prints and writes what there is; what is missed, in words, which counts when all steps have run."""
    folder = programs.ROOT / "perf" / "results"
    lines, problems, run.written = summary.report(run.results, folder / "gpu.csv", folder / "gpu_collectives.csv")
    run.session.say("\n".join(lines))
    return problems


def processes(run):
    for ranks in (2, 4):
        test(run, f"collectives, {ranks} processes", [*run.ranks(ranks), run.program("cuda_mpi_test")], 60)


def conformance(run):
    test(run, "collectives, ranks as threads", [run.program("cuda_conformance_test"), CONFORMANCE], 90)


def sanitize(run):
    """A share of the cases for each tool, as such code is slow; short filters still reach each kernel of a codec."""
    for tool, specs in (("memcheck", ("int8", "int4", "fp16", "none")), ("racecheck", ("int8_block_4096", "int4")),
                        ("initcheck", ("int8", "int4_block_32", "bf16"))):
        program = packages.cuda_tool("compute-sanitizer")
        if program is None:
            run.session.fail(f"{tool}: there is no compute-sanitizer on this machine")
            continue
        tests = ":".join(f"*.MakeTheHostsBytes/{spec}" for spec in specs)
        command = [program, "--tool", tool, "--error-exitcode", str(SANITIZER_FOUND), run.program("cuda_test"),
                   f"--gtest_filter={tests}"]
        ended = run.session.run(tool, command, 60, run.environment())
        if ended.status is not None:
            judge_sanitizer(run.session, tool, ended)


def judge_sanitizer(session, tool, ended):
    """What it found is apart from why it found nothing: some virtual machines' devices are refused."""
    refused = next((line for line in ended.lines if "Device not supported" in line), None)
    if refused is not None:
        session.fail(f"{tool}: could not run: {refused.strip('= ')}")
    elif ended.status == SANITIZER_FOUND:
        session.fail(f"{tool}: found errors")
    elif ended.status == NO_GPU:
        session.fail(f"{tool}: could not run: the program finds no GPU in it")
    elif ended.status == 0 and not any("SUMMARY:" in line for line in ended.lines):
        session.fail(f"{tool}: could not run: it says nothing of what it has looked at")
    elif "[  PASSED  ] 0 tests." in ended.lines:
        session.fail(f"{tool}: ran no test")
    else:
        session.expect_success(tool, ended)


def ncu(run):
    """The slowest kernel's counters, at the clocks that the machine has: they are not this run's to set."""
    row = slowest.slowest(summary.measured(run.results))
    program = packages.cuda_tool("ncu")
    if row is None or program is None:
        run.session.fail("ncu: " + ("there is none on this machine" if program is None else "no kernel was measured"))
        return
    sections = ("SpeedOfLight", "MemoryWorkloadAnalysis", "Occupancy", "WarpStateStats")
    command = [program, "--clock-control", "none", "--kernel-name-base", "demangled",
               "-k", f"regex:{slowest.kernel_of(row)}", "--launch-count", "1",
               *(f"--section={name}" for name in sections), run.program("codec_perf"), "--memory", "device",
               "--ranks", str(row["ranks"]), "--codec", row["codec"], *"-b 64M -e 64M -n 1 -w 0 -c 0".split()]
    what = f"ncu, {row['codec']} {row['operation']}"
    ended = run.session.run(what, command, 60, run.environment())
    refused = next((line for line in ended.lines if line.startswith(("==ERROR==", "==WARNING== No kernels"))), None)
    if refused is not None:
        run.session.fail(f"{what}: {refused}")
    else:
        run.session.expect_success(what, ended)


ORDER = (build, kernels, measure, allreduce, peers, tables, processes, conformance, sanitize, ncu)
STEPS = {step.__name__: step for step in ORDER}


def forget(run, step):
    """Removes what the step has left in an earlier run."""
    for pattern in (f"{step}.log", f"{step}_*"):
        for file in run.results.glob(pattern):
            file.unlink()
