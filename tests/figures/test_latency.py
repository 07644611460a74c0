"""What is counted in buckets adds up exactly, and tells percentiles."""

import pytest

from notificacao.figures import latency


def of(**counts):
    """Buckets with so many receipts up to these edges: `of(e100=3)`."""
    buckets = latency.empty()
    for edge, count in counts.items():
        buckets[latency.EDGES.index(int(edge[1:]))] = count
    return buckets


def test_the_edges_are_those_of_the_metrics_and_have_the_goals():
    assert latency.EDGES[0] == 5
    assert {100, 500} <= set(latency.EDGES)
    assert len(latency.empty()) == len(latency.EDGES) + 1


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [(of(), None), (of(e100=100), 97.5), (of(e50=95, e1000=5), 50.0), ([0] * 15 + [3], 60_000.0)],
)
def test_a_percentile_lies_within_its_bucket_in_proportion(buckets, expected):
    assert latency.percentile(buckets, 0.95) == expected


def test_the_sum_of_two_minutes_is_that_of_both_and_what_lies_beyond_an_edge_is_exact():
    both = latency.total([of(e50=3, e200=1), of(e50=1, e500=2)])
    assert both == of(e50=4, e200=1, e500=2)
    assert latency.beyond(both, 100) == 3
    assert latency.beyond(both, 500) == 0
    assert latency.total([]) == latency.empty()
