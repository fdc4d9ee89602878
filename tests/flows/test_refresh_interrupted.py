"""Refreshes that are interrupted in each way that a process knows: the rotated tokens are stored all the same.

The endpoint has spent the refresh token when the interrupt comes, and a second use of it would end the grant. Each
time a second process asks at once.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from peers.served import ASK, SECONDS, stale_identity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]

DEADLY = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM]

RAISES = """
import signal
class TooLate(Exception): pass
def raise_it(*_): raise TooLate
signal.signal(signal.SIGALRM, {handler})
try:
    EveryAuth.from_env().get_identity("op")
except {error}:
    print("interrupted", flush=True)
{then}
"""
CANCELS = """
import asyncio, signal
async def main():
    task = asyncio.create_task(EveryAuth.from_env().aget_identity("op"))
    asyncio.get_running_loop().add_signal_handler(signal.SIGALRM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        print("interrupted", flush=True)
asyncio.run(main())
"""
AWAITS = """
import asyncio
asyncio.run(EveryAuth.from_env().aget_identity("op"))
"""
INTERRUPTS = {
    "a handler that raises": RAISES.format(handler="raise_it", error="TooLate", then=""),
    "KeyboardInterrupt": RAISES.format(handler="signal.default_int_handler", error="KeyboardInterrupt", then=""),
    "SystemExit": RAISES.format(handler="lambda *_: sys.exit(0)", error="SystemExit", then="    raise"),
    "a cancelled task": CANCELS,
}


@pytest.fixture
def stale(everyauth):
    with stale_identity(everyauth) as stale:
        yield stale


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def interrupted(stale, process, gate, number):
    """Send a signal in the middle of the refresh, have a second process ask, and return how the first one ended."""
    assert gate.reached.wait(SECONDS)
    process.send_signal(number)
    second = stale.start()
    time.sleep(0.3)
    assert process.poll() is None
    gate.open.set()
    end = ended(process)
    assert ended(second) == (0, "access-3\n", "")
    assert stale.gives_a_token() == "access-3"
    assert stale.refreshes == 1
    return end


@pytest.mark.parametrize("number", DEADLY, ids=lambda number: number.name)
def test_a_signal_ends_the_command_when_the_token_is_stored(stale, number):
    code, out, err = interrupted(stale, stale.start(), stale.hold(), number)
    assert (code, out) == (130 if number is signal.SIGINT else -number, "")
    assert "Traceback" not in err


@pytest.mark.parametrize("program", [ASK, AWAITS], ids=["a thread", "an event loop"])
@pytest.mark.parametrize("number", DEADLY, ids=lambda number: number.name)
def test_a_signal_ends_a_program_when_the_token_is_stored(stale, number, program):
    code, out, err = interrupted(stale, stale.program(program), stale.hold(), number)
    assert out == ""
    if number is signal.SIGINT:
        # Python forgets that an interrupt ended it when another thread executes a text afterwards.
        assert code in {1, -number}
        assert err.endswith("KeyboardInterrupt\n")
    else:
        assert (code, err) == (-number, "")


def test_a_second_interrupt_ends_nothing_earlier(stale):
    gate = stale.hold()
    process = stale.start()
    assert gate.reached.wait(SECONDS)
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    interrupted(stale, process, gate, signal.SIGTERM)


@pytest.mark.parametrize("program", INTERRUPTS.values(), ids=INTERRUPTS)
def test_an_exception_in_who_waits_and_the_end_of_the_interpreter_lose_nothing(stale, program):
    gate = stale.hold()
    process = stale.program(program)
    assert gate.reached.wait(SECONDS)
    process.send_signal(signal.SIGALRM)
    assert process.stdout.readline() == "interrupted\n"
    second = stale.start()
    gate.open.set()
    assert ended(process)[0] == 0
    assert ended(second) == (0, "access-3\n", "")
    assert stale.refreshes == 1


def test_a_process_that_is_stopped_goes_on_where_it_was(stale):
    gate = stale.hold()
    process = stale.start()
    assert gate.reached.wait(SECONDS)
    process.send_signal(signal.SIGSTOP)
    gate.open.set()
    time.sleep(1)
    process.send_signal(signal.SIGCONT)
    assert ended(process) == (0, "access-3\n", "")
    assert stale.gives_a_token() == "access-3"
    assert stale.refreshes == 1


def test_a_second_call_of_a_program_that_was_interrupted_joins_the_refresh(stale):
    gate = stale.hold()
    process = stale.program(RAISES.format(handler="raise_it", error="TooLate", then=ASK))
    assert gate.reached.wait(SECONDS)
    process.send_signal(signal.SIGALRM)
    assert process.stdout.readline() == "interrupted\n"
    gate.open.set()
    assert ended(process) == (0, "access-3\n", "")
    assert stale.refreshes == 1
