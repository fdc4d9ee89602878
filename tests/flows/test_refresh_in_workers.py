"""Refreshes cut off by the time limit of a Celery worker or by gevent: the rotated tokens are stored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from peers.served import SECONDS, stale_identity

pytestmark = pytest.mark.slow

TASKS = """
from pathlib import Path
from celery import Celery
from everyauth_cli import EveryAuth

queue = str(Path(__file__).parent / "queue")
app = Celery("tasks", broker="filesystem://", backend="file://" + queue)
app.conf.update(
    broker_transport_options={"data_folder_in": queue, "data_folder_out": queue, "control_folder": queue},
    broker_connection_retry_on_startup=True,
    worker_send_task_events=False,
)

@app.task(soft_time_limit=1, name="tasks.token")
def token():
    return EveryAuth.from_env().get_identity("op").access_token
"""
ASKS = """
from celery.exceptions import SoftTimeLimitExceeded
from tasks import token
try:
    print(token.delay().get(timeout=60))
except SoftTimeLimitExceeded:
    print("cut off")
"""
GEVENT = """
import gevent
import everyauth_cli.transport
try:
    with gevent.Timeout(2):
        EveryAuth.from_env().get_identity("op")
except gevent.Timeout:
    print("interrupted", flush=True)
"""


@pytest.fixture
def stale(everyauth):
    with stale_identity(everyauth) as stale:
        yield stale


@contextmanager
def celery(stale):
    """Run a worker, and yield a function that has it do the task."""
    directory = stale.command.directory
    (directory / "queue").mkdir()
    (directory / "tasks.py").write_text(TASKS)
    env = stale.command.environment({"PYTHONPATH": str(directory)})
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "prefork", "-c", "1", "-l", "warning"],
        cwd=directory,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def ask():
        asking = [sys.executable, "-c", ASKS]
        done = subprocess.run(asking, cwd=directory, env=env, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout.strip() or done.stderr

    try:
        yield ask
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(SECONDS)


def test_a_celery_task_that_its_time_limit_cuts_off_loses_no_token(stale):
    with celery(stale) as ask:
        gate = stale.hold()
        assert ask() == "cut off"
        assert gate.reached.is_set()
        second = stale.start()
        gate.open.set()
        assert second.communicate(timeout=SECONDS) == ("access-3\n", "")
        assert ask() == "access-3"
    assert stale.refreshes == 1


@pytest.mark.parametrize("before", ["", "from gevent import monkey; monkey.patch_all()"], ids=["plain", "patched"])
def test_a_timeout_of_gevent_loses_no_token(stale, before):
    gate = stale.hold()
    process = stale.program(GEVENT, before=before)
    assert gate.reached.wait(SECONDS)
    if before:
        assert process.stdout.readline() == "interrupted\n"
    gate.open.set()
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert stale.gives_a_token() == "access-3"
    assert stale.refreshes == 1
