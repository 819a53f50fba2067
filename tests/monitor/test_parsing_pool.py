"""The pool of parsing children: limits, crashes, replacement, and what a child may not do."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from feeds import URL, item, rss

from monitor.parsing.child import _refuse
from monitor.parsing.frames import QUESTION, question
from monitor.parsing.pool import COMMAND, ParseLimits, ParsePool
from monitor.parsing.reading import read_feed
from monitor.sources import Parse, ParsedFeed, SourceFailure

GOOD = item(7, title="Good")


@asynccontextmanager
async def pool(**options: object) -> AsyncIterator[ParsePool]:
    parsing = ParsePool(**options)  # type: ignore[arg-type]
    try:
        yield parsing
    finally:
        await parsing.aclose()


SCRIPT = "import sys,os,time,json,struct\nr=sys.stdin.buffer.read\n"
ANSWER = """
def say(told):
    raw = json.dumps(told).encode()
    sys.stdout.buffer.write(struct.pack('>I', len(raw)) + raw)
    sys.stdout.buffer.flush()
"""


def child(body: str) -> tuple[str, ...]:
    return (sys.executable, "-c", SCRIPT + ANSWER + body)


async def failure(parsing: ParsePool) -> SourceFailure:
    with pytest.raises(SourceFailure) as told:
        await parsing.parse(Parse(body=rss(GOOD), url=URL))
    return told.value


async def test_a_child_that_hangs_is_killed_at_the_deadline_and_leaves_no_zombie() -> None:
    async with pool(command=child("time.sleep(60)"), limits=ParseLimits(wall=0.3)) as parsing:
        told = await failure(parsing)
        assert told.kind == "parse-timeout"
    assert _children() == set()


async def test_a_child_that_burns_its_processor_time_is_a_timeout() -> None:
    spin = "import resource\nresource.setrlimit(resource.RLIMIT_CPU,(1,9))\nwhile True: pass"
    async with pool(command=child(spin)) as parsing:
        assert (await failure(parsing)).kind == "parse-timeout"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sys.exit(3)", "code 3"),
        ("os.kill(os.getpid(), 9)", "SIGKILL"),
        ("os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("raise ImportError('no such module')", "no such module"),
        ("os.write(1, b'\\xff'*8); time.sleep(60)", ""),
        ("os.write(1, struct.pack('>I', 4)+b'nope'); time.sleep(60)", ""),
        ("say({'feed': {}}); time.sleep(60)", ""),
        ("os.close(0); time.sleep(0.2)", "code 0"),
    ],
)
async def test_a_child_that_dies_or_babbles_is_a_crash_and_the_next_document_has_a_new_one(
    body: str, words: str
) -> None:
    async with pool(command=child(body)) as parsing:
        for _ in range(2):
            told = await failure(parsing)
            assert told.kind == "parse-crash"
            assert words in told.reason


async def test_what_the_child_says_about_a_document_is_passed_on() -> None:
    says = "say({'unreadable': {'kind': 'parse-memory', 'reason': 'too much'}}); time.sleep(60)"
    async with pool(command=child(says)) as parsing:
        assert (await failure(parsing)).kind == "parse-memory"


async def test_a_program_that_cannot_be_started_is_named() -> None:
    async with pool(command=("/nonexistent/python",)) as parsing:
        assert (await failure(parsing)).kind == "resources"


async def test_children_are_started_when_needed_reused_and_replaced() -> None:
    before = _children()
    async with pool(size=1, limits=ParseLimits(documents=3)) as parsing:
        assert _children() == before
        seen = []
        for _ in range(5):
            await parsing.parse(Parse(body=rss(GOOD), url=URL))
            seen.append(frozenset(_children() - before))
        assert seen[0] == seen[1]
        assert seen[0] and not seen[0] & seen[4]
    assert _children() == before


async def test_giving_up_on_a_document_spoils_no_later_one() -> None:
    async with pool(size=1) as parsing:
        await parsing.parse(Parse(body=rss(GOOD), url=URL))
        heavy = asyncio.ensure_future(parsing.parse(Parse(body=rss(*(item(n) for n in range(2000))), url=URL)))
        await asyncio.sleep(0.05)
        heavy.cancel()
        with pytest.raises(asyncio.CancelledError):
            await heavy
        feed = await parsing.parse(Parse(body=rss(GOOD), url=URL))
        assert [e.title for e in feed.entries] == ["Good"]


async def test_a_child_has_no_files_no_network_no_secrets_and_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "s3cret")
    async with pool(size=1) as parsing:
        await parsing.parse(Parse(body=rss(GOOD), url=URL))
        (process,) = _children()
        proc = Path("/proc") / str(process)
        assert b"s3cret" not in (proc / "environ").read_bytes()
        limits = " ".join((proc / "limits").read_text().split())
        for limit in ("Max address space 536870912", "Max open files 32", "Max core file size 0"):
            assert limit in limits
        assert len(list((proc / "fd").iterdir())) < 12


def test_a_child_refuses_to_open_files_sockets_and_processes() -> None:
    for event, arguments in (
        ("open", ("/etc/passwd", "r", 0)),
        ("socket.connect", (None, ("127.0.0.1", 80))),
        ("socket.getaddrinfo", ("a", 80)),
        ("subprocess.Popen", ()),
        ("os.system", ("id",)),
        ("os.exec", ()),
        ("os.fork", ()),
        ("urllib.Request", ("http://a",)),
    ):
        with pytest.raises(PermissionError):
            _refuse(event, arguments)
    _refuse("open", ("/usr/lib/python3.11/encodings/koi8_r.py", "r", 0))
    _refuse("import", ("encodings.koi8_r",))


async def test_a_child_ends_when_its_parent_is_gone() -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
    )
    assert process.stdin is not None
    process.stdin.write(question(Parse(body=rss(GOOD), url=URL), 5)[: QUESTION.size + 3])
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_what_a_child_reads_comes_through_the_pipe_unchanged() -> None:
    body = rss(
        *(item(n, text="caf\u00e9 \U0001f600 \u2028") for n in range(50)), head="<language>fr</language><ttl>5</ttl>"
    )
    async with pool() as parsing:
        found: ParsedFeed = await parsing.parse(Parse(body=body, url=URL, content_type="text/xml"))
    assert found == read_feed(body, "text/xml", URL)


def _children() -> set[int]:
    found = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        for number in (task / "children").read_text().split():
            command = (Path("/proc") / number / "cmdline").read_bytes()
            if b"monitor.parsing.child" in command or b"import sys,os,time" in command or not command:
                found.add(int(number))
    return found
