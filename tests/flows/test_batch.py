"""Batches: the calls at once, of all and of each service, and the pause that a service demands."""

import threading
import time
from collections import Counter
from dataclasses import replace

import pytest
from peers.token_server import World

from everyauth_cli.errors import StoreError, StoreLocked
from everyauth_cli.flows.batch import HealthState, Outcome, Pacing, _Batch
from everyauth_cli.flows.listing import grouped
from everyauth_cli.flows.waits import WorkerWaits, waits


class Time:
    """Seconds that pass when somebody sleeps, and only then."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def some(tmp_path):
    """Makes identities of these services."""
    identity = World(tmp_path).login()
    return lambda *services: [replace(identity, service=name, user=f"u{at}") for at, name in enumerate(services)]


def pace(clock, **more):
    return Pacing(clock=clock, sleep=clock.sleep, **{"seconds": 300, **more})


def well(identity):
    return Outcome(identity=identity, state=HealthState.FRESH)


class Most:
    """Counts the calls that run at once, of all services and of each."""

    def __init__(self):
        self.guard, self.now, self.most = threading.Lock(), Counter(), Counter()

    def __call__(self, identity):
        with self.guard:
            self.now.update([identity.service, "all"])
            self.most |= self.now
        time.sleep(0.01)
        with self.guard:
            self.now.subtract([identity.service, "all"])
        return well(identity)


@pytest.mark.parametrize(
    ("jobs", "per_service", "most"),
    [(8, 4, {"a": 4, "b": 4, "all": 8}), (6, 4, {"a": 4, "all": 6}), (1, 4, {"a": 1, "b": 1, "all": 1})],
)
def test_no_more_calls_run_at_once_than_allowed(some, jobs, per_service, most):
    seen = Most()
    identities = some(*["a"] * 20, *["b"] * 20)
    outcomes = list(pace(Time(), jobs=jobs, per_service=per_service).outcomes(grouped(identities), seen))
    assert len(outcomes) == 40
    assert {name: seen.most[name] for name in most} == most


def test_a_service_is_left_alone_as_long_as_it_demands_and_others_are_not(some):
    clock, calls = Time(), []

    def call(identity):
        calls.append((identity.service, clock.now))
        tired = identity.service == "a" and clock.now < 30
        return replace(well(identity), retry_after=30.0) if tired else well(identity)

    outcomes = list(pace(clock, jobs=1).outcomes(grouped(some("a", "a", "b")), call))
    assert [(one.identity.service, one.retry_after) for one in outcomes] == [("b", None), ("a", None), ("a", None)]
    assert calls == [("a", 0), ("b", 0), ("a", 30), ("a", 30)]


def test_a_pause_beyond_the_end_of_the_run_is_not_waited_for(some):
    clock = Time()
    rests = {"a": 301.0, "b": None}
    identities = some("a", "a", "b")
    outcomes = list(
        pace(clock, jobs=1).outcomes(
            grouped(identities), lambda one: replace(well(one), retry_after=rests[one.service])
        )
    )
    assert clock.now < 5
    assert [one.identity.user for one in outcomes if one.error] == ["u1"]
    assert "a demands a pause beyond the end of this run" in next(one.error.message for one in outcomes if one.error)
    assert {one.identity.user for one in outcomes} == {"u0", "u1", "u2"}


def test_a_service_that_always_demands_a_pause_keeps_its_own_outcome(some):
    clock = Time()
    (outcome,) = pace(clock).outcomes(grouped(some("a")), lambda one: replace(well(one), retry_after=100.0))
    assert outcome.retry_after == 100
    assert clock.now == 300


def test_no_call_begins_after_the_run_s_time(some):
    clock, calls = Time(), []

    def call(identity):
        calls.append(identity.user)
        clock.now += 200
        return well(identity)

    outcomes = list(pace(clock, jobs=1).outcomes(grouped(some("a", "a", "a")), call))
    assert calls == ["u0", "u1"]
    assert [(one.identity.user, one.exit_code) for one in outcomes] == [("u0", 0), ("u1", 0), ("u2", 5)]
    assert "this run ended before a request was sent to a" in outcomes[2].error.message


def test_running_calls_are_finished_after_a_stop(some):
    stop = []

    def call(identity):
        stop.append(True)
        time.sleep(0.02)
        return well(identity)

    identities = some(*["a"] * 9)
    outcomes = list(pace(Time(), per_service=2, stopped=lambda: bool(stop)).outcomes(grouped(identities), call))
    assert [one.identity.user for one in outcomes] in (["u0"], ["u0", "u1"], ["u1", "u0"])


def test_a_stop_cuts_a_pause_short(some):
    clock = Time()
    outcomes = pace(clock, stopped=lambda: clock.now > 1).outcomes(
        grouped(some("a")), lambda one: replace(well(one), retry_after=60.0)
    )
    assert list(outcomes) == []
    assert clock.now < 2


def test_identities_are_read_as_they_are_needed(some):
    identities, read = some(*"a" * 50), []
    lines = {"a": (read.append(one) or one for one in identities)}
    outcomes = pace(Time(), jobs=2).outcomes(lines, well)
    assert next(outcomes).identity in identities
    assert len(read) <= 4
    assert len(list(outcomes)) == 49


def test_an_identity_that_cannot_be_read_stops_no_other(some):
    def read(identity):
        if identity.user == "u1":
            raise StoreError("the entry of u1 is damaged")
        return identity

    outcomes = pace(Time()).outcomes({"a": map(read, some("a", "a", "a"))}, well)
    assert {next(outcomes).identity.user, next(outcomes).identity.user} == {"u0", "u2"}
    with pytest.raises(StoreError, match="u1 is damaged"):
        next(outcomes)


def test_no_identities_have_no_outcomes(some):
    assert list(pace(Time()).outcomes(grouped([]), well)) == []


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [(StoreLocked("it is locked"), 6, "it is locked"), (KeyError("x"), 1, "internal error: KeyError")],
)
def test_an_error_is_an_outcome_and_stops_no_other_call(some, error, code, says):
    def call(identity):
        if identity.user == "u0":
            raise error
        return well(identity)

    outcomes = {one.identity.user: one for one in pace(Time()).outcomes(grouped(some("a", "a")), call)}
    assert (outcomes["u0"].exit_code, outcomes["u0"].error.message) == (code, says)
    assert outcomes["u1"].error is None


@pytest.mark.parametrize("refreshes", [True, False])
def test_the_end_of_the_interpreter_waits_for_a_refresh_alone(some, refreshes):
    threads, flies_here = [], set()

    def call(identity):
        threads.append(threading.current_thread())
        flies_here.add(isinstance(waits(), WorkerWaits))
        return well(identity)

    assert len(list(Pacing(jobs=2).outcomes(grouped(some("a", "a", "b")), call, refreshes=refreshes))) == 3
    assert {thread.daemon for thread in threads} == {not refreshes}
    assert flies_here == {refreshes}
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_the_threads_of_a_batch_that_nobody_reads_on_end(some):
    threads = set()

    def call(identity):
        threads.add(threading.current_thread())
        return well(identity)

    outcomes = Pacing(jobs=2, per_service=1).outcomes(grouped(some("a", "a", "b", "b")), call, refreshes=True)
    next(outcomes)
    for thread in list(threads):
        thread.join(60)
        assert not thread.is_alive()
    assert len(list(outcomes)) == 3


def test_a_batch_ends_the_threads_that_wait(some):
    batch = _Batch(Pacing(jobs=2), grouped(some("a", "a", "b")), well, refreshes=True)
    assert len(list(batch.run())) == 3
    assert batch._idle == []


def test_a_thread_that_was_taken_and_got_no_identity_ends_with_its_batch(some):
    """An interrupt may come between the two; the end of the interpreter waits for the thread."""
    threads = []

    def call(identity):
        threads.append(threading.current_thread())
        return well(identity)

    batch = _Batch(Pacing(jobs=1), grouped(some("a", "a")), call, refreshes=True)
    outcomes = batch.run()
    next(outcomes)
    batch._idle.pop()
    outcomes.close()
    threads[0].join(60)
    assert not threads[0].is_alive()


def test_a_service_that_is_waited_for_is_named_once(some):
    named, go_on = [], threading.Event()

    def on_silence(services):
        named.extend(services)
        if named == ["a", "b"]:
            go_on.set()

    def call(identity):
        if identity.service == "a" or identity.user == "u2":
            assert go_on.wait(60)
        return well(identity)

    pacing = Pacing(silence=0.1, on_silence=on_silence)
    assert len(list(pacing.outcomes(grouped(some("a", "b", "b")), call))) == 3
    assert named == ["a", "b"]
