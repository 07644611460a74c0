"""Decide who may read the metrics of a process."""

import hmac

from notificacao.addresses import is_within
from notificacao.conf import conf


def may_be_read_by(address: str | None, authorization: str) -> bool:
    """Tell whether who comes from `address`, with that header Authorization, may read metrics.

    METRICS_ALLOW names addresses, METRICS_TOKEN is the token of a Bearer; without either nobody may.
    """
    given = authorization.encode(errors="replace")
    if conf.METRICS_TOKEN and hmac.compare_digest(given, f"Bearer {conf.METRICS_TOKEN}".encode()):
        return True
    return is_within(address, conf.METRICS_NETWORKS)
