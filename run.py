#!/usr/bin/env python3
"""Start tipstaff or its tests from a checkout, making the environment they run in first when it is not there yet.

Nothing but the standard library is needed, and no address of a package index is known here: whichever of uv and pip
this machine has finds packages where it is configured to, and the hashes in the lock files decide what is accepted.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file still parses on Python 3.6, so that it can say so
    sys.exit(
        f"tipstaff needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}).\n"
        "Install a newer one and start with it, for example: python3.12 run.py demo"
    )
if sys.platform == "win32":
    sys.exit("tipstaff runs on Linux and macOS; on Windows use it inside WSL")

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any, NamedTuple

ROOT = Path(__file__).resolve().parent
RUNTIME_LOCK = "requirements.lock"
TEST_LOCK = "requirements-dev.lock"
"""Holds everything that the runtime lock holds, pinned alike, plus the test tools."""

STAMP = "tipstaff.json"
MUTEX = "tipstaff.lock"
LOG = "tipstaff-install.log"
EX_UNAVAILABLE = 69
OLDEST_PIP = (22, 3)
"""The first pip with --python, which installs into an environment that has no pip of its own."""

ELSEWHERE = (
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_REQUIREMENT", "PIP_CONSTRAINT"),
    *("UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_CONSTRAINT", "UV_OVERRIDE", "PYTHONHOME", "PYTHONPATH"),
)
"""Environment variables that would send the packages to another place or change which they are."""

SIGNS = (
    ("a package is not the one that the lock file names; do not use it", "match the hashes", "hash mismatch"),
    ("the disk is full", "no space left on device", "disk quota exceeded"),
    ("it may not write there", "permission denied", "read-only file system"),
    (
        "the package index cannot be reached; is there a network, or a proxy to name in HTTPS_PROXY?",
        *("name resolution", "dns error", "newconnectionerror", "failed to establish a new connection"),
        *("connection refused", "network is unreachable", "connection broken", "proxyerror", "timed out"),
        *("error sending request", "failed to fetch", "network connectivity is disabled"),
    ),
    (
        "its package index lacks what the lock file names for this Python and machine",
        *("no matching distribution", "not found in the package registry", "no solution found"),
    ),
)
"""What went wrong, and what an installer prints when it did, in lower case; no other one mends the first two."""

USAGE = """\
usage: python3 run.py demo [options]     a written day of alerts, on this machine alone
       python3 run.py test [options]     run the tests; options and paths go to pytest
       python3 run.py COMMAND ...        any tipstaff command: run, check, status, rules try, ...

The first start makes the environment .venv beside run.py; later ones use it as it is.
TIPSTAFF_VENV=/absolute/path puts the environment elsewhere.
"""


class Unprepared(Exception):
    """The environment cannot be made: `reason` says what happened and where, `advice` what to do about it."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason}\n{advice}")
        self.reason = reason
        self.advice = advice


class Installer(NamedTuple):
    """One way to fill an environment: `commands` run in turn, unless `refusal` says why it cannot be taken."""

    name: str
    commands: tuple[tuple[str, ...], ...] = ()
    refusal: str = ""


class Wanted(NamedTuple):
    """What an environment must have been made from to be used as it is; `locks` are name and SHA-256."""

    python: str
    root: str
    locks: Mapping[str, str]


FindInstallers = Callable[[Path, Path], Iterator[Installer]]
"""Given the environment's python and a lock file, name the ways to install it, the best first."""


def environment_place(root: Path, environ: Mapping[str, str]) -> Path:
    """Say where the environment lies: TIPSTAFF_VENV, or .venv in the checkout.

    Raises:
        Unprepared: TIPSTAFF_VENV is not an absolute path.
    """
    named = environ.get("TIPSTAFF_VENV") or str(root / ".venv")
    if not Path(named).is_absolute():
        reason = f"TIPSTAFF_VENV is {named!r}, which is another place in every directory."
        raise Unprepared(reason, "Give an absolute path: TIPSTAFF_VENV=/absolute/path")
    return Path(named)


