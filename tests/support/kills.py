"""Work on a database that is killed at a chosen step, as by a power cut; what it leaves is judged elsewhere."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from sqlalchemy import Engine, event


def killed_at(point: int, start: Callable[[], object]) -> bool:
    """Run something in a child that is killed at its nth step towards the database; False when it got through."""
    child = os.fork()
    if child == 0:
        count = 0

        def step(*_: object) -> None:
            nonlocal count
            count += 1
            if count == point:
                os.kill(os.getpid(), signal.SIGKILL)

        def audit(name: str, _: object) -> None:
            if name in {"os.rename", "os.remove", "sqlite3.connect/handle"}:
                step()

        try:
            for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
                event.listen(Engine, moment, step)
            sys.addaudithook(audit)
            start()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0, "the child failed instead of being killed"
    return False
