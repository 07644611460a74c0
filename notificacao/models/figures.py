"""Keep what the system did and who was there, minute by minute, and hour by hour once that is long ago."""

from django.db import models


class FigureMinute(models.Model):
    """Hold the figures of `span` minutes from `at` on: 1, or 60 once they were put together.

    Of what was stamped in that time: how many, what became of them at Ably, and the receipts by transport. `expected`
    is how many on personal channels had a page open from the stamp on, `missing` how many of these have no receipt.
    `latency` is `{transport: receipts in each of latency.EDGES}`, so that of any number of rows the sum is exact.

    What can only be seen at the moment is null where nobody looked then: people and pages, the age of the oldest row
    that waits for its stamp or its outcome, and whether Ably was out of use. Of an hour it is the highest.
    """

    at = models.DateTimeField("desde", unique=True)
    span = models.PositiveSmallIntegerField(default=1)
    measured = models.PositiveSmallIntegerField(default=1, help_text="Minutes of the span that have figures.")
    seq_to = models.BigIntegerField(default=0, help_text="The last seq that was stamped before its end.")

    stamped = models.PositiveIntegerField(default=0)
    stamped_peak = models.PositiveIntegerField(default=0, help_text="The most of one minute.")
    published = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    expected = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    latency = models.JSONField(default=dict)
    probes_heard = models.PositiveIntegerField(default=0)
    probes_missed = models.PositiveIntegerField(default=0)

    looked = models.PositiveSmallIntegerField(default=0, help_text="Minutes of the span that somebody looked in.")
    out_of_use = models.PositiveSmallIntegerField(default=0, help_text="Of these, minutes with Ably out of use.")
    on_ably = models.PositiveIntegerField(null=True)
    on_sse = models.PositiveIntegerField(null=True)
    streams_live = models.PositiveIntegerField(null=True)
    streams_standby = models.PositiveIntegerField(null=True)
    unstamped_seconds = models.FloatField(null=True)
    unsettled_seconds = models.FloatField(null=True)

    class Meta:
        verbose_name = "metas"
        verbose_name_plural = "metas"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
