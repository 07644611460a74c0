"""Write docs/metrics.md from the definitions."""

from collections.abc import Iterator, Sequence

from notificacao.metrics import FAMILIES
from notificacao.metrics.families import Family

_MOST = 10  # values of a label that are listed; of more the first and their number are told

_BEGINNING = """\
# Metrics

This file is made by `python -m notificacao.metrics`, of the definitions in `notificacao/metrics/__init__.py`; it is not
edited.

Who may read them is said by `METRICS_ALLOW` and `METRICS_TOKEN` (`docs/operations.md`).
- **Each process has its own.** A web process shows them at `/metrics`, a dispatcher where it was started as
  `manage.py dispatch --metrics-port 9100`. Nothing is added up between processes: Prometheus scrapes
  each of them by its own address, never through a balancer, and a query does the sum:
  `sum(rate(notificacao_stamped_total[5m]))`. A counter begins at 0 with its process, as `rate()` expects.
- **Every series is there from the start**, at 0, and its labels are words of ours: no id, name or address is ever one.
- **What the leader alone writes** is 0 in every other process, and again in one that loses the lead: take the `max()`
  over all processes. A moment of 0 means that there was none yet: compare it only where it is above 0.
- A histogram has the series `_bucket`, `_sum` and `_count`. The goals, 0.1 s and 0.5 s, are edges of those in seconds.
- How many people are connected is not here, since a person may have pages in two processes: the database knows.

| Metric | Type | Unit | Labels | Meaning |
|---|---|---|---|---|
"""

_END = """
## Of django-prometheus
We rely on these of the web processes too; its own documentation has the rest.

| Metric | Meaning |
|---|---|
| `django_http_requests_latency_seconds_by_view_method` | how long each view took (histogram): the API's P95 |
| `django_http_responses_total_by_status_view_method_total` | by status: the share of 5xx is the site's error rate |
| `django_http_exceptions_total_by_type_total` | exceptions that no view caught |
| `process_cpu_seconds_total` · `process_resident_memory_bytes` · `process_open_fds` | what the process takes |

A stream is answered outside of Django, so it is in none of the first three: `notificacao_open_streams` and
`notificacao_streams_refused_total` tell of it.
"""


def text() -> str:
    """Return docs/metrics.md."""
    return _BEGINNING + "".join(map(_row, FAMILIES)) + _END


def _row(family: Family) -> str:
    name, meaning = f"`{family.shown_as}`", family.meaning.replace("|", "\\|")
    of_the_leader = "; the leader's alone" if family.of_the_leader else ""
    labels = " · ".join(_labels(family)) or "none"
    return f"| {name} | {family.type} | {family.unit} | {labels} | {meaning}{of_the_leader} |\n"


def _labels(family: Family) -> Iterator[str]:
    for label, values in family.labels.items():
        yield f"`{label}`: {_values(values)}"


def _values(values: Sequence[str]) -> str:
    if len(values) > _MOST:
        return f"{', '.join(values[:2])} … ({len(values)})"
    return ", ".join(values)
