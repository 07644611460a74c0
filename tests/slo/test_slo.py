"""A month of simulated minutes is held against the plan's goals, right to the minute."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from notificacao import plan_goals as plan
from notificacao.figures import keeping, latency
from notificacao.models import FigureMinute
from notificacao.slo import goals as slo
from tests.admin.test_audit import pieces_of
from tests.staff import make_staff

pytestmark = pytest.mark.django_db
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 30
END = BEGAN + timedelta(days=DAYS)
PAGE = "/admin/notificacao/figureminute/"


def at(day, hour, minute=0):
    return BEGAN + timedelta(days=day, hours=hour, minutes=minute)


def receipts(fast, slow):
    """Receipts of SSE: so many within 50 ms, so many between 500 and 750."""
    buckets = latency.empty()
    buckets[latency.EDGES.index(50)] = fast
    buckets[latency.EDGES.index(750)] = slow
    return {"sse": buckets}


def good(moment) -> FigureMinute:
    return FigureMinute(
        at=moment, looked=1, stamped=60, stamped_peak=60, published=20, skipped=40, expected=40,
        latency=receipts(58, 2), probes_heard=4, on_ably=100, on_sse=400, unstamped_seconds=0.1,
    )  # fmt: skip


def good_days(days: int) -> None:
    """Write that many days without a fault: the first minute by minute, the others as its copies."""
    FigureMinute.objects.bulk_create(good(BEGAN + n * slo.MINUTE) for n in range(1_440))
    copied = ", ".join(field.column for field in FigureMinute._meta.concrete_fields if field.name not in ("id", "at"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {FigureMinute._meta.db_table} (at, {copied})"
            f" SELECT at + interval '1 day' * day, {copied}"
            f" FROM {FigureMinute._meta.db_table}, generate_series(1, %s) AS day",
            [days - 1],
        )


@pytest.fixture
def month():
    """Thirty days without a fault, but for minutes that are missing, waiting or undelivered."""
    good_days(DAYS)
    minutes = FigureMinute.objects
    minutes.filter(at__in=[at(3, 10, n) for n in range(12)]).delete()  # nobody led, and nothing was written down
    minutes.filter(at__in=[at(9, 2, n) for n in range(3)]).update(looked=0)  # nobody led, and it was counted afterwards
    minutes.filter(at=at(9, 2, 3)).update(unstamped_seconds=7.0)  # the same incident goes on
    minutes.filter(at=at(20, 23, 59)).update(missing=10)
    minutes.filter(at=at(25, 12)).update(stamped_peak=36_000)


@pytest.mark.postgres
def test_the_month_is_right_to_the_minute_and_each_figure_beside_the_plan_s(month, monkeypatch):
    report = slo.report(DAYS, now=END)
    told = [(one.since, one.until, one.reason, one.minutes) for one in report.incidents]
    assert told == [
        (at(3, 10), at(3, 10, 12), slo.UNWATCHED, 12),
        (at(9, 2), at(9, 2, 4), slo.UNWATCHED, 4),
        (at(20, 23, 59), at(21, 0), slo.UNDELIVERED, 1),
    ]
    assert (report.minutes, report.down) == (43_200, 17)
    assert report.budget_minutes == pytest.approx(43.2 - 17)
    lines = {line.name: line for line in report.lines}
    told = {name: (line.measured and round(line.measured, 3), line.verdict) for name, line in lines.items()}
    assert told == {
        "Latência P95": (49.569, "good"),
        "Redução da latência": (75.216, "good"),
        "Taxa de erro": (0.001, "good"),
        "Falhas no Ably": (0.0, "good"),
        "Disponibilidade": (99.961, "good"),
        "Disponibilidade do Ably": (100.0, "good"),
        "Pico de vazão": (600.0, "good"),
        "Pico de conexões": (500, "unasked"),
        "Incidentes": (3.0, "missed"),
        "Satisfação": (None, "unknown"),
    }
    assert lines["Taxa de erro"].samples == 40 * (43_200 - 12)
    # Hours that were put together tell the same.
    monkeypatch.setattr(keeping.eventlog, "now", lambda: at(4, 0) + keeping.MINUTES_KEPT)
    while keeping.fold():
        pass
    after = slo.report(DAYS, now=END)
    assert FigureMinute.objects.filter(span=60).count() == 4 * 24
    assert after.down == report.down
    assert [line.measured for line in after.lines] == [line.measured for line in report.lines]


def test_days_before_the_first_figure_are_neither_good_nor_bad():
    FigureMinute.objects.bulk_create(good(at(29, 23, n)) for n in range(60))
    report = slo.report(DAYS, now=END)
    assert (report.known_since, report.minutes, report.down) == (at(29, 23), 60, 0)


def test_a_dispatcher_that_is_away_now_is_an_incident_up_to_now():
    FigureMinute.objects.bulk_create(good(at(29, 22, n)) for n in range(60))
    (incident,) = slo.report(DAYS, now=END).incidents
    assert (incident.since, incident.until, incident.minutes) == (at(29, 23), END, 60)


def test_without_figures_nothing_is_claimed():
    report = slo.report(DAYS, now=END)
    assert {line.measured for line in report.lines} == {None}
    assert report.incidents == []


def test_bad_figures_are_told_as_such():
    FigureMinute.objects.bulk_create(
        FigureMinute(at=at(29, 23, n), looked=1, expected=100, missing=6, failed=1, published=99,
                     latency=receipts(1, 9), stamped_peak=10) for n in range(60)
    )  # fmt: skip
    verdicts = {line.name: line.verdict for line in slo.report(DAYS, now=END).lines}
    assert verdicts["Latência P95"] == verdicts["Taxa de erro"] == verdicts["Disponibilidade"] == "critical"
    assert verdicts["Falhas no Ably"] == "missed"


# --- Told by the command, on the page, as a file


@pytest.fixture
def today(monkeypatch):
    """The last day has figures, but for twelve minutes."""
    monkeypatch.setattr(slo.eventlog, "now", lambda: END)
    last = (at(29, 0, n) for n in range(1_440))
    FigureMinute.objects.bulk_create(good(moment) for moment in last if not at(29, 10) <= moment < at(29, 10, 12))


def test_the_command_tells_it(today):
    out = StringIO()
    call_command("slo", "--days", "30", stdout=out)
    assert "Minutos sem serviço: 12; ainda cabem 31.2." in out.getvalue()
    assert "Latência P95: 49.6 ms: cumpre (antes 200, meta 100, n=" in out.getvalue()
    assert "30/11 07:00 a 30/11 07:12, 12 min: ninguém à frente" in out.getvalue()


def test_the_command_hands_it_out_as_csv(today):
    out = StringIO()
    call_command("slo", "--csv", stdout=out)
    rows = list(csv.reader(out.getvalue().splitlines()))
    assert rows[1][:7] == ["Latência P95", "49.569", "ms", "200.000", "100.000", "500.000", "cumpre"]
    assert [row[1] for row in rows if row[0] == "Incidente"] == ["12"]


@pytest.mark.parametrize("days", ["0", "x", "-3", "99999"])
def test_the_command_refuses_days_that_it_does_not_have(days):
    with pytest.raises(CommandError, match="de 1 a 731"):
        call_command("slo", f"--days={days}")


def test_the_page_shows_it_to_whoever_may_see_figures(client, today):
    client.force_login(make_staff("eva"))
    assert client.get(PAGE).status_code == 403
    client.force_login(make_staff("dora", "view_figureminute"))
    shown = client.get(PAGE, {"days": "30"}).content.decode()
    assert "12 minutos sem serviço" in shown
    assert "Ainda cabem 31,2 na meta de 99,9%." in shown
    assert "<td>85.680</td>" in shown, "thousands are apart"
    assert client.get(PAGE, {"days": "1'"}).context["days"] == 30
    file = "".join(pieces_of(client.get(PAGE, {"as": "csv", "days": "7"})))
    assert file.startswith('\ufeff"o quê"')


def test_the_page_says_where_there_are_no_figures(client):
    client.force_login(make_staff("dora", "view_figureminute"))
    assert "Ainda não há números destes dias" in client.get(PAGE).content.decode()


def test_a_peak_below_its_goal_says_that_no_more_was_asked_for_and_not_that_it_failed():
    peak = plan.THROUGHPUT
    assert peak.verdict_on(0.5) == "unasked"
    assert peak.verdict_on(500) == "good"
    assert peak.verdict_on(None) == "unknown"
    assert replace(peak, is_demand=False).verdict_on(0.5) == "critical"
