"""Shows what run.py does on the first start, the second, the interrupted and the hopeless one; nothing is downloaded.

The installers here are small shell commands, the environments and the processes are real.
"""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import run

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """\
import os, signal, sys
if sys.argv[1:] == ["wait"]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    print(os.getpid(), flush=True)
    signal.pause()
print(*sys.argv[1:])
sys.exit(3)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout with empty locks and a program that repeats its words."""
    root = tmp_path / "checkout"
    for folder in ("rules", "storage", "monitor"):
        (root / folder).mkdir(parents=True)
    (root / "monitor" / "__init__.py").write_text("")
    (root / "monitor" / "__main__.py").write_text(PROGRAM)
    (root / run.RUNTIME_LOCK).write_text("one==1\n")
    (root / run.TEST_LOCK).write_text("one==1\ntwo==2\n")
    shutil.copy(ROOT / "run.py", root)
    return root


class Installers:
    """Stands in for uv and pip: each shell command is an installer that sees $PYTHON and $LOCK; counts its calls."""

    def __init__(self, *scripts: str) -> None:
        self.scripts = scripts or ('cp "$LOCK" "$(dirname "$PYTHON")/../lib/"',)
        self.calls = 0

    def __call__(self, python: Path, lock: Path) -> Iterator[run.Installer]:
        self.calls += 1
        for number, script in enumerate(self.scripts):
            command = f"PYTHON={python} LOCK={lock}; {script}"
            yield run.Installer(f"installer {number}", (("/bin/sh", "-c", command),))


def start(root: Path, word: str = "demo", installers: run.FindInstallers | None = None) -> Path:
    place = run.environment_place(root, {})
    run.prepare(place, run.wanted_for(word, root), installers or Installers())
    return place


# --- which Python, which place


def test_it_parses_on_python_3_6_so_that_an_old_one_is_told_what_is_missing() -> None:
    ast.parse((ROOT / "run.py").read_text("utf-8"), feature_version=(3, 6))


def test_the_environment_lies_in_the_checkout(tmp_path: Path) -> None:
    assert run.environment_place(tmp_path, {"VIRTUAL_ENV": "/elsewhere"}) == tmp_path / ".venv"


def test_tipstaff_venv_names_another_place(tmp_path: Path) -> None:
    assert run.environment_place(tmp_path, {"TIPSTAFF_VENV": "/big/disk"}) == Path("/big/disk")


def test_a_relative_tipstaff_venv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(run.Unprepared, match="absolute"):
        run.environment_place(tmp_path, {"TIPSTAFF_VENV": "venv"})


def test_half_a_checkout_is_refused_by_what_it_lacks(checkout: Path) -> None:
    shutil.rmtree(checkout / "rules")
    with pytest.raises(run.Unprepared, match="lacks rules"):
        run.wanted_for("demo", checkout)


# --- which installer


def find(programs: dict[str, str], answers: dict[str, str]) -> list[run.Installer]:
    """Look for installers where these programs are on the PATH and answer so when asked for their version."""

    def ask(command: Sequence[str]) -> str:
        return answers.get("ensurepip" if "ensurepip" in command else command[0], "")

    return list(
        run.find_installers(Path("/env/bin/python"), Path("/co/requirements.lock"), which=programs.get, ask=ask)
    )


def usable(installers: list[run.Installer]) -> list[str]:
    return [installer.name for installer in installers if not installer.refusal]


def test_uv_comes_first_where_it_is_on_the_path() -> None:
    found = find({"uv": "/usr/bin/uv"}, {sys.executable: "pip 23.0.1 from /x"})
    assert usable(found) == ["uv", "python3 -m pip"]


def test_pip_fills_an_environment_that_has_no_pip_of_its_own() -> None:
    found = find({}, {sys.executable: "pip 23.0.1 from /x (python 3.11)"})
    assert usable(found) == ["python3 -m pip"]
    (command,) = found[1].commands
    assert command[:5] == (sys.executable, "-m", "pip", "--python", "/env/bin/python")


def test_a_pip_too_old_for_that_gives_way_to_the_next() -> None:
    found = find(
        {"pip3": "/a/pip3", "pip": "/a/pip"},
        {sys.executable: "pip 22.2.2 from /x", "/a/pip3": "pip 20.0", "/a/pip": "pip 22.3"},
    )
    assert usable(found) == ["/a/pip"]
    assert found[1].refusal == "pip 22.2.2 is older than 22.3"


