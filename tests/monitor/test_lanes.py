"""One request at a time for each host, spaced, in order; all hosts side by side under one ceiling."""

from __future__ import annotations

from datetime import timedelta

from clocks import HandClock, settle

from monitor.lanes import Lanes


class Site:
    """Turns that note when they ran and take as long as they are told."""

    def __init__(self, clock: HandClock, lanes: Lanes) -> None:
        self.clock = clock
        self.lanes = lanes
        self.ran: list[tuple[str, float]] = []
        self.together = 0
        self.most = 0

    def enter(self, host: str, name: str, takes: float = 1.0, after: float = 0.0) -> bool:
        async def turn() -> None:
            self.ran.append((name, self.clock.monotonic()))
            self.together += 1
            self.most = max(self.most, self.together)
            await self.clock.sleep(takes)
            self.together -= 1

        return self.lanes.enter(host, name, turn, after=after)


def site(spacing: float = 0.0, concurrency: int = 32) -> Site:
    clock = HandClock()
    lanes = Lanes(clock, concurrency=concurrency, spacing=lambda _host: timedelta(seconds=spacing))
    return Site(clock, lanes)


async def test_a_host_is_asked_one_at_a_time_in_order_and_spaced() -> None:
    s = site(spacing=0.5)
    for name in "abc":
        s.enter("sec.gov", name)
    await s.clock.pass_(10)
    assert s.ran == [("a", 0.0), ("b", 1.5), ("c", 3.0)]
    assert s.most == 1


async def test_a_slow_host_delays_no_other() -> None:
    s = site()
    s.enter("slow.test", "slow", takes=60)
    s.enter("fast.test", "fast")
    await s.clock.pass_(2)
    assert [name for name, _ in s.ran] == ["slow", "fast"]


async def test_spacing_counts_across_two_visits_to_an_empty_lane() -> None:
    s = site(spacing=5.0)
    s.enter("x.test", "a", takes=0.0)
    await s.clock.pass_(1)
    s.enter("x.test", "b", takes=0.0)
    await s.clock.pass_(10)
    assert s.ran == [("a", 0.0), ("b", 5.0)]


async def test_no_more_than_the_ceiling_run_at_once() -> None:
    s = site(concurrency=3)
    for n in range(10):
        s.enter(f"host{n}.test", str(n))
    await s.clock.pass_(20)
    assert (len(s.ran), s.most) == (10, 3)


async def test_a_turn_waits_for_its_own_moment_and_holds_no_place_until_then() -> None:
    s = site(concurrency=1)
    s.enter("early.test", "early", after=0.2)
    s.enter("now.test", "now", takes=0.1)
    s.enter("early.test", "next", after=0.3)
    await s.clock.pass_(0.15)
    assert s.ran == [("now", 0.0)]
    await s.clock.pass_(5)
    assert s.ran == [("now", 0.0), ("early", 0.2), ("next", 1.2)]


async def test_a_source_that_waits_or_runs_is_not_queued_again() -> None:
    s = site()
    assert s.enter("x.test", "a")
    assert "a" in s.lanes
    assert not s.enter("x.test", "a")
    await s.clock.pass_(2)
    assert "a" not in s.lanes
    assert s.enter("x.test", "a")
    await s.clock.pass_(2)


async def test_a_turn_that_raises_does_not_stop_its_lane() -> None:
    s = site()

    async def broken() -> None:
        raise RuntimeError("broken")

    s.lanes.enter("x.test", "broken", broken)
    s.enter("x.test", "after", takes=0.0)
    await s.clock.pass_(1)
    assert [name for name, _ in s.ran] == ["after"]


async def test_closing_drops_what_waits_and_cancels_what_runs() -> None:
    s = site()
    s.enter("x.test", "a", takes=100)
    s.enter("x.test", "b")
    await settle()
    await s.lanes.close()
    assert [name for name, _ in s.ran] == ["a"]
    await s.lanes.settled()
