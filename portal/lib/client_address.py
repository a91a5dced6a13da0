"""Where a request comes from."""

from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The network address of the client, as far as our own proxies vouch for it.

    X-Forwarded-For is written by whoever likes; only its last TRUSTED_PROXY_COUNT entries are ours.
    """
    trusted = settings.TRUSTED_PROXY_COUNT
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    if trusted and len(forwarded) >= trusted and forwarded[-trusted]:
        return _as_itself(forwarded[-trusted][:45])
    return _as_itself(str(request.META.get("REMOTE_ADDR", ""))[:45])


def _as_itself(address: str) -> str:
    """IPv4 that came through an IPv6 socket (::ffff:192.0.2.1) as IPv4, or all would share one /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str((isinstance(parsed, IPv6Address) and parsed.ipv4_mapped) or address)


def client_network(request: HttpRequest) -> str:
    """What throttles count by: the IPv4 address, or the /64 that an IPv6 customer gets."""
    address = client_address(request)
    try:
        network = ip_network(address)
    except ValueError:
        return address
    if isinstance(network, IPv6Network):
        network = network.supernet(new_prefix=64)
    return str(network)
