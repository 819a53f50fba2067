"""Real servers on loopback beside commands that bring a loop of their own, and the config of their desk."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any

from monitor.demo.origin import Origin
from monitor.demo.receivers import HookReceiver, MailReceiver

Say = Callable[..., tuple[int, str, str]]
"""Calls the command line with these words; gives exit code, standard output and standard error."""

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def rss(*titles: str) -> bytes:
    entries = "".join(
        f"<item><title>{title}</title><link>https://court.test/{title}</link><guid>{title}</guid></item>"
        for title in titles
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Court</title>{entries}</channel></rss>'.encode()


class Town:
    """An origin, a mail server and a webhook receiver that live in a loop of their own while commands run here."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        self.origin = Origin()
        self.mail = MailReceiver()
        self.hooks = HookReceiver(secrets=[SECRET])
        for part in (self.origin, self.mail, self.hooks):
            self.do(part.__aenter__())

    def do(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(10)

    def close(self) -> None:
        for part in (self.hooks, self.mail, self.origin):
            self.do(part.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def config(self, when: str = "motion*") -> str:
        hook_port = self.hooks.url.rsplit(":", 1)[1].split("/")[0]
        return f'''
[network]
allow = ["127.0.0.1/32:{self.origin.port}", "127.0.0.1/32:{hook_port}"]
host_spacing = "0ms"
[[source]]
id = "court"
title = "The court"
url = "{self.origin.url("/feed")}"
documents = "docket-entry"
[[rule]]
id = "motion"
when = '{when}'
[[rule.example]]
text = "Motion to compel"
alert = true
[[channel]]
id = "desk"
kind = "email"
host = "127.0.0.1"
port = {self.mail.port}
tls = "none"
from = "tipstaff@x.test"
to = ["desk@x.test"]
rate = "100/s"
[[channel]]
id = "hook"
kind = "webhook"
url = "{self.hooks.url}"
secret = {{ env = "HOOK_SECRET" }}
rate = "100/s"
'''


def typed(text: str) -> io.TextIOWrapper:
    """Return a standard input with this text."""
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
