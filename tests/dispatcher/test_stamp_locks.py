"""What PostgreSQL's locks promise the log, tried between two sessions."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import DatabaseError, OperationalError, connection, connections, transaction

from notificacao import database, epoch, retention
from notificacao.dispatcher import canary, claims, lease, stamp
from notificacao.dispatcher.orchestrator import PUBLISHED
from notificacao.models import DispatcherLease, LogHead, Notification
from tests.rows import write, write_stamped

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

LIMITS, IDLE_LIMIT = stamp._LIMITS, database.IDLE_LIMIT


@pytest.fixture
def term(transactional_db):
    return lease.hold("leader", None)


@pytest.fixture
def standby():
    """Another session: `standby(work, *args)` is what that returns, or raises, there."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(impatient).result()
        yield lambda work, *args: thread.submit(work, *args).result(10)
        thread.submit(patient_again).result()


def impatient():
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")


def patient_again():
    """The connection goes back to the pool, and to another test."""
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")
    connections.close_all()


def seqs():
    return list(Notification.objects.order_by("pk").values_list("seq", flat=True))


def let_it_run_out():
    DispatcherLease.objects.update(until="2000-01-01T00:00:00Z")


def test_nobody_takes_the_lease_while_a_stamper_is_between_its_look_and_its_commit(term, standby):
    let_it_run_out()
    with transaction.atomic():
        stamp.lock_and_look(term, stamp._WAITING.format(limit=9, **stamp._WORDS["postgresql"]._asdict()))
        with pytest.raises(OperationalError, match="lock timeout"):
            standby(lease.hold, "standby", None)
    assert standby(lease.hold, "standby", None) == term + 1


def test_two_stampers_never_number_at_the_same_time(term, standby):
    write("a")
    with transaction.atomic():
        stamp.lock_and_look(term, stamp._WAITING.format(limit=9, **stamp._WORDS["postgresql"]._asdict()))
        with pytest.raises(OperationalError, match="lock timeout"):
            standby(lock_the_head)
    assert len(standby(stamp.stamp, term)) == 1


def lock_the_head():
    with transaction.atomic():
        LogHead.objects.select_for_update().get(pk=1)


def test_a_stamper_that_falls_asleep_is_thrown_out_and_what_it_wrote_with_it(term, standby, monkeypatch):
    monkeypatch.setattr(stamp, "_LIMITS", LIMITS.replace("2s", "200ms"))
    for _ in range(2):
        write("a")
    let_it_run_out()
    with pytest.raises(DatabaseError, match="idle-in-transaction"):
        fall_asleep_over(number, lead, term, standby)
    connection.close()
    assert seqs() == [None, None]
    assert len(standby(stamp.stamp, term + 1)) == 2
    assert seqs() == [1, 2]


def number(term):
    head, rows = stamp.lock_and_look(term, stamp._WAITING.format(limit=9, **stamp._WORDS["postgresql"]._asdict()))
    stamp._number(rows, head.seq, False)


def lead():
    assert lease.hold("standby", None)


def lock_the_row():
    with transaction.atomic():
        Notification.objects.select_for_update().get()


WORK = {  # what takes a lock, and what another leader needs that lock for
    "a round that keeps the lease": (lambda term: canary._record(term, 1.0, ""), lead),
    "outcomes": (lambda _: claims.settle({"mine": {Notification.objects.get().pk: PUBLISHED}}), lock_the_row),
    "the trim": (lambda _: retention.trim(days=1), lock_the_head),
    "a new epoch": (lambda _: epoch.renew("Restaurado"), lock_the_head),
}


@pytest.mark.parametrize("which", WORK)
def test_whoever_falls_asleep_with_a_lock_of_the_dispatchers_is_thrown_out(which, term, standby, monkeypatch):
    monkeypatch.setattr(database, "IDLE_LIMIT", IDLE_LIMIT.replace("2s", "200ms"))
    state = "published" if which == "the trim" else "pending"
    write_stamped(1, lease="mine", stamped_at="2000-01-01T00:00:00Z", dispatch_state=state)
    let_it_run_out()
    with pytest.raises(DatabaseError, match="idle-in-transaction"):
        fall_asleep_over(*WORK[which], term, standby)
    connection.close()


def fall_asleep_over(work, needed, term, standby):
    with transaction.atomic():
        work(term)
        tries = (gets_it(standby, needed) for _ in range(50))
        assert any(tries)
        Notification.objects.count()  # it wakes up


def gets_it(standby, needed):
    try:
        standby(needed)
    except OperationalError:
        return False
    return True


def test_a_row_that_its_producer_has_not_committed_yet_is_not_waited_for(term, standby):
    with transaction.atomic():
        late = write("a")
        early = standby(write, "a")
        assert len(standby(stamp.stamp, term)) == 1
    assert len(stamp.stamp(term)) == 1
    assert dict(Notification.objects.values_list("pk", "seq")) == {early.pk: 1, late.pk: 2}
    assert late.pk < early.pk


def test_each_transaction_of_a_dispatcher_ends_who_sleeps_in_it():
    plain = [path.name for path in Path(stamp.__file__).parent.glob("*.py") if "transaction.atomic" in path.read_text()]
    assert sorted(plain) == ["changes.py", "stamp.py"]  # the look that both begin with sets the limit
