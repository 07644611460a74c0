"""Write down the figures of the minutes that are over, as the leader alone does."""

from datetime import timedelta

from notificacao import eventlog
from notificacao.dispatcher import lease
from notificacao.figures import counting

AFTER_THE_MINUTE = timedelta(seconds=1)


def write_down(term: int) -> float:
    """Count and write what is due as the leader in `term`; return the seconds until it is next. Raises LeadLost.

    It is counted before the transaction, so that the stamp waits for the writing alone.
    """
    now = eventlog.now()
    minutes = counting.due(now)
    with lease.kept(term):
        counting.write(minutes)
    next_time = counting.minute_of(now) + counting.MINUTE + AFTER_THE_MINUTE
    return (next_time - now).total_seconds()