def wanted_for(word: str, root: Path) -> Wanted:
    """Say what the environment must hold for this first word of the command line.

    Raises:
        Unprepared: the checkout is not whole.
    """
    names = (RUNTIME_LOCK, TEST_LOCK) if word == "test" else (RUNTIME_LOCK,)
    missing = [name for name in (*names, "rules", "storage", "monitor") if not (root / name).exists()]
    if missing:
        raise Unprepared(f"{root} lacks {', '.join(missing)}.", "run.py works inside a whole checkout of tipstaff.")
    locks = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in names}
    return Wanted(f"{sys.implementation.cache_tag}-{sys.platform}-{os.uname().machine}", str(root), locks)


def interpreter(place: Path) -> Path:
    """Name the environment's own python."""
    return place / "bin" / "python"


def is_ready(place: Path, wanted: Wanted) -> bool:
    """Tell whether the environment was completed from exactly what is wanted, or from more."""
    stamp = _read_stamp(place)
    made_from = (stamp.get("complete"), stamp.get("python"), stamp.get("root"))
    locks = stamp.get("locks", {})
    return made_from == (True, *wanted[:2]) and wanted.locks.items() <= locks.items() and interpreter(place).exists()


def prepare(place: Path, wanted: Wanted, find: FindInstallers) -> None:
    """Make the environment unless it is ready; of several starts at once one makes it and the others wait.

    Raises:
        Unprepared: it cannot be made here.
    """
    if is_ready(place, wanted):
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        with (place / MUTEX).open("a") as mutex:
            _take_turn(mutex)
            if not is_ready(place, wanted):
                _make(place, wanted, find, mutex)
    except OSError as error:
        raise Unprepared(
            f"Cannot write the environment in {place}: {error.strerror or error}.",
            "Make room or give write access there, or name another place: TIPSTAFF_VENV=/absolute/path",
        ) from error


