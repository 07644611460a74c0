"""Decide who may read the metrics of a process."""

import hmac
import ipaddress

from notificacao.conf import conf


def may_be_read_by(address: str | None, authorization: str) -> bool:
    """Tell whether who comes from `address`, with that header Authorization, may read metrics.

    METRICS_ALLOW names addresses, METRICS_TOKEN is the token of a Bearer; without either nobody may.
    """
    given = authorization.encode(errors="replace")
    if conf.METRICS_TOKEN and hmac.compare_digest(given, f"Bearer {conf.METRICS_TOKEN}".encode()):
        return True
    try:
        here = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    here = getattr(here, "ipv4_mapped", None) or here
    return any(here in network for network in conf.METRICS_NETWORKS)
