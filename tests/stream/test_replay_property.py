"""From any cursor that was ever given, a replay yields all that is permitted and unseen, in order, or says resync:
whatever was stamped, trimmed, restored or renewed meanwhile, between two pages or in the middle of one.
"""

from datetime import timedelta
from unittest import mock

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notificacao import epoch, eventlog, retention
from notificacao.dispatcher import lease
from notificacao.dispatcher.stamp import stamp
from notificacao.epoch import LogResetDetector
from notificacao.eventlog import ResyncNeeded
from notificacao.models import DispatchState, Notification
from tests.lives import set_back
from tests.rows import write

pytestmark = pytest.mark.slow

UNIT, OTHER = "private:unit:a:notifications", "private:unit:b:notifications"
HEARD = {UNIT: 0}
PAGE = 3

STEPS = st.one_of(
    st.tuples(st.just("send"), st.lists(st.sampled_from([UNIT, UNIT, OTHER]), min_size=1, max_size=6)),
    st.tuples(st.just("send"), st.just([UNIT, OTHER, UNIT, UNIT, UNIT])),
    st.tuples(st.just("trim"), st.floats(0, 1)),
    st.tuples(st.just("restore"), st.integers(1, 5)),
    st.tuples(st.sampled_from(["look", "renew"]), st.none()),
)


class Log:
    """The log in the database, beside what each cursor's holder has seen by the time it was given."""

    def __init__(self):
        self._term = lease.hold("stamper", None)
        self._reset_detector = LogResetDetector()
        self._sent = 0
        self.life: dict[int, str] = {}  # seq → title, of all that is permitted in this life, trimmed or not
        self.given = {(eventlog.position(), frozenset[str]())}

    def send(self, channels):
        rows = [write(channel, title=f"{self._sent + place}") for place, channel in enumerate(channels)]
        self._sent += len(rows)
        stamp(self._term, reset_detector=self._reset_detector)
        for row in rows:
            row.refresh_from_db()
            if row.channel == UNIT:
                self.life[row.seq] = row.title
            self.given.add((eventlog.place_of(row, eventlog.head().epoch), frozenset(self.life.values())))

    def trim(self, share=1.0):
        """What is that far in the log is old by now, and settled."""
        old = Notification.objects.filter(seq__lte=int(share * eventlog.position().seq))
        old.update(stamped_at=timezone.now() - timedelta(days=200), dispatch_state=DispatchState.SKIPPED)
        retention.trim()

    def restore(self, lost):
        head = eventlog.head()
        back_to = max(head.trimmed_to, head.seq - lost)
        set_back(back_to)
        self.life = {seq: title for seq, title in self.life.items() if seq <= back_to}

    def look(self, _):
        self._reset_detector.look(leads=True)

    def renew(self, _):
        epoch.renew("a test")

    def check_replay(self, cursor, seen, trim):
        came, more = [], True
        try:
            while more:
                page = self._page(cursor, trim)
                came += [row.title for row in page.rows]
                cursor, more = page.complete_to, page.more
        except ResyncNeeded:
            assert not eventlog.answers(eventlog.head(), cursor), "needless"
        else:
            assert came == [title for _, title in sorted(self.life.items()) if title not in seen]
            assert cursor == eventlog.position()

    def _page(self, cursor, trim):
        check = eventlog.check

        def check_and_then_trim(cursor):
            head = check(cursor)
            self.trim()
            return head

        with mock.patch.object(eventlog, "check", check_and_then_trim if trim == "within" else check):
            page = eventlog.read_after(cursor, HEARD, PAGE)
        if trim == "after":
            self.trim()
        return page


@pytest.mark.django_db
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=2, max_size=10))
def test_every_cursor_ever_given_is_answered_in_full_or_with_a_resync(steps):
    with mock.patch.object(retention, "BATCH", 2), transaction.atomic():
        it = Log()
        for step, argument in steps:
            getattr(it, step)(argument)
        for cursor, seen in it.given:
            for trim in ("never", "within", "after"):
                with transaction.atomic():
                    it.check_replay(cursor, seen, trim)
                    transaction.set_rollback(True)
        transaction.set_rollback(True)
