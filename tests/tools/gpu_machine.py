"""A machine with a GPU that is none: a copy of perf/gpu in a folder of its own, with small programs for the real."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Rows that meet all targets.
CODEC_PERF = """
import sys
rows = [f"{mib << 20},float,int8,{operation},{us},3000,4000,{ratio},0" for mib in (64, 256)
        for operation, us, ratio in (("encode", 10, 0.95), ("fused", 10, 0.92), ("separate", 40, 0.3))]
with open(sys.argv[sys.argv.index("--csv") + 1], "w") as file:
    file.write("\\n".join(["size_bytes,type,codec,operation,p50_us,gbs,memcpy_gbs,ratio,wrong", *rows, ""]))
"""
ALL_REDUCE_PERF = """
import sys
with open(sys.argv[sys.argv.index("--csv") + 1], "w") as file:
    file.write("size_bytes,sent_bytes,codec,algorithm,p50_us,wrong\\n268435456,268435456,none,direct,100,0\\n")
"""
PEERS = """
import sys
with open(sys.argv[1], "w") as file:
    file.write("codec,operation,p50_us,each_way_gbs\\nint8,encode,99.5,50\\n")
"""
PASSES = "print('[  PASSED  ] 3 tests.')"
SANITIZER = "print('========= ERROR SUMMARY: 0 errors')"
# Starts the program once, as a launcher does: in a process group of its own.
ORTERUN = """
import subprocess, sys
print("orterun of the packages", *sys.argv[1:4], flush=True)
sys.exit(subprocess.run(sys.argv[6:], process_group=0).returncode)
"""


# A program, or test, that hangs.
SLEEPS = "import os, time; print('[ RUN      ] Slow.Test', os.getpid(), flush=True); time.sleep(60)"


def pid_in(log):
    """The process that SLEEPS was."""
    return int(log.partition("Slow.Test ")[2].split()[0])


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Machine:
    def __init__(self, root):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.gpu = self.folder / "tree/perf/gpu"
        self.results = self.folder / "tree/build/gpu/results"
        shutil.copytree(root / "perf/gpu", self.gpu, ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / "tree/src/device").mkdir(parents=True)
        shutil.copy(root / "src/device/tuned.hpp", self.folder / "tree/src/device")
        self.program("coll_info", "print('  0  A GPU, compute capability 9.0, 132 processors')")
        self.program("codec_perf", CODEC_PERF)
        self.program("all_reduce_perf", ALL_REDUCE_PERF)
        for test in ("cuda_test", "cuda_mpi_test", "cuda_conformance_test"):
            self.program(test, PASSES)
        self.tool("nvidia-smi", "print('9.0')")
        self.tool("compute-sanitizer", SANITIZER)
        self.tool("ncu", "import sys; print(*sys.argv)")
        self.script(self.folder / "packages/usr/bin/orterun", ORTERUN)
        for script in ("torch_peers.py", "pcie.py"):
            (self.gpu / script).write_text(PEERS, encoding="utf-8")

    def close(self):
        self._folder.cleanup()

    @staticmethod
    def script(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def tool(self, name, text):
        self.script(self.folder / "bin" / name, text)

    def program(self, target, text):
        import programs
        self.script(self.folder / "programs" / programs.PROGRAMS[target], text)

    def builds(self):
        """The programs are where a build leaves them, and what builds says what it is told."""
        shutil.copytree(self.folder / "programs", self.folder / "tree/build/gpu", dirs_exist_ok=True)
        self.tool("cmake", "import sys; print('cmake', *sys.argv[1:])")

    def start(self, *arguments, script="run"):
        env = dict(os.environ, PATH=f"{self.folder}/bin:{os.environ['PATH']}", CUDA_PATH=str(self.folder))
        env.pop("CUDAARCHS", None)
        command = [self.gpu / script, "--packages", self.folder / "packages", *arguments]
        return subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, *arguments):
        """(exit status, output) with the programs that are there."""
        process = self.start("--programs", self.folder / "programs", *arguments)
        output = process.communicate(timeout=60)[0]
        return process.returncode, output

    def log(self, name):
        return (self.results / f"{name}.log").read_text(encoding="utf-8")

    def end(self, process, name):
        """Tells a run to end when SLEEPS has begun, as the log has it; its output."""
        log = self.results / f"{name}.log"
        while process.poll() is None and not (log.exists() and "RUN" in self.log(name)):
            time.sleep(0.05)
        process.terminate()
        return process.communicate(timeout=20)[0]

    def archive(self):
        return self.folder / "new/results.tar.gz"
