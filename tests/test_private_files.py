"""Created files and directories are private under any umask, each on the way too; existing ones keep their mode."""

import os
import socket
import stat

import pytest
from peers.ports import free_port

from everyauth_cli.event_log import Event, EventLog
from everyauth_cli.private_files import make_directory, open_private, write_privately
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.file_locks import FileLocks

UMASKS = [0o000, 0o002, 0o022, 0o027, 0o077, 0o277, 0o777]


@pytest.fixture(params=UMASKS, ids="{:04o}".format)
def umask(request):
    """Another umask, which child processes inherit."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(directory):
    """The modes of all that is in a directory, by whether it is a directory."""
    found = [path.lstat().st_mode for path in directory.rglob("*")]
    return {
        stat.S_ISDIR(mode): {stat.S_IMODE(each) for each in found if stat.S_ISDIR(each) == stat.S_ISDIR(mode)}
        for mode in found
    }


ENTRY = {"authorization_endpoint": "https://x.example/a", "token_endpoint": "https://x.example/t"}
PRIVATE = {True: {0o700}, False: {0o600}}


def test_every_directory_on_the_way_is_private(tmp_path, umask):
    make_directory(tmp_path / "a" / "b" / "c")
    os.close(open_private(tmp_path / "a" / "b" / "c" / "file", os.O_WRONLY | os.O_CREAT))
    assert modes(tmp_path) == PRIVATE


def test_an_existing_directory_keeps_its_mode(tmp_path, umask):
    kept, file = tmp_path / "kept", tmp_path / "kept" / "file"
    kept.mkdir()
    kept.chmod(0o755)
    file.touch()
    file.chmod(0o644)
    make_directory(kept)
    make_directory(kept / "new")
    os.close(open_private(file, os.O_RDWR | os.O_CREAT))
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept, file, kept / "new")] == [0o755, 0o644, 0o700]


def test_an_obstacle_in_the_way_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for wrong, error in [("file", FileExistsError), ("file/a", NotADirectoryError), ("lost/a", FileExistsError)]:
        with pytest.raises(error):
            make_directory(tmp_path / wrong)
    make_directory(tmp_path / "a" / ".." / "b")
    assert (tmp_path / "b").is_dir()


def test_every_writer_writes_privately(tmp_path, umask):
    log = EventLog(tmp_path / "data" / "log")
    log.record(Event(time=1, profile="p", service="acme", user="me", tenant="me", action="login", outcome="done"))
    write_privately(tmp_path / "config" / "everyauth" / "config.toml", "")
    Catalogue(tmp_path / "own" / "services").add("acme", ENTRY)
    with FileLocks(tmp_path / "run" / "locks").hold("acme", timeout=0):
        assert modes(tmp_path) == PRIVATE
    assert log.last("acme", 1)


COMMANDS = {
    "add": "service add acme --authorize-url http://127.0.0.1:1/a --token-url http://127.0.0.1:{reached}/t",
    "use": "store use sqlite://",
    "set": "service set acme --client-id i --client-secret - --port {port}",
    "log": "login acme --no-browser --timeout 1s",
    "alerts": "alerts set --command true",
    "key": "store rotate-key",
}


@pytest.mark.slow
@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077], indirect=True, ids="{:04o}".format)
@pytest.mark.parametrize(
    ("variables", "order"),
    [({}, ("add", "use", "set", "log", "alerts", "key")), ({"EVERYAUTH_HOME": ""}, ("alerts", "use", "add", "set"))],
    ids=["home", "platform"],
)
def test_all_files_of_the_commands_are_private(everyauth, tmp_path, umask, variables, order):
    with socket.create_server(("127.0.0.1", 0)) as endpoint:
        values = {"port": free_port(), "reached": endpoint.getsockname()[1]}
        for name in order:
            done = everyauth(*COMMANDS[name].format(**values).split(), env=variables, input="s3cret77")
            assert done.code == (4 if name == "log" else 0), done.err
    assert modes(tmp_path) == PRIVATE
    assert {"acme.toml", "config.toml", "everyauth.db", "sealing.key"} <= {path.name for path in tmp_path.rglob("*")}
