"""The settings: where files are, what the environment overrides, and what is remembered."""

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from everyauth_cli.cli.commands.demo import demo_environment
from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Secret
from everyauth_cli.private_files import write_privately
from everyauth_cli.settings import read_settings, remember

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def read(tmp_path):
    """Read the settings of an empty home, with these additional variables."""
    return lambda **environ: read_settings({"EVERYAUTH_HOME": str(tmp_path), **environ})


def in_child(code, **environ):
    """Run a Python program in a given environment, and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.splitlines()


def test_the_home_holds_configuration_and_data(read, tmp_path):
    settings = read()
    assert settings.config_dir == settings.data_dir == tmp_path
    assert settings.config_file == tmp_path / "config.toml"
    assert settings.services_dir == tmp_path / "services"


def test_a_relative_home_does_not_depend_on_later_directories():
    assert read_settings({"EVERYAUTH_HOME": "some/home"}).data_dir == Path.cwd() / "some/home"


def test_a_home_below_the_users_directory():
    assert read_settings({"EVERYAUTH_HOME": "~/elsewhere"}).data_dir == Path.home() / "elsewhere"


DIRECTORIES = """
from everyauth_cli.settings import read_settings
settings = read_settings()
print(settings.config_dir, settings.data_dir, settings.namespace or "-", sep="\\n")
"""


def test_without_a_home_the_platforms_directories_are_used(tmp_path):
    config, data, namespace = in_child(DIRECTORIES, HOME=str(tmp_path))
    assert (config, data) == (f"{tmp_path}/.config/everyauth", f"{tmp_path}/.local/share/everyauth")
    assert namespace == "-"


def test_xdg_directories_are_used(tmp_path):
    xdg = {"XDG_CONFIG_HOME": f"{tmp_path}/c", "XDG_DATA_HOME": f"{tmp_path}/d"}
    config, data, namespace = in_child(DIRECTORIES, HOME=str(tmp_path), **xdg)
    assert (config, data) == (f"{tmp_path}/c/everyauth", f"{tmp_path}/d/everyauth")
    assert namespace.startswith("@")


def test_the_home_goes_before_xdg_directories(tmp_path):
    config, data, _ = in_child(DIRECTORIES, HOME=str(tmp_path), XDG_DATA_HOME="/d", EVERYAUTH_HOME=f"{tmp_path}/e")
    assert config == data == f"{tmp_path}/e"


def test_each_data_directory_has_its_own_namespace():
    namespaces = {read_settings({"EVERYAUTH_HOME": home}).namespace for home in ("/a", "/b", "/a/b")}
    assert len(namespaces) == 3
    assert "" not in namespaces
    assert read_settings({"EVERYAUTH_HOME": "/a"}).namespace == read_settings({"EVERYAUTH_HOME": "/a/"}).namespace


# Imported by root, where the package lies in a directory of root's; then a user whom the passwd database does not know.
HOMELESS = """
import hashlib, os, platformdirs, platformdirs.unix, pwd, sys, tomllib
from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.settings import read_settings
if os.geteuid() == 0:
    os.setuid(54321)
try:
    print(read_settings().data_dir)
except ConfigurationProblem as error:
    print(error.message, error.hint)
