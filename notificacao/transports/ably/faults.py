"""What Ably's answers mean: the message's fault, our key's, too fast, or theirs. Codes as in Ably's reference."""

from notificacao.transports import CredentialsRejected, TooFast, TransportError
from notificacao.transports.ably.client import Answer, read_error

_TOO_MANY_REQUESTS = 429
_SERVER_FAULT = 500
_NOBODY_GETS_THROUGH = (401, 403, 404)  # a key, an account or an app that is not accepted, or is not there
LACKS_CAPABILITY = 40160  # 401 as well, but of that channel alone


def fault_of(answer: Answer) -> TransportError | None:
    """What went wrong with a request; None where nothing did."""
    if answer.status < 300:
        return None
    return _fault(answer.status, answer.code, answer.message, answer.retry_after)


def fault_of_each(answer: Answer, count: int) -> list[TransportError | None]:
    """What went wrong with each of `count` messages of a batch, in order. Raises TransportError for other results."""
    faults: list[TransportError | None] = []
    for spec in answer.items:
        for result in spec.get("results", ()) if isinstance(spec, dict) else ():
            error = result.get("error")
            code, message = read_error(error)
            faults.append(_fault(error.get("statusCode") or code // 100, code, message, None) if error else None)
    if len(faults) != count:
        raise TransportError(
            f"not an answer of Ably's: {len(faults)} results of {count}",
            f"o que respondeu não foi o Ably ({len(faults)} resultados de {count})",
            permanent=False,
        )
    return faults


def its_own(fault: TransportError | None) -> TransportError | None:
    """`fault` where it is of the message that was sent; raises it where it is everybody's."""
    if fault is not None and (not fault.permanent or isinstance(fault, CredentialsRejected)):
        raise fault
    return fault


def is_only_a_capability(answer: Answer) -> bool:
    """Whether our key is accepted, and may not do just this."""
    return answer.code == LACKS_CAPABILITY


def _fault(status: int, code: int, message: str, retry_after: float | None) -> TransportError | None:
    if "already used" in message:  # an earlier attempt had arrived
        return None
    text = f"{code}: {message}"
    if status == _TOO_MANY_REQUESTS:
        return TooFast(text, f"o Ably pediu um ritmo menor (código {code})", retry_after)
    if status in _NOBODY_GETS_THROUGH and code != LACKS_CAPABILITY:
        return CredentialsRejected(text, f"o Ably recusou a chave ou a conta (código {code})")
    if status < _SERVER_FAULT:
        return TransportError(text, f"o Ably recusou o pedido (código {code})", permanent=True)
    return TransportError(text, f"o Ably falhou (código {code})", permanent=False)
