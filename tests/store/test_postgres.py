"""The PostgreSQL store: made by two at once, by no other role, and saved to once."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from peers import postgres as peer
from peers.stores import sealed_store
from peers.token_server import HOUR, World

from everyauth_cli.errors import ConfigurationProblem, StoreError, StoreUnavailable
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.postgres.database import PostgresDatabase
from everyauth_cli.store.shown_url import shown_url
from everyauth_cli.store.table import RecordTable, Row

pytestmark = pytest.mark.slow

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")


def database(url, seconds=10.0, **more):
    return PostgresDatabase(Secret(url), shown=shown_url(url), statement_seconds=seconds, **more)


def table(url, seconds=10.0):
    return RecordTable(database(url, seconds))


def put(table, n, key=KEY):
    table.replace(key, Row(json.dumps({"n": n}), None, "1", None))


def peek(table, key=KEY):
    found = table.peek(key)
    return found and json.loads(found)


@pytest.fixture
def url(postgres):
    return postgres.new_database()


@pytest.fixture
def other():
    """A server that a test may stop or freeze."""
    with peer.running() as server:
        yield server


FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk();
"""
REPOSITORY = Path(__file__).resolve().parents[2]


def test_many_that_start_at_once_on_an_empty_database_make_one_schema(postgres, url):
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda number: put(table(url), number), range(12)))
    assert postgres.sql("SELECT count(*), max(version) FROM everyauth_schema", url) == "1|2"
    assert postgres.sql("SELECT count(*) FROM everyauth_records", url) == "1"


def test_a_schema_of_another_version_is_an_error_and_left_alone(postgres, url):
    put(table(url), 1)
    postgres.sql("UPDATE everyauth_schema SET version = 99", url)
    with pytest.raises(StoreError, match="another version"):
        put(table(url), 2)
    assert postgres.sql("SELECT metadata FROM everyauth_records", url) == '{"n": 1}'


def test_a_database_of_the_first_schema_is_refused_with_the_way_on(postgres, url):
    postgres.sql("CREATE TABLE everyauth_schema (version INTEGER); INSERT INTO everyauth_schema VALUES (1)", url)
    with pytest.raises(StoreError, match="earlier everyauth") as caught:
        put(table(url), 1)
    assert "drop its tables" in caught.value.hint
    assert "set each client and log in again" in caught.value.hint
    assert postgres.sql("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'everyauth%'", url) == "1"


def test_tables_of_another_shape_are_an_error(postgres, url, tmp_path):
    put(table(url), 1)
    postgres.sql("UPDATE everyauth_records SET metadata = 'no json'", url)
    with pytest.raises(StoreError, match="damaged"):
        sealed_store(tmp_path, url).peek(KEY)
    postgres.sql("ALTER TABLE everyauth_records RENAME COLUMN metadata TO private", url)
    with pytest.raises(StoreError, match="not as everyauth made it"):
        peek(table(url))


def test_a_role_without_rights_is_an_error_that_names_what_it_needs(postgres, url):
    postgres.sql("CREATE ROLE guest LOGIN", url)
    guest = url.replace("everyauth@", "guest@")
    with pytest.raises(StoreUnavailable, match="permission denied") as caught:
        peek(table(guest))
    assert "make tables" in caught.value.hint
    put(table(url), 1)
    postgres.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest", url)
    assert peek(table(guest)) == {"n": 1}


def test_tables_that_belong_to_another_role_are_refused(postgres, url):
    name = url.rpartition("/")[2]
    for role in ("app", "mallory"):
        postgres.sql(f"CREATE ROLE {role}_{name} LOGIN", url)
    postgres.sql("GRANT CREATE ON SCHEMA public TO PUBLIC", url)
    theirs, ours = (url.replace("everyauth@", f"{role}_{name}@") for role in ("mallory", "app"))
    put(table(theirs), 1)
    postgres.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO app_{name}", url)
    for call in (lambda: peek(table(ours)), lambda: put(table(ours), 2)):
        with pytest.raises(StoreUnavailable, match=f"belongs to the role mallory_{name}") as caught:
            call()
        assert "owner" in caught.value.hint
    assert peek(table(theirs)) == {"n": 1}
    # A superuser would run that role's code with all rights.
    with pytest.raises(StoreUnavailable, match="belongs to the role"):
        peek(table(url))
    postgres.sql(f"GRANT mallory_{name} TO app_{name}", url)
    assert peek(table(ours)) == {"n": 1}


