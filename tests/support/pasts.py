"""A store with a history and the command line beside it, for tests of what the words answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from clocks import until
from desks import Bench
from towns import Say

from monitor.outbox import Outbox
from rules.model import Rule

CONFIG = """
[[source]]
id = "court"
title = "The court"
url = "https://court.test/feed"
documents = "docket-entry"

[[source]]
id = "sec"
url = "https://sec.test/feed"

[[source]]
id = "off"
url = "https://off.test/feed"
headers = { X-Api-Key = { env = "NOT_SET" } }
enabled = false

[[rule]]
id = "motion"
when = "motion*"

[[rule]]
id = "bare"
when = "zebra"

[[rule.example]]
text = "a zebra"
alert = true

[[channel]]
id = "desk"
kind = "email"
host = "localhost"
tls = "none"
from = "tipstaff@x.test"
to = ["desk@x.test"]

[[channel]]
id = "hook"
kind = "webhook"
url = "https://hook.test/in"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

[[channel]]
id = "spare"
kind = "email"
host = "localhost"
tls = "none"
from = "tipstaff@x.test"
to = ["spare@x.test"]
enabled = false
"""


@dataclass
class Past:
    """A store with a history, and the command line beside it."""

    bench: Bench
    say: Say

    def put_in_force(self, *rules: Rule) -> None:
        """Let these be the rules, as a daemon does with a new config."""
        self.bench.rules = rules
        self.bench.store.record_rules(self.bench.desk().rulebook.rules, self.bench.clock.now()).result()

    async def file(self, *titles: str) -> None:
        """Let the court publish these, have them found, and send what is owed."""
        for title in titles:
            self.bench.source().add(title, title)
        await self.bench.round()
        await self.send()

    async def send(self) -> None:
        clock = self.bench.clock
        sending = asyncio.create_task(Outbox(self.bench.store, clock, self.bench.desk).flush())
        while not sending.done():
            await until(lambda: sending.done() or clock.sleepers)
            await clock.pass_(0.001)
        await sending

    async def send_later(self) -> None:
        """Send what the command line made owed, which goes by the real clock."""
        self.bench.clock.set_forward(timedelta(minutes=1))
        await self.send()

    def asked(self, *words: str) -> Any:
        """Return the JSON that a call answers."""
        return json.loads(self.say(*words, "--json")[1])

    def table(self, *words: str) -> list[list[str]]:
        """Return the cells of a table as a pipe gets them."""
        return [line.split("\t") for line in self.say(*words)[1].splitlines()]
