"""Calls that run to their end whatever happens to those who wait for them; signals go to real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from everyauth_cli.flows.single_flight import SingleFlight

PROGRAM = """
import signal, sys, threading, time
from pathlib import Path
from everyauth_cli.flows.single_flight import SingleFlight, release_signals

def call():
    print("begun", flush=True)
    time.sleep(1)
    Path(sys.argv[1]).write_text("done")

flight = SingleFlight().join("k", call)
"""


def test_one_call_serves_all_who_join_it():
    flights, calls, free = SingleFlight[int](), [], threading.Event()

    def call():
        calls.append(1)
        free.wait(60)
        return 7

    joined = [flights.join("a", call) for _ in range(20)]
    other = flights.join("b", lambda: 8)
    assert other.wait(60)
    assert other.result() == 8
    free.set()
    assert all(flight.wait(60) for flight in joined)
    assert {flight.result() for flight in joined} == {7}
    assert len(calls) == 1


def test_a_call_that_has_ended_is_joined_by_nobody():
    flights, numbers = SingleFlight[int](), iter(range(3))
    results = []
    for _ in range(3):
        flight = flights.join("a", lambda: next(numbers))
        assert flight.wait(60)
        results.append(flight.result())
    assert results == [0, 1, 2]


def test_an_error_reaches_each_who_waits():
    def fail():
        raise ValueError("no")

    flight = SingleFlight[int]().join("a", fail)
    assert flight.wait(60)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            flight.result()


def test_a_listener_is_called_before_and_after_the_end():
    free, called = threading.Event(), []
    flight = SingleFlight[bool]().join("a", lambda: free.wait(60))
    flight.when_landed(lambda: called.append("before"))
    free.set()
    assert flight.wait(60)
    flight.when_landed(lambda: called.append("after"))
    deadline = time.monotonic() + 60
    while len(called) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert called == ["before", "after"]


def test_waiting_may_end_before_the_call():
    free = threading.Event()
    flight = SingleFlight[bool]().join("a", lambda: free.wait(60))
    assert not flight.wait(0.05)
    free.set()
    assert flight.wait(60)
    assert flight.result()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_child_of_a_fork_begins_its_own():
    flights, free = SingleFlight[bool](), threading.Event()
    flight = flights.join("a", lambda: free.wait(60))
    child = os.fork()
    if child == 0:
        mine = flights.join("a", lambda: True)
        os._exit(0 if mine.wait(60) and mine.result() else 1)
    _, status = os.waitpid(child, 0)
    free.set()
    assert flight.wait(60)
    assert status == 0


def run(tmp_path, rest, *, send=(), expect):
    """Run the program, send it signals once its call has begun, and return its exit code when the call was finished."""
    done = tmp_path / "done"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM + rest, str(done)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        for number in send:
            time.sleep(0.1)
            process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert done.exists(), err
    assert process.returncode == expect, err
    return err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
@pytest.mark.parametrize(
    "rest", ["flight.wait()", "flight.wait(0.3); release_signals(); time.sleep(5)", "time.sleep(5)"]
)
def test_a_deadly_signal_waits_for_the_call_and_then_does_its_work(tmp_path, name, rest):
    number = getattr(signal, name)
    run(tmp_path, rest, send=[number, number], expect=-number)


def test_the_end_of_the_interpreter_waits_for_the_call(tmp_path):
    run(tmp_path, "", expect=0)
    run(tmp_path, "sys.exit(3)", expect=3)


def test_an_interrupt_reaches_who_waits_and_a_second_one_does_not_cut_off_the_end(tmp_path):
    err = run(tmp_path, "flight.wait()", send=[signal.SIGINT] * 3, expect=-signal.SIGINT)
    assert "KeyboardInterrupt" in err


def test_an_exception_of_a_handler_of_the_application_is_raised_in_who_waits(tmp_path):
    rest = """
class TooLate(Exception): pass
def raise_it(*_): raise TooLate
signal.signal(signal.SIGTERM, raise_it)
try:
    flight.wait()
except TooLate:
    sys.exit(4)
"""
    run(tmp_path, rest, send=[signal.SIGTERM], expect=4)


def test_signals_have_their_disposition_back_when_nothing_is_under_way(tmp_path):
    rest = """
flight.wait()
time.sleep(0.1)
release_signals()
sys.exit(5 if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
         and signal.getsignal(signal.SIGINT) is signal.default_int_handler else 6)
"""
    run(tmp_path, rest, expect=5)
