"""The device authorization grant of each core service that documents it: its requests, and its words for each poll."""

from __future__ import annotations

import pytest
from peers.contract import (
    every,
    where,
)

from everyauth_cli import errors
from everyauth_cli.sandbox.dialect import (
    DocumentedError,
)

CODES = {
    "device_code": "the/device code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://example.com/device",
    "interval": 5,
}


def begun(contract):
    """A login by a device code at the service, for which it is time to poll."""
    contract.values |= CODES
    contract.reply(contract.dialect.device_authorization.response)
    pending = contract.auth.begin_device(contract.dialect.name)
    contract.ahead += 5000
    return pending


@where(lambda dialect: dialect.device_authorization)
def test_a_device_logs_in_as_documented(contract, name):
    pending = begun(contract)
    contract.sent(contract.dialect.device_authorization, at=0)
    codes = pending.authorization
    assert (codes.user_code, codes.verification_uri) == (CODES["user_code"], CODES["verification_uri"])
    assert (codes.interval, codes.device_code.reveal()) == (5.0, CODES["device_code"])
    contract.reply(contract.dialect.device_token.response)
    if contract.verifies_id_token:
        contract.recorder.reply(b"", status=503)  # the issuer's keys
    if contract.dialect.account is not None and contract.dialect.account.call is not None:
        contract.reply(contract.dialect.account.call.response)
    contract.auth.keep(contract.auth.poll_device(pending))
    contract.sent(contract.dialect.device_token, at=1)
    assert contract.native()["access_token"] == contract.values["access_token"]


@every(lambda dialect: [error for error in dialect.errors if error.endpoint == "device_token"])
def test_a_documented_error_is_understood_at_a_poll(contract, name, item: DocumentedError):
    pending = begun(contract)
    contract.values["interval"] = 10
    contract.reply(item.response)
    if item.raises:
        with pytest.raises(getattr(errors, item.raises)):
            contract.auth.poll_device(pending)
        return
    slower = contract.auth.poll_device(pending)
    assert slower.polling.interval == (10.0 if item.error == "slow_down" else 5.0)
