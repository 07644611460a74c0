"""Limit how often the API is called, by person and role and by producer: DRF's throttles over `rates`."""

from rest_framework.throttling import BaseThrottle

from notificacao import audit, rates
from notificacao.conf import conf
from notificacao.models import Person, Role
from notificacao.rates import Rate


def sending_rate(person: Person) -> Rate:
    """Return how many notifications `person` may send, by the role that they have now."""
    staff = person.is_staff or person.memberships.exclude(role=Role.CIDADAO).exists()
    return Rate(*(conf.RATE_STAFF if staff else conf.RATE_USER))


class _Throttle(BaseThrottle):
    """Take each request from the bucket that `rate_for` names, with the rate at which it fills."""

    def rate_for(self, request) -> tuple[str, Rate]:
        raise NotImplementedError

    def allow_request(self, request, view) -> bool:
        self._wait = rates.take(*self.rate_for(request))
        return not self._wait

    def wait(self) -> float:
        return self._wait


class PersonThrottle(_Throttle):
    """Limit all calls of a person who is logged in."""

    def rate_for(self, request) -> tuple[str, Rate]:
        sends = sending_rate(request.user)
        calls = Rate(sends.per_minute * conf.RATE_CALLS, sends.burst * conf.RATE_CALLS)
        return f"api:{request.user.pk}:{calls.burst}", calls  # with another role, another bucket


class ReaderThrottle(PersonThrottle):
    """Limit how often the API's document is made, for a person, or by address for whoever has no login."""

    def rate_for(self, request) -> tuple[str, Rate]:
        if request.user.is_authenticated:
            return super().rate_for(request)
        return f"document:{audit.address_of(request)}", Rate(*conf.RATE_STAFF)


class TokenThrottle(_Throttle):
    """Limit a person's requests for Ably tokens."""

    def rate_for(self, request) -> tuple[str, Rate]:
        return f"token:{request.user.pk}", Rate(conf.ABLY_TOKENS_PER_MINUTE, conf.ABLY_TOKENS_PER_MINUTE)


class ProducerThrottle(_Throttle):
    """Limit the requests of another system, whichever of its keys it uses."""

    def rate_for(self, request) -> tuple[str, Rate]:
        return request.auth.producer.who, Rate(*conf.RATE_SYSTEM)