"""


@pytest.mark.parametrize(
    ("home", "reason"),
    [({}, "HOME is not set, and"), ({"HOME": ""}, "HOME is empty"), ({"HOME": "a"}, "HOME is no absolute path")],
)
def test_without_any_home_the_one_that_helps_is_named(home, reason):
    if not home and os.geteuid() != 0:
        pytest.skip("only root can be a user without an entry in passwd")
    (message,) = in_child(HOMELESS, **home)
    assert f"no home directory: {reason}" in message
    assert "EVERYAUTH_HOME=" in message
    assert in_child(HOMELESS, **home, EVERYAUTH_HOME="/") == ["/"]


def test_a_data_directory_that_is_the_usual_one_has_no_namespace(tmp_path):
    usual = tmp_path / ".local/share/everyauth"
    usual.mkdir(parents=True)
    (tmp_path / "link").symlink_to(usual)
    for home in (usual, f"{usual}/", tmp_path / "link"):
        assert in_child(DIRECTORIES, HOME=str(tmp_path), EVERYAUTH_HOME=str(home))[2] == "-"


def test_the_store_comes_from_the_environment_else_the_file_else_the_default(read, tmp_path):
    assert (read().store_url, read().store_from) == ("keyring:", "the default")
    remember(read(), store="sqlite:///remembered")
    assert (read().store_url, read().store_from) == ("sqlite:///remembered", str(tmp_path / "config.toml"))
    chosen = read(EVERYAUTH_STORE="sqlite:///chosen")
    assert (chosen.store_url, chosen.store_from) == ("sqlite:///chosen", "EVERYAUTH_STORE")
    assert read(EVERYAUTH_STORE="").store_url == "sqlite:///remembered"


def test_the_profile_comes_from_the_environment(read):
    assert read().profile == "default"
    assert read(EVERYAUTH_PROFILE="work").profile == "work"
    assert read(EVERYAUTH_PROFILE="").profile == "default"


@pytest.mark.parametrize(
    ("environ", "name", "override"),
    [
        ({}, "pagerduty", (None, None)),
        ({"EVERYAUTH_PAGERDUTY_CLIENT_ID": "i"}, "pagerduty", ("i", None)),
        ({"EVERYAUTH_PAGERDUTY_CLIENT_SECRET": "s"}, "pagerduty", (None, Secret("s"))),
        ({"EVERYAUTH_PAGERDUTY_CLIENT_ID": "i", "EVERYAUTH_PAGERDUTY_CLIENT_SECRET": "s"}, "other", (None, None)),
        ({"EVERYAUTH_MY_OWN_2_CLIENT_ID": "i"}, "my-own-2", ("i", None)),
        ({"EVERYAUTH_PAGERDUTY_CLIENT_ID": ""}, "pagerduty", (None, None)),
    ],
)
def test_a_client_comes_from_the_environment(read, environ, name, override):
    assert read(**environ).client_override(name) == override


def test_the_sealing_key_comes_from_the_environment_and_is_remembered(read):
    assert (read().key, read().key_file, read().sealing_key) == (None, None, None)
    settings = read(EVERYAUTH_KEY="k3y", EVERYAUTH_KEY_FILE="/a/key")
    assert (settings.key, settings.key_file) == (Secret("k3y"), Path("/a/key"))
    assert "k3y" not in repr(settings)
    assert (read(EVERYAUTH_KEY="").key, read(EVERYAUTH_KEY_FILE="").key_file) == (None, None)
    remember(read(), sealing_key="keyring")
    assert read().sealing_key == "keyring"


CHILD = "from everyauth_cli.settings import child_environment\nprint(*child_environment(), sep='\\n')"


def test_a_child_gets_no_secret(tmp_path):
    names = in_child(
        CHILD,
        EVERYAUTH_HOME=str(tmp_path),
        EVERYAUTH_KEY="s",
        EVERYAUTH_KEY_FILE="s",
        EVERYAUTH_STORE="postgresql://me:s@host/db",
        PGPASSWORD="s",
        EVERYAUTH_PAGERDUTY_CLIENT_ID="s",
        EVERYAUTH_MY_OWN_CLIENT_SECRET="s",
        DISPLAY=":0",
    )
    assert {"PATH", "DISPLAY", "EVERYAUTH_HOME"} <= set(names)
    assert not {name for name in names if any(part in name for part in ("KEY", "CLIENT", "STORE", "PASSWORD"))}


def test_the_demos_environment_leads_to_its_own_home_only():
    environ = demo_environment("/demo", "/venv/bin")
    own = {name: value for name, value in environ.items() if name.startswith("EVERYAUTH_")}
    assert len(own.pop("EVERYAUTH_KEY")) == 44
    assert own == {"EVERYAUTH_HOME": "/demo", "EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_PROFILE": "sandbox"}
    assert environ["PATH"].startswith(f"/venv/bin{os.pathsep}")
    assert "fail" in environ["PYTHON_KEYRING_BACKEND"]


@pytest.mark.parametrize(
    ("environ", "bus", "local"),
    [
        ({}, None, False),
        ({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/bus"}, "unix:path=/bus", False),
        ({"DISPLAY": ":0"}, None, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, None, True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "1.2.3.4 1 5.6.7.8 22"}, None, False),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display and no session bus")
def test_the_session_is_detected(read, environ, bus, local):
    settings = read(**environ)
    assert (settings.bus_address, settings.local_display) == (bus, local)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no session bus elsewhere")
def test_the_usual_bus_is_found_without_a_variable(read, tmp_path):
    assert read(XDG_RUNTIME_DIR=str(tmp_path)).bus_address is None
    (tmp_path / "bus").touch()
    assert read(XDG_RUNTIME_DIR=str(tmp_path)).bus_address == f"unix:path={tmp_path}/bus"


@pytest.mark.parametrize(
    ("content", "says", "hint"),
    [
        (b"store = ", "is not TOML", "everyauth store use"),
        (b"\xff\xfe", "is not TOML", "everyauth store use"),
        (b'stroe = "x"', "unknown key stroe", "store, sealing_key, alert_command"),
        (b"store = 5", "store must be a text", ""),
        (b'sealing_key = ["x"]', "sealing_key must be a text", ""),
    ],
)
def test_a_wrong_configuration_is_an_error(read, tmp_path, content, says, hint):
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(ConfigurationProblem) as caught:
        read()
    assert says in caught.value.message
    assert str(tmp_path / "config.toml") in caught.value.message
    assert hint in (caught.value.hint or "")
    with pytest.raises(ConfigurationProblem):
        remember(read_settings({"EVERYAUTH_HOME": str(tmp_path)}), store="keyring:")
    assert (tmp_path / "config.toml").read_bytes() == content


def test_a_home_that_cannot_be_read_or_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationProblem, match="cannot read"):
        read_settings({"EVERYAUTH_HOME": str(tmp_path / "file")})
    with pytest.raises(ConfigurationProblem, match="cannot write") as caught:
        write_privately(tmp_path / "file" / "config.toml", "")
    assert "EVERYAUTH_HOME" in caught.value.hint


def test_settings_are_saved_and_removed_one_by_one(read, tmp_path):
    remember(read(), store="sqlite:///a", sealing_key="/key")
    remember(read(), store="keyring:")
    assert tomllib.loads((tmp_path / "config.toml").read_text()) == {"store": "keyring:", "sealing_key": "/key"}
    remember(read(), sealing_key=None)
    assert tomllib.loads((tmp_path / "config.toml").read_text()) == {"store": "keyring:"}


def test_a_file_is_written_privately_and_whole(tmp_path):
    path = tmp_path / "new" / "config.toml"
    write_privately(path, "first")
    path.chmod(0o644)
    before = path.open("rb")
    write_privately(path, "second ü")
    with before:
        # The old file was replaced, not overwritten, so a reader that has it open still sees all of it.
        assert before.read() == b"first"
    assert path.read_text(encoding="utf-8") == "second ü"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
