"""Where webhooks may go: registered hosts, https, no private network unless the operator listed it; resolved once and pinned."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from services.chassis.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_RESOLVE_SECONDS = 3.0
# An IPv6 address that stands for an IPv4 one behind a translator (RFC 6052, RFC 8215).
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48")))


class MayNotGoThere(Exception):
    """`code` says why: host-not-registered, needs-https, private-network, no-such-host, address-malformed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Place:
    """A checked address: `host` as registered, `target` with its query."""

    scheme: str
    host: str
    port: int
    target: str


def place_of(settings: Settings, url: str) -> Place:
    """What a URL names, as far as it may be registered at all. MayNotGoThere."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise MayNotGoThere("address-malformed") from error
    odd = parts.username is not None or parts.password is not None or parts.fragment or any(ord(sign) <= 32 for sign in url)
    if parts.scheme not in ("https", "http") or not host or odd or not url.isascii():
        raise MayNotGoThere("address-malformed")
    if not any(fnmatchcase(host, registered.lower()) for registered in settings.webhook_hosts):
        raise MayNotGoThere("host-not-registered")
    number = port or (443 if parts.scheme == "https" else 80)
    if parts.scheme == "http" and not any(listed == number for _, listed in _listed(settings)):
        raise MayNotGoThere("needs-https")
    return Place(parts.scheme, host, number, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


async def pinned(settings: Settings, place: Place) -> Address:
    """The one address to connect to. Resolved once: what is checked is what is connected to. MayNotGoThere."""
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise MayNotGoThere("no-such-host") from error
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    return _allowed(settings, place, addresses)


def _allowed(settings: Settings, place: Place, addresses: Sequence[Address]) -> Address:
    """The first, where every one of them may be connected to: a name that also leads inside is not trusted."""
    if not addresses:
        raise MayNotGoThere("no-such-host")
    for address in addresses:
        listed = any(port == place.port and address in network for network, port in _listed(settings))
        if not listed and place.scheme == "http":
            raise MayNotGoThere("needs-https")
        if not listed and not is_public(address):
            raise MayNotGoThere("private-network")
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether an address is of the open internet, whatever it is written as."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _TRANSLATED) or address.sixtofour or address.teredo:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _listed(settings: Settings) -> list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, int]]:
    """`10.20.0.0/16:8443`, `[fd00::]/8:8443` → network and port."""
    found = []
    for line in settings.webhook_networks:
        network, _, port = line.rpartition(":")
        found.append((ipaddress.ip_network(network.replace("[", "").replace("]", "")), int(port)))
    return found
