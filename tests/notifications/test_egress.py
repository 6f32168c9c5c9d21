"""Where a webhook may go, and what becomes of it at an endpoint that wants to do harm: nothing but an outcome."""

import asyncio
import ipaddress
from typing import Any

import pytest

from services.chassis.settings import Settings
from services.notifications.outward import egress, webhooks
from services.notifications.outward.webhooks import Endpoint, trusted
from tests.notifications.receiver import Receiver


def settings(receiver: Receiver | None = None, **more: Any) -> Settings:
    chosen: dict[str, Any] = {"webhook_hosts": ["127.0.0.1", "*.example.dk", "localhost"]}
    if receiver:
        chosen["webhook_networks"] = [f"127.0.0.1/32:{receiver.port}"]
    return Settings(**{**chosen, **more})


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://evil.example.com/hook", "host-not-registered"),
        ("https://example.dk.evil.com/", "host-not-registered"),
        ("http://hook.example.dk/", "needs-https"),
        ("https://user:word@hook.example.dk/", "address-malformed"),
        ("https://hook.example.dk/#part", "address-malformed"),
        ("https://hook.example.dk:99999/", "address-malformed"),
        ("ftp://hook.example.dk/", "address-malformed"),
        ("https:///nowhere", "address-malformed"),
        ("https://hook.example.dk/a\r\nHost: other", "address-malformed"),
        ("https://[::ffff:127.0.0.1]/", "host-not-registered"),
    ],
)
def test_an_address_that_may_not_be_registered_says_why(url: str, why: str) -> None:
    with pytest.raises(egress.MayNotGoThere) as refused:
        egress.place_of(settings(), url)

    assert refused.value.code == why


@pytest.mark.parametrize(
    "inside",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1"),  # noqa: S104
        *("fd00::1", "fe80::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "240.0.0.1", "255.255.255.255"),
    ],
)
def test_no_address_inside_is_taken_for_one_of_the_open_internet(inside: str) -> None:
    assert not egress.is_public(ipaddress.ip_address(inside))


def test_an_address_of_the_open_internet_is_one() -> None:
    assert all(egress.is_public(ipaddress.ip_address(one)) for one in ("93.184.215.14", "2606:2800:21f:cb07::1"))


async def test_a_private_network_is_reached_only_where_the_operator_listed_it_with_its_port(receiver: Receiver) -> None:
    listed, unlisted = settings(receiver), settings()
    other_port = settings(webhook_networks=["127.0.0.1/32:1"])

    assert str(await egress.pinned(listed, egress.place_of(listed, receiver.url()))) == "127.0.0.1"
    for chosen in (unlisted, other_port):
        with pytest.raises(egress.MayNotGoThere) as refused:
            await egress.pinned(chosen, egress.Place("https", "127.0.0.1", receiver.port, "/"))
        assert refused.value.code == "private-network"
    assert receiver.came == []


async def test_a_registered_name_that_leads_inside_is_not_followed(receiver: Receiver) -> None:
    chosen = settings()

    outcome = await posted(chosen, f"https://localhost:{receiver.port}/hook")

    assert outcome == "private-network"
    assert receiver.came == []


async def posted(chosen: Settings, url: str) -> str:
    endpoint = Endpoint(chosen, trusted(chosen))
    try:
        return (await endpoint.post(url, b"{}", {"webhook-id": "1"})).code
    finally:
        await endpoint.close()


async def test_whatever_an_endpoint_does_is_an_outcome_and_has_an_end(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.5)
    receiver.manner = {
        "/refuses": "refuses", "/redirects": "redirects", "/dawdles": "dawdles", "/hangs-up": "hangs-up",
        "/endless": "endless", "/endless-headers": "endless-headers", "/gone": "gone",
    }  # fmt: skip
    chosen = settings(receiver)

    async with asyncio.timeout(30):
        found = {path: await posted(chosen, receiver.url(path)) for path in ("/takes", *receiver.manner)}

    assert found == {
        "/takes": "accepted", "/refuses": "http-500", "/redirects": "redirected", "/dawdles": "endpoint-slow",
        "/hangs-up": "endpoint-away", "/endless": "answer-too-long", "/endless-headers": "endpoint-away", "/gone": "http-410",
    }  # fmt: skip
    assert "/elsewhere" not in {one.path for one in receiver.came}