def _read_stamp(place: Path) -> dict[str, Any]:
    try:
        stamp = json.loads((place / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _write_stamp(place: Path, wanted: Wanted, *, complete: bool, ours: bool) -> None:
    draft = place / f"{STAMP}.new"
    draft.write_text(json.dumps({"complete": complete, "ours": ours, **wanted._asdict()}, indent=1), "utf-8")
    draft.replace(place / STAMP)


def _take_turn(mutex: IO[str]) -> None:
    try:
        fcntl.flock(mutex, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"another start is making {Path(mutex.name).parent}; waiting for it")
        fcntl.flock(mutex, fcntl.LOCK_EX)


def _make(place: Path, wanted: Wanted, find: FindInstallers, mutex: IO[str]) -> None:
    stamp = _read_stamp(place)
    ours = bool(stamp.get("ours", all(entry.name.startswith("tipstaff") for entry in place.iterdir())))
    packages = place / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    # An environment that only lacks the test tools so far grows; any other that is ours is made anew, so that
    # nothing stays in it that no lock file names and an interrupted installation leaves no trace.
    grows = is_ready(place, wanted._replace(locks={RUNTIME_LOCK: wanted.locks[RUNTIME_LOCK]})) and (
        TEST_LOCK not in stamp.get("locks", {})
    )
    if not ours and not (packages.is_dir() and interpreter(place).exists()):
        suits = f"an environment of Python {sys.version_info[0]}.{sys.version_info[1]}"
        reason = f"{place} is there already, was not made by run.py and is not {suits}."
        raise Unprepared(reason, "Move it away, or name another place: TIPSTAFF_VENV=/absolute/path")
    _write_stamp(place, wanted, complete=False, ours=ours)
    if not ours:
        say(f"{place} was not made by run.py; adding what it lacks")
    elif not grows:
        say(f"making the environment {place} with Python {sys.version.split()[0]}, once")
        _clear(place)
        _make_venv(place)
    fill(interpreter(place), Path(wanted.root, list(wanted.locks)[-1]), find, place / LOG, mutex)
    (packages / "tipstaff-checkout.pth").write_text(f"{wanted.root}\n", "utf-8")
    _write_stamp(place, wanted, complete=True, ours=ours)


def _clear(place: Path) -> None:
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif not entry.name.startswith("tipstaff"):
            entry.unlink()


def _make_venv(place: Path) -> None:
    try:
        import venv  # noqa: PLC0415 - a minimal Python may lack it, and a ready environment does not need it
    except ImportError as error:
        reason = f"{sys.executable} comes without the standard module venv."
        raise Unprepared(reason, "Install all of Python; on Debian and Ubuntu: apt install python3") from error
    # with_pip stays off: Debian's python3 has no ensurepip unless python3-venv is installed too.
    venv.EnvBuilder(with_pip=False, symlinks=True).create(place)


def ask(command: Sequence[str]) -> str:
    """Run a program and return what it prints; "" when it is not there or fails."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def find_installers(
    python: Path,
    lock: Path,
    *,
    which: Callable[[str], str | None] = shutil.which,
    ask: Callable[[Sequence[str]], str] = ask,
) -> Iterator[Installer]:
    """Name the ways to install `lock` into the environment of `python`, the best first, each looked for in its turn.

    `which` finds a program on the PATH; `ask` runs one and returns what it prints, "" when it fails.
    """
    uv = which("uv")
    if uv:
        options = ("--quiet", "--require-hashes", "--python", str(python), "-r", str(lock))
        yield Installer("uv", ((uv, "pip", "install", *options),))
    else:
        yield Installer("uv", refusal="not on the PATH")
    install = (
        *("install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-warn-script-location"),
        *("--no-compile", "--require-hashes", "-r", str(lock)),
    )
    pips: list[tuple[str, tuple[str, ...]]] = [("python3 -m pip", (sys.executable, "-m", "pip"))]
    pips += [(program, (program,)) for program in map(which, ("pip3", "pip")) if program]
    for name, pip in pips:
        refusal = pip_refusal(ask((*pip, "--version")))
        if not refusal:
            yield Installer(name, ((*pip, "--python", str(python), *install),))
            return  # where one pip fails, the others fail alike
        yield Installer(name, refusal=refusal)
    if ask((str(python), "-m", "ensurepip", "--version")):
        bootstrap = (str(python), "-m", "ensurepip", "--upgrade")
        yield Installer("ensurepip", (bootstrap, (str(python), "-m", "pip", *install)))
    else:
        yield Installer("ensurepip", refusal=f"not part of {sys.executable}")


def pip_refusal(answer: str) -> str:
    """Say from what `pip --version` printed why this pip will not do; "" when it will."""
    words = answer.split()
    if len(words) < 2 or words[0] != "pip":
        return "no pip there"
    version = tuple(int(part) for part in words[1].split(".")[:2] if part.isdigit())
    return "" if version >= OLDEST_PIP else f"pip {words[1]} is older than 22.3"


def fill(python: Path, lock: Path, find: FindInstallers, log: Path, mutex: IO[str]) -> None:
    """Install `lock` with the first installer that can, telling so on stderr; what it prints goes to `log`.

    Raises:
        Unprepared: every installer was refused or failed, or one failed in a way that no other mends.
    """
    count = sum(line[:1].isalnum() for line in lock.read_text("utf-8").splitlines())
    tried = ""
    said = ""
    for name, commands, refusal in find(python, lock):
        if refusal:
            tried += f"  - {name}: {refusal}\n"
            continue
        began = time.monotonic()
        task = f"installing {count} locked packages with {name}"
        say(task, end="\r" if sys.stderr.isatty() else "\n")
        if all(_run(command, log, task, mutex) == 0 for command in commands):
            say(f"{task}: done in {time.monotonic() - began:.0f} s")
            return
        output = log.read_text("utf-8", "replace")
        failure, mendable = explain(output)
        tried += f"  - {name}: {failure}\n"
        lines = [line for line in output.splitlines() if line.strip() and not line.startswith("WARNING")]
        said = "\n".join((f"It printed ({log}):", *lines[-10:], ""))
        say(f"{task}: failed: {failure}")
        if not mendable:
            break
    advice = "Mend what is named above and start again."
    if not said:
        advice = "Install pip 22.3 or newer (on Debian and Ubuntu: apt install python3-pip) or uv, and start again."
    raise Unprepared(f"Installing {lock.name} into {python.parent.parent} failed:\n{tried}{said}".rstrip(), advice)


def explain(output: str) -> tuple[str, bool]:
    """Say from what an installer printed why it failed, and whether another one may do better."""
    text = output.lower()
    for place, (reason, *signs) in enumerate(SIGNS):
        if any(sign in text for sign in signs):
            return reason, place > 1
    return "it stopped with an error", True


def _run(command: Sequence[str], log: Path, task: str, mutex: IO[str]) -> int:
    """Run one command to its end, counting the seconds on a terminal."""
    began = time.monotonic()
    environ = {name: text for name, text in os.environ.items() if name not in ELSEWHERE}
    environ |= {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    with log.open("wb") as sink:
        # The child inherits the mutex: should this process be killed, the next start still waits for the child's end.
        settings: dict[str, Any] = {"env": environ, "pass_fds": [mutex.fileno()], "process_group": 0}
        HELD.append(0)
        try:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, **settings)
        finally:
            signum = HELD.pop()
            HELD.clear()
    try:
        if signum:
            _stop(signum, None)
        while True:
            try:
                return child.wait(timeout=1)
            except subprocess.TimeoutExpired:
                if sys.stderr.isatty():
                    say(f"{task}: {time.monotonic() - began:.0f} s", end="\r")
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)  # pip --python has a child of its own
            child.wait()


def say(message: str, end: str = "\n") -> None:
    """Tell on stderr: stdout belongs to the command that is about to run."""
    erase = "\x1b[2K" if sys.stderr.isatty() else ""
    print(f"{erase}tipstaff: {message}", end=end, file=sys.stderr, flush=True)


def command_line(python: Path, arguments: Sequence[str]) -> list[str]:
    """Translate run.py's words; -P keeps what lies in the current directory out of the imports."""
    if arguments[0] == "test":
        return [str(python), "-P", "-m", "pytest", *arguments[1:]]
    return [str(python), "-P", "-m", "monitor", *arguments]


HELD: list[int] = []
"""Signals that came while a child was being started: nobody could take it along before its number is known."""


def _stop(signum: int, _frame: FrameType | None) -> None:
    if HELD:
        HELD.append(signum)
    elif signum == signal.SIGINT:
        raise KeyboardInterrupt
    else:
        raise SystemExit(128 + signum)


def main(arguments: Sequence[str]) -> int:
    """Prepare the environment and become the program that was asked for; returns only when that cannot be done."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(signum) != signal.SIG_IGN:  # not where nohup has it ignored
            signal.signal(signum, _stop)
    try:
        place = environment_place(ROOT, os.environ)
        prepare(place, wanted_for(arguments[0], ROOT), find_installers)
    except Unprepared as fault:
        say(f"{fault.reason}\n{fault.advice}")
        return EX_UNAVAILABLE
    except KeyboardInterrupt:
        say("stopped; the next start makes the environment anew")
        return 128 + signal.SIGINT
    if arguments[0] == "test":
        os.chdir(ROOT)
    command = command_line(interpreter(place), arguments)
    # For advice that names a command: what this person types is not `tipstaff`.
    os.execve(command[0], command, {**os.environ, "TIPSTAFF_COMMAND": f"python3 {Path(sys.argv[0])}"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
