"""Files that are deep, huge, endless or odd: an error names the file, and a list has the other services."""

from __future__ import annotations

import os

import pytest

from everyauth_cli.errors import ConfigurationProblem, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import read_settings
from everyauth_cli.store.keyring.opening import Keyring
from everyauth_cli.store.sealed.key_place import KeyPlace, SealingKey
from everyauth_cli.store.whole_files import LARGEST, read_whole

LINES = 'authorization_endpoint = "https://x.example/authorize"\ntoken_endpoint = "https://x.example/token"\n'
DEPTH = 20_000


def link_to(target):
    return lambda path: path.symlink_to(target)


def text(content):
    return lambda path: path.write_text(content)


NOT_REGULAR = {
    "pipe": os.mkfifo,
    "directory": lambda path: path.mkdir(),
    "endless": link_to("/dev/zero"),
    "terminal": link_to("/dev/tty"),
    "loop": lambda path: path.symlink_to(path),
    "huge": lambda path: path.write_bytes(b"#" * (LARGEST + 1)),
}
ODD = {
    **NOT_REGULAR,
    "not text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "a null character": text(f"{LINES}a = \0"),
    "nested lists": text(f"{LINES}scopes = {'[' * DEPTH}{']' * DEPTH}\n"),
    "nested tables": text(f"{LINES}params = {'{a = ' * 5000}1{'}' * 5000}\n"),
    "a deep key": text(f"{LINES}params.{'a.' * 30_000}a = 1\n"),
    "a deep title": text(f"{LINES}title.{'a.' * 900}a = 1\n"),
    "many digits": text(f"{LINES}code_lifetime = {'9' * 10_000}\n"),
    "many hexadecimal digits": text(f"{LINES}code_lifetime = 0x{'f' * 10_000}\n"),
    "a long life": text(f"{LINES}default_lifetime = {10**18}\n"),
    "a long text": text(f'{LINES}body = "{"x" * 60_000}"\n'),
    "no day": text(f"{LINES}checked = 2026-13-45\n"),
    "an odd time": text(f"{LINES}title = 9999-12-31T23:59:60Z\n"),
    "a float": text(f"{LINES}code_lifetime = 1e999\n"),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_an_odd_service_file_is_an_error_that_names_it_and_is_no_service_s_end_but_its_own(tmp_path, make):
    make(tmp_path / "acme.toml")
    (tmp_path / "sound.toml").write_text(LINES)
    catalogue = Catalogue(tmp_path)
    with pytest.raises(ConfigurationProblem) as caught:
        catalogue.get("acme")
    assert str(tmp_path / "acme.toml") in caught.value.message
    assert len(caught.value.message) < 1000
    listed = {service.name: service for service in catalogue.listed()}
    assert {"acme", "sound", "pagerduty"} <= listed.keys()
    problem = listed["acme"].problem
    assert problem is None or str(tmp_path / "acme.toml") in problem.message
    assert catalogue.get("sound").name == "sound"
    assert catalogue.get("sfdc").name == "salesforce"


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_an_odd_configuration_is_an_error_that_names_it(tmp_path, make):
    make(tmp_path / "config.toml")
    with pytest.raises(ConfigurationProblem) as caught:
        read_settings({"EVERYAUTH_HOME": str(tmp_path)})
    assert str(tmp_path / "config.toml") in caught.value.message


@pytest.mark.parametrize("line", ['store = "a\\u0000"', 'sealing_key = "\\u0000"', 'alert_command = ["a", "\\u0000b"]'])
def test_a_null_character_in_the_configuration_is_an_error(tmp_path, line):
    (tmp_path / "config.toml").write_text(line)
    with pytest.raises(ConfigurationProblem, match="holds a null character"):
        read_settings({"EVERYAUTH_HOME": str(tmp_path)})


@pytest.mark.parametrize("make", [*NOT_REGULAR.values(), ODD["not text"]], ids=[*NOT_REGULAR, "not text"])
def test_an_odd_key_file_is_an_error_that_names_it(tmp_path, make):
    make(tmp_path / "key")
    place = KeyPlace(url="sqlite://", key=SealingKey(file=tmp_path / "key"), keyring=Keyring(lock_directory=tmp_path))
    with pytest.raises(StoreUnavailable) as caught:
        place.read()
    assert str(tmp_path / "key") in caught.value.message


def test_a_whole_file_is_read_up_to_the_bound(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * LARGEST)
    assert read_whole(tmp_path / "file") == b"x" * LARGEST
    with pytest.raises(OSError, match="it is larger than 1 KiB"):
        read_whole(tmp_path / "file", most=1024)
    assert Secret(read_whole(tmp_path / "file", most=LARGEST))


def test_a_directory_of_others_is_no_fault_while_there_is_no_file_in_it(tmp_path):
    tmp_path.chmod(0o777)
    catalogue = Catalogue(tmp_path)
    assert catalogue.get("slack").name == "slack"
    (tmp_path / "slack.toml").write_text(LINES)
    with pytest.raises(ConfigurationProblem, match="can be changed by other users"):
        catalogue.get("slack")