def test_ensurepip_is_the_last_resort() -> None:
    found = find({}, {"ensurepip": "pip 24.0"})
    assert usable(found) == ["ensurepip"]
    assert [command[:3] for command in found[-1].commands] == [
        ("/env/bin/python", "-m", "ensurepip"),
        ("/env/bin/python", "-m", "pip"),
    ]


def test_where_there_is_nothing_every_refusal_says_why() -> None:
    found = find({}, {})
    assert usable(found) == []
    assert [installer.refusal for installer in found] == [
        "not on the PATH",
        "no pip there",
        f"not part of {sys.executable}",
    ]


def test_one_pip_that_will_do_is_enough() -> None:
    found = find({"pip": "/a/pip"}, {sys.executable: "pip 23.0", "/a/pip": "pip 24.0", "ensurepip": "pip 24.0"})
    assert usable(found) == ["python3 -m pip"]


@pytest.mark.parametrize("asked", [sys.executable, "ensurepip"])
def test_every_way_insists_on_the_hashes(asked: str) -> None:
    ways = [installer for installer in find({"uv": "/uv"}, {asked: "pip 23.1"}) if not installer.refusal]
    assert len(ways) == 2
    assert all("--require-hashes" in way.commands[-1] for way in ways)


@pytest.mark.parametrize(
    ("printed", "reason", "another_may_do_better"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one", False),
        ("error: Hash mismatch for `one==1`", "not the one", False),
        ("OSError: [Errno 28] No space left on device", "disk is full", False),
        ("Failed to establish a new connection: [Errno -3] Temporary failure in name resolution", "network", True),
        ("ERROR: No matching distribution found for one==1", "lacks", True),
        ("Segmentation fault", "stopped with an error", True),
    ],
)
def test_a_failure_is_told_in_a_sentence(printed: str, reason: str, another_may_do_better: bool) -> None:
    said, mendable = run.explain(printed)
    assert reason in said
    assert mendable is another_may_do_better


# --- first start, second start


def test_the_first_start_makes_the_environment_and_the_second_uses_it(checkout: Path) -> None:
    installers = Installers()
    place = start(checkout, "demo", installers)
    assert (place / "lib" / run.RUNTIME_LOCK).exists()
    start(checkout, "check", installers)
    assert installers.calls == 1


def test_the_tests_add_their_tools_to_what_is_there(checkout: Path) -> None:
    place = start(checkout, "demo")
    (place / "kept").touch()
    start(checkout, "test")
    assert (place / "kept").exists()
    assert (place / "lib" / run.TEST_LOCK).exists()
    again = Installers()
    start(checkout, "demo", again)
    start(checkout, "test", again)
    assert again.calls == 0


def test_a_changed_lock_makes_the_environment_anew(checkout: Path) -> None:
    place = start(checkout)
    (place / "stale").touch()
    (checkout / run.RUNTIME_LOCK).write_text("one==2\n")
    start(checkout)
    assert not (place / "stale").exists()


def test_an_interrupted_installation_is_made_anew(checkout: Path) -> None:
    with pytest.raises(run.Unprepared):
        start(checkout, "demo", Installers("touch $(dirname $PYTHON)/half; kill -9 $$"))
    place = checkout / ".venv"
    assert (place / "bin" / "half").exists()
    start(checkout)
    assert not (place / "bin" / "half").exists()


def test_an_environment_whose_python_has_gone_is_made_anew(checkout: Path) -> None:
    place = start(checkout)
    run.interpreter(place).unlink()
    start(checkout)
    assert run.interpreter(place).exists()


def test_a_directory_that_is_no_environment_is_left_alone(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "letters.txt").write_text("mine")
    with pytest.raises(run.Unprepared, match=r"was not made by run\.py"):
        start(checkout)
    assert (checkout / ".venv" / "letters.txt").read_text() == "mine"


