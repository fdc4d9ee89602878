"""The PostgreSQL store: made by two at once, bounded in time, and back when its server is back."""

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from peers import postgres as peer
from peers.token_server import HOUR, World

from everyauth_cli.errors import ConfigurationProblem, StoreError, StoreUnavailable
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.index_postgres import PostgresIndex
from everyauth_cli.store.opening import Keyring, SealingKey, open_store, without_password
from everyauth_cli.store.postgres import KEPT_OPEN, Database

pytestmark = pytest.mark.slow

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")
FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk();
"""
REPOSITORY = Path(__file__).resolve().parents[2]


def database(url, seconds=10.0):
    return Database(Secret(url), shown=without_password(url), statement_seconds=seconds)


def index(url, seconds=10.0):
    return PostgresIndex(database(url, seconds))


@pytest.fixture
def url(postgres):
    return postgres.new_database()


@pytest.fixture
def other():
    """A server that a test may stop or freeze."""
    with peer.running() as server:
        yield server


def test_many_that_start_at_once_on_an_empty_database_make_one_schema(postgres, url):
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda number: index(url).write(KEY, {"n": number}), range(12)))
    assert postgres.sql("SELECT count(*), max(version) FROM everyauth_schema", url) == "1|1"
    assert postgres.sql("SELECT count(*) FROM everyauth_records", url) == "1"


def test_a_schema_of_another_version_is_told_and_left_alone(postgres, url):
    index(url).write(KEY, {"n": 1})
    postgres.sql("UPDATE everyauth_schema SET version = 99", url)
    with pytest.raises(StoreError, match="another version"):
        index(url).write(KEY, {"n": 2})
    assert postgres.sql("SELECT public FROM everyauth_records", url) == '{"n": 1}'


def test_tables_of_others_are_told(postgres, url):
    index(url).write(KEY, {"n": 1})
    postgres.sql("UPDATE everyauth_records SET public = 'no json'", url)
    with pytest.raises(StoreError, match="damaged"):
        index(url).read(KEY)
    postgres.sql("ALTER TABLE everyauth_records RENAME COLUMN public TO private", url)
    with pytest.raises(StoreError, match="not as everyauth made it"):
        index(url).read(KEY)


def test_a_role_without_rights_is_told_what_it_needs(postgres, url):
    postgres.sql("CREATE ROLE guest LOGIN", url)
    guest = url.replace("everyauth@", "guest@")
    with pytest.raises(StoreUnavailable, match="permission denied") as caught:
        index(guest).read(KEY)
    assert "make tables" in caught.value.hint
    index(url).write(KEY, {"n": 1})
    postgres.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest", url)
    assert index(guest).read(KEY) == {"n": 1}


def test_a_write_that_was_not_answered_in_time_is_not_made_later(postgres, url):
    store = index(url, seconds=1)
    store.write_cell("a", b"old")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE everyauth_sealed")
        with pytest.raises(StoreUnavailable, match="did not answer within 1 s"):
            store.write_cell("a", b"late")
        assert postgres.sql(waiting, url) == "0"
    assert store.read_cell("a") == b"old"


def test_after_a_time_out_no_connection_of_before_is_used(postgres, url):
    used = database(url, seconds=1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: used.run("SELECT pg_sleep(0.2)"), range(4)))
    with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.1 s"):
        used.run("SELECT pg_sleep(5)", seconds=0.1)
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'everyauth' AND datname = current_database()"
    until = time.monotonic() + 10
    while (left := postgres.sql(ours, url)) != "0" and time.monotonic() < until:
        time.sleep(0.1)
    assert left == "0"
    assert used.run("SELECT 1") == [(1,)]


def test_a_server_that_may_only_be_read_is_told(postgres, url):
    index(url).write(KEY, {"n": 1})
    postgres.sql(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on", url)
    standby = index(url)
    assert standby.read(KEY) == {"n": 1}
    with pytest.raises(StoreUnavailable, match=r"takes no change: .*read-only") as caught:
        standby.write(KEY, {"n": 2})
    assert "primary" in caught.value.hint


@pytest.mark.parametrize("table", ["everyauth_sealed", "everyauth_records", "everyauth_leases"])
def test_a_full_disk_is_told_and_costs_no_refresh_token(postgres, url, tmp_path, table):
    key = SealingKey(text=Secret(base64.urlsafe_b64encode(bytes(32)).decode()))
    world = World(tmp_path, store=open_store(url, data_dir=tmp_path, keyring=Keyring(), sealing_key=key))
    world.login(user="ann")
    before = world.token("ann")
    world.clock.now += HOUR
    # The server's own error for a disk without room (SQLSTATE 53100), at whatever is written to the table.
    postgres.sql(FULL.format(table=table), url)
    with pytest.raises(StoreUnavailable, match=r"is full: .*No space left") as caught:
        world.token("ann")
    assert "make room" in caught.value.hint
    assert world.server.refreshes == 0
    postgres.sql(f"DROP TRIGGER full_disk ON {table}", url)
    assert world.token("ann") not in (None, before)
    assert not world.auth.find()[0].login_required


def test_threads_share_a_few_connections(postgres, url):
    shared = index(url)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: shared.write_cell(str(number), b"x"), range(64)))
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'everyauth' AND datname = current_database()"
    # The server takes a moment to see that a connection was closed.
    until = time.monotonic() + 10
    while (open_now := int(postgres.sql(ours, url))) > KEPT_OPEN and time.monotonic() < until:
        time.sleep(0.1)
    assert open_now <= KEPT_OPEN
    assert postgres.sql("SELECT count(*) FROM everyauth_sealed", url) == "64"


def test_statements_are_prepared_unless_what_was_prepared_is_not_there_any_more(postgres, url):
    used = database(url)
    index = PostgresIndex(used)
    index.write(KEY, {"n": 1})
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql"
    for _ in range(10):
        assert index.read(KEY) == {"n": 1}
    assert used.run(prepared)[0][0] > 0
    # What a pooler does that gives each transaction another connection to the server.
    used.run("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
    for _ in range(10):
        assert index.read(KEY) == {"n": 1}
    assert used.run(prepared)[0][0] == 0


def test_a_value_that_does_not_fit_into_a_packet_comes_back_as_it_was(url):
    used, cell = index(url), os.urandom(5_000_000)
    used.write_cell("large", cell)
    used.write(KEY, {"text": "ä\u2028\U0001f511" * 500_000})
    assert used.read_cell("large") == cell
    assert used.read(KEY) == {"text": "ä\u2028\U0001f511" * 500_000}


@pytest.mark.alone
def test_a_call_that_is_interrupted_leaves_no_answer_behind_for_the_next(postgres, url):
    used = database(url)
    used.run("SELECT 1")
    timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        used.run("SELECT pg_sleep(5)")
    assert time.monotonic() - started < 3
    assert used.run("SELECT 7") == [(7,)]


def test_connections_end_with_the_store(postgres, url):
    connected = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{url.rpartition('/')[2]}'"
    used = index(url)
    used.write(KEY, {})
    assert postgres.sql(connected) == "1"
    del used
    until = time.monotonic() + 5
    while postgres.sql(connected) != "0":
        assert time.monotonic() < until


FORK = """
import os, sys
from everyauth_cli.model import Secret
from everyauth_cli.store.postgres import KEPT_OPEN, Database
database = Database(Secret(sys.argv[1]), shown="")
mine = database.run("SELECT pg_backend_pid()")
children = []
for _ in range(4):
    child = os.fork()
    if not child:
        theirs = [database.run("SELECT pg_backend_pid()") for _ in range(20)]
        assert theirs == [theirs[0]] * 20 != [mine] * 20
        sys.exit()
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
assert database.run("SELECT pg_backend_pid()") == mine
"""


def test_a_fork_takes_a_connection_of_its_own_and_leaves_its_parents_alone(url):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK, url], cwd=REPOSITORY, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_server_that_went_away_is_told_and_used_again_when_it_is_back(other):
    store = index(other.new_database())
    store.write(KEY, {"n": 1})
    other.stop()
    with pytest.raises(StoreUnavailable, match="cannot be used") as caught:
        store.read(KEY)
    assert "see that the server runs" in caught.value.hint
    other.start()
    store.write(KEY, {"n": 2})
    other.stop()
    other.start()
    assert store.read(KEY) == {"n": 2}


@pytest.mark.alone
def test_a_server_that_does_not_answer_is_given_up_in_time(other):
    url = other.new_database() + "?connect_timeout=2"
    open_before, new = index(url, 0.5), index(url, 0.5)
    open_before.write(KEY, {"n": 1})
    with other.frozen():
        for store, says in ((open_before, "did not answer within 0.5 s"), (new, "cannot be used")):
            started = time.monotonic()
            with pytest.raises(StoreUnavailable, match=says):
                store.read(KEY)
            assert time.monotonic() - started < 4
    assert open_before.read(KEY) == new.read(KEY) == {"n": 1}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql:///db?host=/run/postgresql", "postgresql:///db?host=/run/postgresql"),
        ("postgresql://me:hidden@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://me:hid%40den@a,b/db?sslmode=require", "postgresql://me@a,b/db?sslmode=require"),
        ("postgresql://:hidden@host/db", "postgresql://host/db"),
        ("postgresql://host/db?password=hidden&user=me", "postgresql://host/db?user=me"),
        ("postgresql://me:hid/den@host/db", "postgresql://me@host/db"),
        ("postgresql://me:hid?den@host/db", "postgresql://me@host/db"),
        ("postgres://me:hid@den@host:1/db?a=b@c", "postgres://me@host:1/db?a=b@c"),
        ("postgresql://host:5432/db?user=me@corp", "postgresql://host:5432/db?user=me@corp"),
        ("postgresql://host/db?sslpassword=hidden", "postgresql://host/db"),
        ("sqlite:///srv/a%20b.db", "sqlite:///srv/a%20b.db"),
        ("keyring:", "keyring:"),
    ],
)
def test_a_password_is_taken_out_of_what_is_shown(url, shown):
    assert without_password(url) == shown


@pytest.mark.parametrize("tail", ["h/d?nonsense=1", "[h/d", "h:nonsense/d", "h/d?connect_timeout=never"])
def test_a_url_that_means_nothing_is_told_without_its_password(tail):
    with pytest.raises((ConfigurationProblem, StoreUnavailable)) as caught:
        index(f"postgresql://me:hidden@{tail}").read(KEY)
    assert "hidden" not in f"{caught.value.message} {caught.value.hint}"


def test_where_psycopg_is_missing_it_says_what_to_install(tmp_path):
    (tmp_path / "psycopg.py").write_text("raise ImportError('not installed')")
    code = (
        "from everyauth_cli.model import Secret\n"
        "from everyauth_cli.store.postgres import KEPT_OPEN, Database\n"
        "Database(Secret('postgresql://h/d'), shown='').run('SELECT 1')"
    )
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert "StoreUnavailable: PostgreSQL needs the package psycopg" in done.stderr


def test_psycopg_is_loaded_for_no_other_store(tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from everyauth_cli.cli.tree import tree\n"
        "tree()\n"
        "from everyauth_cli.model import RecordKey\n"
        "from everyauth_cli.store.opening import Keyring, SealingKey, open_store\n"
        "store = open_store('sqlite://', data_dir=Path(sys.argv[1]), keyring=Keyring(), sealing_key=SealingKey())\n"
        "store.index.find(RecordKey(profile='', kind='identity', service=''))\n"
        "assert 'psycopg' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY, timeout=60, check=True)
