"""Count latencies in buckets: those of any number of minutes add up exactly, which percentiles do not."""

from collections.abc import Iterable, Sequence

from notificacao.metrics.families import SECONDS

EDGES = tuple(round(1_000 * seconds) for seconds in SECONDS)  # ms, each within its bucket; one more bucket has the rest
GOAL = 100  # ms within which 95% are to be delivered


def empty() -> list[int]:
    """Return the buckets of no receipt at all."""
    return [0] * (len(EDGES) + 1)


def total(many: Iterable[Sequence[int]]) -> list[int]:
    """Return the sum of buckets."""
    return [sum(column) for column in zip(empty(), *many, strict=True)]


def percentile(buckets: Sequence[int], share: float) -> float | None:
    """Return the milliseconds within which `share` of the receipts lie; None without receipts.

    Within its bucket the place is taken to be in proportion, as Prometheus's `histogram_quantile` does; beyond the last
    edge it is that edge.
    """
    rank, below = share * sum(buckets), 0
    for low, edge, count in zip((0, *EDGES), EDGES, buckets, strict=False):
        if count and below + count >= rank:
            return low + (edge - low) * (rank - below) / count
        below += count
    return float(EDGES[-1]) if sum(buckets) else None


def beyond(buckets: Sequence[int], edge: int) -> int:
    """Return how many receipts took longer than `edge` milliseconds, one of EDGES."""
    return sum(buckets[EDGES.index(edge) + 1 :])
