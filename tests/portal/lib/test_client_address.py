"""Where a request comes from, and what throttles count by."""

import re
from pathlib import Path

import pytest
from django.conf import settings as portal_settings
from django.test import RequestFactory

from portal.lib.client_address import client_address, client_network


@pytest.mark.parametrize(
    ("remote", "address", "network"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7/32"),
        ("::FFFF:c000:207", "192.0.2.7", "192.0.2.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unix:", "unix:", "unix:"),
        ("", "", ""),
    ],
)
def test_an_address_counts_as_what_it_is(rf: RequestFactory, remote: str, address: str, network: str) -> None:
    request = rf.get("/", REMOTE_ADDR=remote)
    assert (client_address(request), client_network(request)) == (address, network)


def test_a_mapped_address_from_our_proxy_counts_as_ipv4(rf: RequestFactory, settings: object) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    request = rf.get("/", headers={"X-Forwarded-For": "1.2.3.4, ::ffff:192.0.2.7"})
    assert client_address(request) == "192.0.2.7"


def loggable(uri: str) -> str:
    """What the example site of nginx writes of an address it has decoded."""
    text = Path(portal_settings.BASE_DIR / "deploy" / "nginx.conf").read_text()
    source, rows = re.search(r"map (\$\w+) \$loggable_uri \{(.*?)\n\}", text, re.S).groups()
    assert source == "$uri"
    for pattern, shown in re.findall(r"^\s+~(\S+)\s+(\S+);", rows, re.M):
        flags = re.IGNORECASE if pattern.startswith("*") else 0
        if re.search(pattern.removeprefix("*"), uri, flags):
            return shown
    return uri


@pytest.mark.parametrize(
    "uri",
    [
        "/add/7QKM-3RXD-9HFA/",
        "//add/7QKM-3RXD-9HFA/",
        "/ADD/7QKM-3RXD-9HFA",
        "/accounts/confirm-email/7QKM-3RXD-9HFA/",
        "/accounts//confirm-email/7QKM-3RXD-9HFA/",
        "/accounts/password/reset/key/7QKM-3RXD-9HFA/",
    ],
)
def test_the_log_of_nginx_holds_no_code(uri: str) -> None:
    assert "7QKM" not in loggable(uri)


@pytest.mark.parametrize("uri", ["/", "/add/", "/locations/", "/accounts/password/reset/"])
def test_the_log_of_nginx_tells_everything_else(uri: str) -> None:
    assert loggable(uri) == uri
