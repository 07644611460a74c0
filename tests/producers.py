"""Other systems that send: made for tests, with a scope and a key."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from notificacao.models import Producer, ProducerKey

URL = "/api/v1/notifications/"
WORDS = {"title": "Visita remarcada", "message": "A visita passou para amanhã.", "kind": "acompanhamento"}
EVERYTHING = {
    "events": ["solicitacao.aprovada", "solicitacao.atribuida", "manutencao.programada"],
    "kinds": ["acompanhamento", "sistema"],
    "to_people": True,
    "to_units": True,
    "to_benefits": True,
    "to_everybody": True,
}


def make_producer(slug: str = "beneficios", **scope) -> Producer:
    """One that may send everything, unless `scope` says otherwise."""
    return Producer.objects.create(slug=slug, name=slug.title(), **(EVERYTHING | scope))


def make_key(producer: Producer, **fields) -> str:
    """The text of a new key."""
    fields = {"name": "servidor", "expiry_date": timezone.now() + timedelta(days=30)} | fields
    return ProducerKey.objects.create_key(producer=producer, **fields)[1]


class System:
    """A producer at work: `post(…)` what it is to send."""

    def __init__(self, producer: Producer, key: str | None = None):
        self.producer = producer
        self.key = key or make_key(producer)
        self._client = Client(enforce_csrf_checks=True)

    def post(self, asked, **headers):
        return self._client.post(
            URL, asked, content_type="application/json", headers={"Authorization": f"Api-Key {self.key}", **headers}
        )


def to(**recipients) -> dict:
    """A notification in its own words to `recipients`, such as `units=["CRAS01"]`."""
    return {"recipients": recipients, **WORDS}
