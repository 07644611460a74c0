"""Tell whose address one is."""

import ipaddress
from collections.abc import Iterable


def is_within(address: str | None, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    """Tell whether one of `networks` has `address`, which may be IPv4 as IPv6 writes it; what is none is in none."""
    try:
        here = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    here = getattr(here, "ipv4_mapped", None) or here
    return any(here in network for network in networks)
