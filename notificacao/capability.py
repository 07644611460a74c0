"""Decide whether all that a person may subscribe to fits in one Ably token and one connection; else SSE serves them.

Ably takes about 8 KB of headers, in which the token travels, and 200 channels a connection. A token that is larger is
refused at each attempt, for good. A wildcard would fit, and would open channels that are not theirs.
"""

import json
from collections.abc import Collection, Iterable, Mapping

from notificacao import audiences

TOKEN_MAX = 6_144  # bytes
CHANNELS_MAX = 150
_SUBSCRIBE = ["subscribe"]
_ENTRY = len(json.dumps(json.dumps({"": _SUBSCRIBE}, separators=(",", ":")))) - len('"{}"') + len(",")
_REST = 500  # bytes: header, signature, and each claim but the capability, with the longest client id
_FEW = 30  # shared channels; with the longest names that there may be they fit
_BATCH = 500  # people


def of(channels: Iterable[str]) -> dict[str, list[str]]:
    """Return the capability to subscribe to exactly these channels."""
    return dict.fromkeys(sorted(channels), _SUBSCRIBE)


def as_claim(capability: Mapping[str, list[str]]) -> str:
    """Return the capability as the JSON that a token carries."""
    return json.dumps(capability, separators=(",", ":"))


def token_size(channels: Collection[str]) -> int:
    """Return how many bytes a token for these channels has at most: it is JSON within JSON, in base64."""
    return _REST + (sum(map(len, channels)) + _ENTRY * len(channels)) * 4 // 3


def fits(channels: Collection[str]) -> bool:
    """Tell whether one token and one connection can carry these channels."""
    return len(channels) <= CHANNELS_MAX and token_size(channels) <= TOKEN_MAX


def beyond(person_pks: Iterable[int]) -> set[int]:
    """Return those of the people whose channels do not fit.

    The channels are read only of those who hold many memberships, or a role that reaches beyond its unit.
    """
    asked = set(person_pks)
    few = asked if len(asked) <= _BATCH else None  # of many people one look at all memberships costs less
    perhaps = sorted(asked & audiences.may_have_more_than(_FEW, few))
    return {
        pk
        for begin in range(0, len(perhaps), _BATCH)
        for pk, channels in audiences.channels_of(perhaps[begin : begin + _BATCH]).items()
        if not fits(channels)
    }
