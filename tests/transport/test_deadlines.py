"""Deadlines of many requests: one thread watches all of them, cuts what is late, and ends after the last."""

import threading
import time

import pytest

from everyauth_cli.transport.deadlines import STEP, Deadline, Deadlines


def watchers(before):
    return set(threading.enumerate()) - before


@pytest.mark.alone
def test_one_thread_cuts_each_that_is_late_and_no_other():
    before, deadlines, cut = set(threading.enumerate()), Deadlines(), []
    ended, late = threading.Event(), threading.Event()
    deadlines.add(Deadline(30, ended, lambda: cut.append("ended")))
    # Until the thread waits, so that it has to be woken.
    time.sleep(0.05)
    deadlines.add(Deadline(0.1, threading.Event(), lambda: cut.append("first")))
    deadlines.add(Deadline(0.2, threading.Event(), late.set))
    assert len(watchers(before)) == 1
    began = time.monotonic()
    assert late.wait(60)
    assert time.monotonic() - began < 0.8 * STEP
    assert cut == ["first"]
    ended.set()
    for thread in watchers(before):
        thread.join(60)
    assert not watchers(before)
    deadlines.add(Deadline(0.1, threading.Event(), lambda: cut.append("again")))
    for thread in watchers(before):
        thread.join(60)
    assert cut == ["first", "again"]


def test_seconds_in_which_the_process_was_stopped_count_as_one():
    deadline = Deadline(2 * STEP, threading.Event(), lambda: None)
    now = time.monotonic()
    assert deadline.goes_on(now + 60)
    assert not deadline.goes_on(now + 120)
