"""A small pool of parsing children that are started when needed and killed when late; nothing is parsed here."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from monitor.parsing.frames import ANSWER, ANSWER_LIMIT, Unreadable, question, read_answer
from monitor.sources import Parse, ParsedFeed, SourceFailure

COMMAND: Final = (sys.executable, "-P", "-m", "monitor.parsing.child")
_MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """What one document may take, and how many documents one child reads before it is replaced."""

    wall: float = 20.0
    cpu: int = 4
    """Seconds of processor time for a small document; a larger one has more, see `cpu_per_megabyte`."""
    cpu_per_megabyte: int = 8
    documents: int = 500


class _Crash(Exception):
    """A child ended or babbled instead of answering."""


class ParsePool:
    """Parses documents in at most `size` children at a time.

    A document that takes too long costs its own child only: the others go on, and a new child takes its place.
    """

    def __init__(self, size: int = 2, *, limits: ParseLimits | None = None, command: Sequence[str] = COMMAND) -> None:
        self._limits = limits or ParseLimits()
        self._command = tuple(command)
        self._turns = asyncio.Semaphore(size)
        self._idle: list[_Child] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def parse(self, parse: Parse) -> ParsedFeed:
        """Read a feed in a child.

        Raises:
            SourceFailure: parse-timeout, parse-crash, parse-memory, parse-limit or parse-error.
        """
        async with self._turns:
            child = await self._take()
            try:
                async with asyncio.timeout(self._limits.wall):
                    result = await child.ask(parse, self._processor_time(len(parse.body)))
            except TimeoutError:
                self._end(child)
                raise _too_slow(f"{self._limits.wall:g} seconds") from None
            except _Crash:
                code, words = await child.autopsy()
                self._end(child)
                raise _crashed(code, words) from None
            except BaseException:
                self._end(child)
                raise
            self._give_back(child)
        if isinstance(result, Unreadable):
            raise SourceFailure(result.kind, result.reason)
        return result

    async def aclose(self) -> None:
        """End all children and wait until they are gone."""
        self._closed = True
        while self._idle:
            self._end(self._idle.pop())
        while self._ending:
            await asyncio.gather(*self._ending, return_exceptions=True)

    def _processor_time(self, size: int) -> int:
        wanted = self._limits.cpu + self._limits.cpu_per_megabyte * size // _MEGABYTE
        return min(wanted, max(int(self._limits.wall), 1))

    async def _take(self) -> _Child:
        if self._closed:
            raise SourceFailure("parse-crash", "parsing has been stopped")
        while self._idle:
            child = self._idle.pop()
            if child.process.returncode is None:
                return child
            self._end(child)
        try:
            return await _start(self._command)
        except OSError as error:
            raise SourceFailure("resources", f"no child process can be started to parse: {error}") from None

    def _give_back(self, child: _Child) -> None:
        if self._closed or child.read >= self._limits.documents:
            self._end(child)
        else:
            self._idle.append(child)

    def _end(self, child: _Child) -> None:
        task = asyncio.create_task(child.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Child:
    """One process and its pipes."""

    def __init__(
        self, process: Process, questions: StreamWriter, answers: StreamReader, complaints: StreamReader
    ) -> None:
        self.process = process
        self.read = 0
        self._questions = questions
        self._answers = answers
        self._complaints = complaints

    async def ask(self, parse: Parse, cpu: int) -> ParsedFeed | Unreadable:
        self.read += 1
        try:
            self._questions.write(question(parse, cpu))
            await self._questions.drain()
            (size,) = ANSWER.unpack(await self._answers.readexactly(ANSWER.size))
            if size > ANSWER_LIMIT:
                raise _Crash
            return read_answer(await self._answers.readexactly(size))
        except (OSError, asyncio.IncompleteReadError, ValueError, KeyError, TypeError):
            raise _Crash from None

    async def autopsy(self) -> tuple[int | None, str]:
        """Return the exit code of a child that ended by itself (None: it lives) and its last words."""
        words = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                words = await self._complaints.read(4096)
                await self.process.wait()
        lines = words.decode("utf-8", "replace").strip().splitlines()
        return self.process.returncode, lines[-1][:200] if lines else ""

    async def end(self) -> None:
        """Kill the process and wait for it: nothing it holds is worth keeping."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self._questions.close()
        await self.process.wait()


async def _start(command: Sequence[str]) -> _Child:
    # The child gets the import path and nothing else of our environment: that may hold secrets.
    environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONUTF8": "1"}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, limit=_MEGABYTE
    )
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise OSError("the child has no pipes")
    return _Child(process, process.stdin, process.stdout, process.stderr)


def _too_slow(limit: str) -> SourceFailure:
    return SourceFailure("parse-timeout", f"the feed could not be read within {limit}; reading was stopped")


def _crashed(code: int | None, words: str) -> SourceFailure:
    if code == -signal.SIGXCPU:
        return _too_slow("its share of processor time")
    how = f"with {signal.Signals(-code).name}" if code is not None and code < 0 else f"with code {code}"
    return SourceFailure("parse-crash", f"the parsing process ended {how}" + (f": {words}" if words else ""))
