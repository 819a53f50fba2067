"""The parsing child: reads documents from a pipe under limits and answers; it ends when the pipe closes.

It opens no file, no socket and no process for anybody: an audit hook refuses, whatever a document achieves.
Run as `python -m monitor.parsing.child` by `monitor.parsing.pool`, by nobody else.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
from typing import Any, BinaryIO, Final

from monitor.parsing.frames import QUESTION, Unreadable, answer
from monitor.sources import ParsedFeed

MEMORY: Final = 512 * 1024 * 1024
FILES: Final = 32
_REFUSED: Final = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.remove",
    "os.rename",
    "shutil.",
    "urllib.",
    "ctypes.",
)
_MODULES: Final = (".py", ".pyc", ".so")


def main() -> None:
    """Answer questions until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    from monitor.parsing.reading import read_feed  # noqa: PLC0415 - a broken installation is told over stderr

    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not print into the answers
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_NOFILE, FILES)
    _limit(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_refuse)
    while (asked := _read_question(questions)) is not None:
        about, body = asked
        _allow_processor(about["cpu"])
        answers.write(answer(_read(read_feed, body, about)))
        answers.flush()


def _limit(what: int, amount: int) -> None:
    """Lower a limit as far as is wanted; one that is lower already stays."""
    _, hard = resource.getrlimit(what)
    amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    resource.setrlimit(what, (amount, amount))


def _allow_processor(seconds: int) -> None:
    """Let the kernel end this process (SIGXCPU) when one document takes more than this."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime) + seconds, hard))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        # imports still have to work: codecs are loaded when a document first needs them
        if isinstance(arguments[0], str) and not arguments[0].endswith(_MODULES):
            raise PermissionError(f"a parsing child opens no files: {arguments[0][:100]}")
    elif event.startswith(_REFUSED):
        raise PermissionError(f"a parsing child does not do this: {event}")


def _read_question(pipe: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    head = pipe.read(QUESTION.size)
    if len(head) < QUESTION.size:
        return None
    about_size, body_size = QUESTION.unpack(head)
    about, body = pipe.read(about_size), pipe.read(body_size)
    if len(about) < about_size or len(body) < body_size:
        return None
    return json.loads(about), body


def _read(read_feed: Any, body: bytes, about: dict[str, Any]) -> ParsedFeed | Unreadable:
    try:
        found: ParsedFeed = read_feed(body, about["type"], about["url"])
    except MemoryError:
        return Unreadable(kind="parse-memory", reason="the feed needs more memory than a feed may")
    except RecursionError:
        return Unreadable(kind="parse-error", reason="the feed is nested too deeply")
    except Exception as error:
        return Unreadable(kind="parse-error", reason=f"{type(error).__name__}: {str(error)[:200]}")
    return found


if __name__ == "__main__":
    main()
