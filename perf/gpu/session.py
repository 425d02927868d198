"""Steps within one budget of time: what their commands say is shown and kept line by line; what failed is listed."""

import os
import signal
import subprocess
import tarfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 5  # from SIGTERM to SIGKILL

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Terminated(BaseException):
    """A signal has asked this program to end."""


def ignore_signals():
    """What there is is kept first."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def raise_on_signals():
    """Terminated, so that what this program has started is ended, too."""
    def terminate(number, _):
        ignore_signals()
        raise Terminated(f"told to end by {signal.Signals(number).name}")

    for each in SIGNALS:
        signal.signal(each, terminate)


class Stop(Exception):
    """Why no further step can run, and the exit status of that."""

    def __init__(self, why, status=1):
        super().__init__(why)
        self.status = status


@dataclass
class Ended:
    """A command's exit status, None where it did not come to its end, and its lines."""

    status: int | None
    lines: list


def members(session_id):
    """The processes of a session. orterun gives each rank a process group: a signal to one group misses the others."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[3]) == session_id:
            yield int(stat.parent.name)


def signal_session(session_id, number):
    for process in members(session_id):
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass


class Session:
    def __init__(self, results, seconds):
        self.results = results
        self.failed = []
        self._begin = time.monotonic()
        self._seconds = seconds
        self._log = None

    def left(self):
        """Seconds that a command may take, so that ending it is within the budget as well."""
        return self._seconds - GRACE_SECONDS - (time.monotonic() - self._begin)

    def begin(self, step):
        """What is said from now on is also in STEP.log."""
        self._log = self.results / f"{step}.log"
        self.say(f"\n== {step} ({time.monotonic() - self._begin:.0f} s)")

    def say(self, text):
        print(text, flush=True)
        with open(self._log, "a", encoding="utf-8") as log:
            log.write(text + "\n")

    def fail(self, what):
        self.say(f"FAILED: {what}")
        self.failed.append(what)

    def run(self, what, command, limit, env=None):
        """Runs a command for `limit` seconds at most, and as long as the budget lasts; else that is a failure."""
        seconds = min(limit, self.left())
        if seconds < 1:
            self.fail(f"{what}: not run: no time left")
            return Ended(None, [])
        self.say(f"-- {what}")
        try:
            process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
        except OSError as error:
            self.fail(f"{what}: {error}")
            return Ended(None, [])
        lines = []
        reader = threading.Thread(target=self._tee, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
            signal_session(process.pid, signal.SIGTERM)
            self._wait_for_end(process)
        finally:  # nothing of it runs on, also when this program is told to end
            signal_session(process.pid, signal.SIGKILL)
            process.wait()
            reader.join(GRACE_SECONDS)
        if status is None:
            self.fail(f"{what}: took longer than {seconds:.0f} s")
        return Ended(status, lines)

    def check(self, what, command, limit, env=None):
        """Runs a command; whether it ended with 0, of which all else is a failure."""
        ended = self.run(what, command, limit, env)
        self.expect_success(what, ended)
        return ended.status == 0

    def expect_success(self, what, ended):
        if ended.status is not None and ended.status < 0:
            self.fail(f"{what}: ended by signal {-ended.status}")
        elif ended.status:
            self.fail(f"{what}: exit status {ended.status}")

    def _tee(self, stream, lines):
        with stream:
            for line in stream:
                lines.append(line.rstrip("\n"))
                self.say(lines[-1])

    @staticmethod
    def _wait_for_end(process):
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            pass


def write_archive(path, members_of):
    """Files by the names that they get inside; in place of an earlier one at once, as this may be the last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with tarfile.open(part, "w:gz") as archive:
        for name, file in members_of:
            archive.add(file, name)
    os.replace(part, path)
