"""Turn Ably's error answers into TransportErrors: a fault of the message, of our key, of our pace, or of Ably.

The codes are those of Ably's reference.
"""

from notificacao.transports import CredentialsRejected, TooFast, TransportError
from notificacao.transports.ably.client import Answer, read_error

_TOO_MANY_REQUESTS = 429
_SERVER_FAULT = 500
_NOBODY_GETS_THROUGH = (401, 403, 404)  # the key, the account or the app is not accepted, or does not exist
LACKS_CAPABILITY = 40160  # comes with status 401 too, but is about one channel alone


def fault_of(answer: Answer) -> TransportError | None:
    """Return the error of a request by Ably's answer; None where it succeeded."""
    if answer.status < 300:
        return None
    return _fault(answer.status, answer.code, answer.message, answer.retry_after)


def fault_of_each(answer: Answer, count: int) -> list[TransportError | None]:
    """Return the error of each of the `count` messages of a batch, in order; None for each that succeeded.

    Raises TransportError where the answer does not hold `count` results.
    """
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
    """Return `fault` where it concerns one message alone; raise it where it concerns all, as a rejected key does."""
    if fault is not None and (not fault.permanent or isinstance(fault, CredentialsRejected)):
        raise fault
    return fault


def is_only_a_capability(answer: Answer) -> bool:
    """Tell whether Ably accepts our key, and only denies it this one operation."""
    return answer.code == LACKS_CAPABILITY


def _fault(status: int, code: int, message: str, retry_after: float | None) -> TransportError | None:
    if "already used" in message:  # Ably had this id from an earlier attempt, so the message is published
        return None
    text = f"{code}: {message}"
    if status == _TOO_MANY_REQUESTS:
        return TooFast(text, f"o Ably pediu um ritmo menor (código {code})", retry_after)
    if status in _NOBODY_GETS_THROUGH and code != LACKS_CAPABILITY:
        return CredentialsRejected(text, f"o Ably recusou a chave ou a conta (código {code})")
    if status < _SERVER_FAULT:
        return TransportError(text, f"o Ably recusou o pedido (código {code})", permanent=True)
    return TransportError(text, f"o Ably falhou (código {code})", permanent=False)
