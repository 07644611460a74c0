"""The content security policy of every page: this site alone, nothing inline, and of other hosts those of Ably."""

# Asked by Ably's browser SDK (2.28) when a connection takes longer than 4 s: is it Ably, or the network?
_CONNECTIVITY = ["https://internet-up.ably-realtime.com", "wss://ws-up.ably-realtime.com"]


def policy(connect: list[str]) -> dict[str, list[str]]:
    """The directives, for django-csp. `connect`: where scripts may connect to, beside this site."""
    return {
        "default-src": ["'self'"],
        "connect-src": ["'self'", *connect],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }


def ably_sources(endpoint: str, port: int, *, tls: bool) -> list[str]:
    """All that Ably's browser SDK connects to, given what the page gives it: an empty `endpoint` is Ably's cloud.

    A port goes with an endpoint only.
    """
    secure = "s" if tls else ""
    at = f":{port}" if endpoint and port != (443 if tls else 80) else ""
    hosts = _hosts(endpoint or "main")
    return [f"{scheme}{secure}://{host}{at}" for host in hosts for scheme in ("http", "ws")] + _CONNECTIVITY


def _hosts(endpoint: str) -> list[str]:
    """As the SDK reads an endpoint (its `defaults.ts`): a host, or a routing policy with five fallbacks."""
    if ":" in endpoint.removeprefix("nonprod:"):
        return [f"[{endpoint.strip('[]')}]"]
    if "." in endpoint or endpoint == "localhost":
        return [endpoint]
    name = endpoint.removeprefix("nonprod:")
    suffix = "-nonprod" if name != endpoint else ""
    primary = f"{name}.realtime.ably{suffix}.net"
    return [primary, *(f"{name}.{letter}.fallback.ably-realtime{suffix}.com" for letter in "abcde")]
