"""The messages tipstaff sends about itself: a source, a channel or a rule that fails or works again.

When they are due is in `timing`; every notice's key comes from what it says, so that deciding twice tells once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from rules.model import Delivery, Health, Message, Severity, digest

NETWORK: Final = "network-"
"""How the thread of a notice about our own line begins, so that its end is told once too."""


def source_failing(
    source: str, title: str, url: str, health: Health, *, advice: str, next_try: datetime, now: datetime
) -> Message:
    """Say that a source cannot be read, since when, why, and that it is still being tried."""
    lines = [
        f"{title} ({source}) cannot be read: {health.last_error}.",
        f"Failing since {_stamp(health.failing_since)}, {health.failures} attempts in a row.",
        f"Last good answer: {_stamp(health.last_success)}. What it publishes meanwhile is not seen.",
        f"Next attempt: {_stamp(next_try)}; it is never given up.",
    ]
    if advice:
        lines.append(f"What to do: {advice}")
    return _notice(
        digest("notice", "source", source, _stamp(health.failing_since)),
        f"Source failing: {title} ({health.last_error_kind})",
        lines,
        severity="high",
        url=url,
        now=now,
    )


def source_recovered(source: str, title: str, url: str, before: Health, *, now: datetime) -> Message:
    """Say that a source whose failure was told can be read again."""
    lines = [
        f"{title} ({source}) can be read again since {_stamp(now)}.",
        f"It failed since {_stamp(before.failing_since)}, {before.failures} attempts ({before.last_error}).",
        "What it published meanwhile and still shows has been read in this round.",
    ]
    return _notice(
        before.notice or digest("notice", "source", source), f"Source recovered: {title}", lines, url=url, now=now
    )


def line_down(health: Health, *, last_success: datetime | None, now: datetime) -> Message:
    """Say once, for all sources, that nothing outside can be reached."""
    lines = [
        "No source can be reached: the network of this machine seems to be down.",
        f"Last good answer of any source: {_stamp(last_success)}. First error of this spell: {health.last_error}.",
        "Every source goes on being tried; the state of each is unknown, not failing.",
    ]
    return _notice(
        NETWORK + digest("notice", _stamp(last_success)),
        "Network down: no source can be reached",
        lines,
        severity="critical",
        now=now,
    )


def line_up(thread: str, *, now: datetime) -> Message:
    """Say that sources can be reached again after `line_down`."""
    return _notice(thread, "Network up: sources can be reached again", [f"Reached again at {_stamp(now)}."], now=now)


def channel_failing(channel: str, health: Health, *, waiting: int, now: datetime) -> Message:
    """Say through another channel that one does not take messages."""
    lines = [
        f"Channel {channel} does not take messages: {health.last_error}.",
        f"Failing since {_stamp(health.failing_since)}, {health.failures} attempts in a row; {waiting} waiting.",
        "Nothing is lost: what waits is tried again and then parked; `tipstaff alerts replay` sends parked ones.",
    ]
    return _notice(
        digest("notice", "channel", channel, _stamp(health.failing_since)),
        f"Channel failing: {channel}",
        lines,
        severity="high",
        now=now,
    )


def channel_recovered(channel: str, before: Health, *, now: datetime) -> Message:
    """Say that a channel whose failure was told works again."""
    lines = [
        f"Channel {channel} takes messages again since {_stamp(now)} (failed since {_stamp(before.failing_since)})."
    ]
    return _notice(
        before.notice or digest("notice", "channel", channel), f"Channel recovered: {channel}", lines, now=now
    )


def channel_disabled(channel: str, reason: str, *, now: datetime) -> Message:
    """Say that a receiver asked for no more messages."""
    lines = [
        f"The receiver of channel {channel} answered that it wants no more messages: {reason}.",
        f"Its deliveries are parked. When this is put right: `tipstaff alerts replay --channel {channel}`.",
    ]
    return _notice(
        digest("notice", "disabled", channel, _stamp(now)),
        f"Channel disabled: {channel}",
        lines,
        severity="critical",
        now=now,
    )


def deliveries_parked(channel: str, delivery: Delivery, reason: str, *, now: datetime) -> Message:
    """Say, once a day for each channel, that messages could not be delivered and wait for a person."""
    lines = [
        f"A message for channel {channel} could not be delivered and is parked: {reason}.",
        f"The message: {delivery.message.title}",
        "It is kept, and so is every other that parks today. To see them: `tipstaff alerts list --parked`;",
        f"to send them again: `tipstaff alerts replay --channel {channel}`.",
    ]
    return _notice(
        digest("notice", "parked", channel, now.date().isoformat()),
        f"Messages parked on channel {channel}",
        lines,
        severity="high",
        url=delivery.message.url,
        now=now,
    )


def recipients_refused(
    channel: str, delivery: Delivery, refused: Sequence[tuple[str, str]], *, now: datetime
) -> Message:
    """Say that some recipients of a mail were refused for good while others have it."""
    lines = [f"Channel {channel}: these recipients were refused by the mail server for good:"]
    lines += [f"  {address}: {answer}" for address, answer in refused]
    lines.append(f"The message: {delivery.message.title}")
    addresses = sorted(address for address, _ in refused)
    return _notice(
        digest("notice", "refused", channel, *addresses, now.date().isoformat()),
        f"Recipients refused on channel {channel}",
        lines,
        severity="high",
        now=now,
    )


def rule_faulty(rule: str, reason: str, *, now: datetime) -> Message:
    """Say, once a day at most, that a rule could not be evaluated."""
    lines = [
        f"Rule {rule} could not be evaluated: {reason}.",
        "The other rules went on; `tipstaff check` may say more.",
    ]
    return _notice(
        digest("notice", "rule", rule, reason, now.date().isoformat()),
        f"Rule cannot run: {rule}",
        lines,
        severity="high",
        now=now,
    )


def config_invalid(fault: str, count: int, *, since: datetime, now: datetime) -> Message:
    """Say that the config file has been invalid for a while and the last good one is still in force."""
    lines = [
        f"The config file is invalid since {_stamp(since)}; the last good one is still in force.",
        f"First of {count} faults: {fault}",
        "`tipstaff check` lists them all.",
    ]
    return _notice(digest("notice", "config", _stamp(since)), "Config file invalid", lines, severity="high", now=now)


def deliveries(message: Message, channels: Iterable[str], *, nth: int = 0, now: datetime) -> tuple[Delivery, ...]:
    """Address a notice to channels. `nth` tells repeats of one spell apart."""
    return tuple(
        Delivery(
            key=digest("delivery", channel, "notice", message.thread, message.title, str(nth)),
            channel=channel,
            message=message,
            not_before=now,
        )
        for channel in sorted(set(channels))
    )


def _notice(
    thread: str,
    title: str,
    lines: Sequence[str],
    *,
    severity: Severity = "normal",
    url: str | None = None,
    now: datetime,
) -> Message:
    return Message(
        type="notice", thread=thread, at=now, title=title, severity=severity, body="\n".join(lines), url=url
    )


def _stamp(at: datetime | None) -> str:
    return "never" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")
