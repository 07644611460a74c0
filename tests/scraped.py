"""Read /metrics as Prometheus does: what a web process answers, sample by sample."""

from django.test import Client
from django_prometheus.middleware import Metrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


class Page:
    """What one scrape shows of ours. What nobody asks for is not parsed: a page is two thousand lines."""

    def __init__(self, text: str):
        self._lines = text.splitlines()

    def _samples(self, name: str) -> list[Sample]:
        ours = "\n".join(line for line in self._lines if line.startswith((f"{name}{{", f"{name} ")))
        return [sample for family in text_string_to_metric_families(ours + "\n") for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples of `name`, without the prefix, that have these labels. There is one at least."""
        found = [one.value for one in self._samples(f"notificacao_{name}") if labels.items() <= one.labels.items()]
        assert found, f"/metrics shows no {name} with {labels}"
        return sum(found)

    def labels(self, name: str) -> list[dict[str, str]]:
        """Of each sample of `name`, which is given as it is shown."""
        return [sample.labels for sample in self._samples(name)]


def scrape() -> Page:
    """What this process shows now, without the histogram of each view: in a long run they are thousands of lines."""
    Metrics.get_instance().requests_latency_by_view_method.clear()
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    return Page(answer.content.decode())


class Grown:
    """How much a sample grew since this was made."""

    def __init__(self) -> None:
        self._before = scrape()

    def __call__(self, name: str, **labels: str) -> float:
        return scrape()(name, **labels) - self._before(name, **labels)
