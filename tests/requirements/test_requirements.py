"""The table of requirements: each function and test that it names exists, and no document is left out."""

from __future__ import annotations

import re

import pytest
from requirements.table import FIRST, HERE, README, documents, fault_of_function, fault_of_test, table

DOCUMENTS = [
    "mcp",
    "rfc7523",
    "rfc7591",
    "rfc8414",
    "rfc8628",
    "rfc8693",
    "rfc8707",
    "rfc9126",
    "rfc9207",
    "rfc9449",
    "rfc9728",
]
ROWS = [(document["document"], row) for document in documents() for row in document["requirement"]]
NAMES = [f"{name} {row['section']}: {row['text'][:60]}" for name, row in ROWS]


def test_each_document_has_its_file():
    assert sorted(path.stem for path in HERE.glob("*.toml")) == DOCUMENTS
    assert documents()[0]["url"].startswith("https://modelcontextprotocol.io/"), FIRST


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=NAMES)
def test_a_requirement_names_what_does_it_and_what_holds_it(row):
    assert re.search(r"\b(MUST|SHALL|REQUIRED)\b", row["text"])
    if "not_applicable" in row:
        assert row.keys() == {"section", "text", "not_applicable"}
        return
    assert row.keys() - {"differs"} == {"section", "text", "function", "test"}
    assert row["function"]
    assert row["test"]
    faults = [*map(fault_of_function, row["function"]), *map(fault_of_test, row["test"])]
    assert not [*filter(None, faults)]


def test_no_requirement_is_listed_twice():
    keys = [(name, row["section"], row["text"]) for name, row in ROWS]
    assert sorted(keys) == sorted(set(keys))


def test_the_table_is_what_the_files_say():
    assert README.read_text(encoding="utf-8") == table(), "make it anew: python tests/requirements/table.py"


@pytest.mark.parametrize(
    "reference",
    [
        "everyauth_cli.oauth.discovery:renamed",
        "everyauth_cli.oauth.renamed:discovery",
        "everyauth_cli.oauth.registration:Registration.renamed",
        # Imported there, and defined elsewhere.
        "everyauth_cli.oauth.discovery:read_protected_resource",
        # No function.
        "everyauth_cli.oauth.discovery:SCOPE",
    ],
)
def test_a_function_that_was_renamed_is_noticed(reference):
    assert reference in fault_of_function(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "tests/oauth/test_discovery.py::test_that_was_renamed",
        "tests/oauth/test_renamed.py::test_a_redirect_is_not_followed",
        "tests/oauth/test_discovery.py::found",
        "tests/oauth/test_discovery.py",
    ],
)
def test_a_test_that_was_renamed_is_noticed(reference):
    assert reference in fault_of_test(reference)