def test_a_server_that_may_only_be_read_is_an_error(postgres, url):
    put(table(url), 1)
    postgres.sql(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on", url)
    standby = table(url)
    assert peek(standby) == {"n": 1}
    with pytest.raises(StoreUnavailable, match=r"takes no change: .*read-only") as caught:
        put(standby, 2)
    assert "primary" in caught.value.hint


@pytest.mark.parametrize("full", ["everyauth_records", "everyauth_claims"])
def test_a_full_disk_is_an_error_and_costs_no_refresh_token(postgres, url, tmp_path, full):
    world = World(tmp_path, store=sealed_store(tmp_path, url))
    world.login(user="ann")
    before = world.token("ann")
    world.clock.now += HOUR
    # The server's own error for a disk without room (SQLSTATE 53100), at whatever is written to the table.
    postgres.sql(FULL.format(table=full), url)
    with pytest.raises(StoreUnavailable, match=r"is full: .*No space left") as caught:
        world.token("ann")
    assert "make room" in caught.value.hint
    assert world.server.refreshes == 0
    postgres.sql(f"DROP TRIGGER full_disk ON {full}", url)
    assert world.token("ann") not in (None, before)
    assert not world.auth.find()[0].login_required


def test_values_larger_than_a_packet_come_back_as_they_were(url, tmp_path):
    store, secret = sealed_store(tmp_path, url), {"large": os.urandom(2_000_000).hex()}
    store.save(KEY, {"text": "ä\u2028\U0001f511" * 500_000}, Secret(secret), version=None)
    record = store.get(KEY)
    assert record.secret == Secret(secret)
    assert record.metadata == {"text": "ä\u2028\U0001f511" * 500_000}


def test_a_save_whose_answer_was_lost_is_made_once(postgres, url):
    kept, row = table(url), Row("{}", b"", "2", b"key")
    for version in (None, "1"):
        assert kept.save(KEY, row._replace(version="1"), version=None) or version
        assert kept.save(KEY, row._replace(version="1"), version=None)
    assert kept.save(KEY, row, version="1")
    assert kept.save(KEY, row, version="1")
    assert not kept.save(KEY, row._replace(version="3"), version="1")


@pytest.mark.parametrize("tail", ["h/d?nonsense=1", "[h/d", "h:nonsense/d", "h/d?connect_timeout=never"])
def test_a_url_that_means_nothing_is_an_error_without_its_password(tail):
    with pytest.raises((ConfigurationProblem, StoreUnavailable)) as caught:
        peek(table(f"postgresql://me:hidden@{tail}"))
    assert "hidden" not in f"{caught.value.message} {caught.value.hint}"


def test_where_psycopg_is_missing_it_says_what_to_install(tmp_path):
    (tmp_path / "psycopg.py").write_text("raise ImportError('not installed')")
    code = (
        "import sys\n"
        "sys.path.insert(1, 'tests')\n"
        "from pathlib import Path\n"
        "from peers.stores import sealed_store\n"
        "sealed_store(Path(), 'postgresql://h/d')"
    )
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert "StoreUnavailable: PostgreSQL needs the package psycopg" in done.stderr


def test_psycopg_is_loaded_for_no_other_store(tmp_path):
    code = (
        "import sys\n"
        "sys.path[:0] = ['tests']\n"
        "from pathlib import Path\n"
        "from everyauth_cli.cli.tree import tree\n"
        "tree()\n"
        "from peers.stores import sealed_store\n"
        "sealed_store(Path(sys.argv[1])).probe()\n"
        "assert 'psycopg' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY, timeout=60, check=True)
