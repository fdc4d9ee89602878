"""Times of any size are dates, and break neither a page nor a table."""

import math

import pytest

from everyauth_cli.pages.times import format_time, utc


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "1970-01-01 00:00 UTC"),
        (1_649_810_924_162, "2022-04-13 00:48 UTC"),
        (-5, "1970-01-01 00:00 UTC"),
        (-(10**30), "1970-01-01 00:00 UTC"),
        (10**18, "9999-12-31 00:00 UTC"),
        (2**63, "9999-12-31 00:00 UTC"),
        (10**300, "9999-12-31 00:00 UTC"),
        (10**400, "9999-12-31 00:00 UTC"),
        (1e308, "9999-12-31 00:00 UTC"),
        (math.inf, "9999-12-31 00:00 UTC"),
        (math.nan, "1970-01-01 00:00 UTC"),
    ],
)
def test_a_time_of_any_size_is_a_date(milliseconds, shown):
    assert format_time(milliseconds) == shown
    assert utc(milliseconds).astimezone().tzinfo
