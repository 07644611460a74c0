"""Build the content security policy of every page: this site alone, nothing inline, of other hosts Ably's only."""

# Ably's browser SDK (2.28) asks these, when a connection takes longer than 4 s, whether Ably or the network fails.
_CONNECTIVITY = ["https://internet-up.ably-realtime.com", "wss://ws-up.ably-realtime.com"]


def policy(connect: list[str]) -> dict[str, list[str]]:
    """Return the directives, for django-csp; `connect` lists the sources beside this site that scripts may reach."""
    return {
        "default-src": ["'self'"],
        "connect-src": ["'self'", *connect],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }


def ably_sources(endpoint: str, port: int, *, tls: bool) -> list[str]:
    """Return every source that Ably's browser SDK connects to with the options that a page gives it.

    An empty `endpoint` means Ably's cloud; `port` counts only with an endpoint.
    """
    secure = "s" if tls else ""
    at = f":{port}" if endpoint and port != (443 if tls else 80) else ""
    hosts = _hosts(endpoint or "main")
    return [f"{scheme}{secure}://{host}{at}" for host in hosts for scheme in ("http", "ws")] + _CONNECTIVITY


def _hosts(endpoint: str) -> list[str]:
    """Return the endpoint's hosts as the SDK reads it (its `defaults.ts`): one, or a policy's with five fallbacks."""
    if ":" in endpoint.removeprefix("nonprod:"):
        return [f"[{endpoint.strip('[]')}]"]
    if "." in endpoint or endpoint == "localhost":
        return [endpoint]
    name = endpoint.removeprefix("nonprod:")
    suffix = "-nonprod" if name != endpoint else ""
    primary = f"{name}.realtime.ably{suffix}.net"
    return [primary, *(f"{name}.{letter}.fallback.ably-realtime{suffix}.com" for letter in "abcde")]
