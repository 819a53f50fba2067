"""The faults of the store, each with its reason and what to do; how they reach a person is not decided here."""

from __future__ import annotations


class StoreFault(Exception):
    """The store cannot do what was asked; nothing of it was kept.

    `reason` says what is wrong and where, `advice` what a person can do about it.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.reason}; {self.advice}" if self.advice else self.reason


class StoreMissing(StoreFault):
    """There is no store at this place."""


class CorruptStore(StoreFault):
    """The database is damaged, or is none of ours."""


class NewerSchema(StoreFault):
    """A newer program has written this store; this one leaves it alone."""


class StoreHeld(StoreFault):
    """Another daemon is the active one; `holder` names it."""

    def __init__(self, holder: str, reason: str, advice: str = "") -> None:
        super().__init__(reason, advice)
        self.holder = holder


class Deposed(StoreFault):
    """This daemon is not the active one any more; it must end."""


class StoreFull(StoreFault):
    """No space is left where the database is."""


class StoreBusy(StoreFault):
    """Somebody else kept the database locked for longer than we wait."""


class StoreAway(StoreFault):
    """The database server cannot be reached; what was asked may be asked again."""


class StoreClosed(StoreFault):
    """The store was closed."""


class LookupFault(StoreFault):
    """A key, or the beginning of one, names nothing or more than one thing."""