def test_an_environment_made_by_someone_else_is_filled_but_never_cleared(checkout: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    (checkout / ".venv" / "mine").touch()
    place = start(checkout)
    (checkout / run.RUNTIME_LOCK).write_text("one==2\n")
    start(checkout)
    assert (place / "mine").exists()
    assert (place / "lib" / run.RUNTIME_LOCK).read_text() == "one==2\n"


def test_of_two_starts_at_once_one_installs_and_the_other_waits(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, waiting = threading.Event(), threading.Event()
    ordinary = Installers()

    def slow(python: Path, lock: Path) -> Iterator[run.Installer]:
        inside.set()
        assert waiting.wait(30)
        yield from ordinary(python, lock)

    def say(message: str, end: str = "\n") -> None:
        if "waiting for it" in message:
            waiting.set()

    monkeypatch.setattr(run, "say", say)
    first = threading.Thread(target=start, args=(checkout, "demo", slow))
    second = threading.Thread(target=start, args=(checkout, "demo", ordinary))
    first.start()
    assert inside.wait(30)
    second.start()
    first.join(30)
    second.join(30)
    assert ordinary.calls == 1


# --- when it cannot be done


def test_the_next_installer_is_tried_when_one_fails(checkout: Path) -> None:
    place = start(checkout, "demo", Installers("echo error: dns error; exit 2", "touch $(dirname $PYTHON)/second"))
    assert (place / "bin" / "second").exists()


def test_a_package_with_another_hash_is_not_tried_elsewhere(checkout: Path) -> None:
    with pytest.raises(run.Unprepared, match="do not use it"):
        start(checkout, "demo", Installers("echo Hash mismatch; exit 1", "touch $(dirname $PYTHON)/second"))
    assert not (checkout / ".venv" / "bin" / "second").exists()


def test_a_failure_names_every_way_tried_and_what_the_last_one_printed(checkout: Path) -> None:
    with pytest.raises(run.Unprepared) as caught:
        start(checkout, "demo", Installers("echo network is unreachable; exit 1", "echo the very reason; exit 1"))
    assert "installer 0: the package index cannot be reached" in caught.value.reason
    assert "installer 1: it stopped with an error" in caught.value.reason
    assert "the very reason" in caught.value.reason


def test_where_nothing_can_install_it_says_what_to_install(checkout: Path) -> None:
    def nothing(_python: Path, _lock: Path) -> Iterator[run.Installer]:
        yield run.Installer("uv", refusal="not on the PATH")

    with pytest.raises(run.Unprepared) as caught:
        start(checkout, "demo", nothing)
    assert "apt install python3-pip" in caught.value.advice


def test_a_place_that_cannot_be_written_is_named(checkout: Path) -> None:
    (checkout / "file").touch()
    place = run.environment_place(checkout, {"TIPSTAFF_VENV": str(checkout / "file" / "venv")})
    with pytest.raises(run.Unprepared, match=r"Cannot write the environment in .*file/venv"):
        run.prepare(place, run.wanted_for("demo", checkout), Installers())


# --- as a program


@pytest.fixture
def environ(checkout: Path) -> dict[str, str]:
    """Put a uv on the PATH that installs nothing and succeeds."""
    programs = checkout.parent / "programs"
    programs.mkdir()
    (programs / "uv").write_text("#!/bin/sh\nexit 0\n")
    (programs / "uv").chmod(0o755)
    return {**os.environ, "PATH": f"{programs}:/usr/bin:/bin"}


def command(checkout: Path, *words: str) -> list[str]:
    return [sys.executable, str(checkout / "run.py"), *words]


def test_words_and_exit_code_pass_through(checkout: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        command(checkout, "rules", "try", "--json"), env=environ, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("rules try --json\n", 3)
    assert "making the environment" in done.stderr


def test_what_lies_in_the_current_directory_is_not_imported(checkout: Path, environ: dict[str, str]) -> None:
    elsewhere = checkout.parent / "elsewhere"
    (elsewhere / "monitor").mkdir(parents=True)
    (elsewhere / "monitor" / "__main__.py").write_text("print('the wrong one')")
    done = subprocess.run(
        command(checkout, "hello"), env=environ, cwd=elsewhere, capture_output=True, text=True, check=False
    )
    assert done.stdout == "hello\n"


def test_a_signal_reaches_the_program_itself(checkout: Path, environ: dict[str, str]) -> None:
    with subprocess.Popen(command(checkout, "wait"), env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 7


def test_without_a_word_it_shows_its_usage(checkout: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(command(checkout), env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "python3 run.py demo" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_termination_while_installing_takes_the_installer_along(checkout: Path, environ: dict[str, str]) -> None:
    fifo = checkout.parent / "fifo"
    os.mkfifo(fifo)
    (checkout.parent / "programs" / "uv").write_text(f"#!/bin/sh\necho $$ > {fifo}\nread forever < {fifo}\n")
    with subprocess.Popen(command(checkout, "demo"), env=environ, stderr=subprocess.DEVNULL) as process:
        installer = int(fifo.read_text())
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    # Its parent has gone, so nobody need have collected it yet: dead is dead.
    stat = Path(f"/proc/{installer}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
