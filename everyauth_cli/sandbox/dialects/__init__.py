"""The documented shapes of each service's answers, by the service's name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from everyauth_cli.sandbox.dialect import Dialect
from everyauth_cli.sandbox.dialects.pagerduty import PAGERDUTY

DIALECTS: Mapping[str, Dialect] = MappingProxyType({PAGERDUTY.name: PAGERDUTY})
