"""Operators see at the admin's home how the system stands: what they may see of it, and nothing else."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notificacao import audiences, audit, eventlog, presence
from notificacao.demo import day as simulated_day
from notificacao.models import (
    Alert,
    AuditEvent,
    BreakerState,
    CanaryProbe,
    DispatcherLease,
    FigureMinute,
    Membership,
    Person,
    Role,
    RolloutFlag,
    Unit,
)
from notificacao.presence import Count
from tests.plans import plan_of
from tests.producers import make_key, make_producer
from tests.rows import write, write_stamped
from tests.staff import make_staff

pytestmark = pytest.mark.django_db

SYSTEM = "system:notifications"


@pytest.fixture
def led(db):
    """A dispatcher leads."""
    DispatcherLease.objects.update(holder="one", term=1, until=timezone.now() + timedelta(hours=1))


def operator(*codenames) -> Client:
    browser = Client()
    browser.force_login(make_staff("dora", *codenames))
    return browser


def connect(on_sse, on_ably):
    presence.record_process("one")
    presence.write_counts("one", {SYSTEM: Count(on_sse, on_ably)}, [SYSTEM])


def sentence(browser) -> str:
    return browser.get("/admin/").context["sentence"]


def tile(browser, name):
    return next(tile for tile in browser.get("/admin/").context["tiles"] if tile.name == name)


def test_one_sentence_says_that_all_is_well_and_who_is_there(led):
    browser = operator("view_figureminute")
    assert sentence(browser) == "Tudo funciona: ninguém conectado agora."
    connect(1, 0)
    assert sentence(browser) == "Tudo funciona: 1 pessoa conectada, nenhuma no Ably."
    connect(1_264, 48)
    assert sentence(browser) == "Tudo funciona: 1.312 pessoas conectadas, 48 no Ably."


def test_the_sentence_says_what_is_wrong(led, settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    browser = operator("view_figureminute", "view_breakerstate", "view_alert")
    Alert.objects.create(name="CanarySilent")
    assert sentence(browser) == "Funciona, com 1 alerta aberto: ninguém conectado agora."
    RolloutFlag.objects.update(everyone=True)
    connect(1, 0)
    assert sentence(browser).startswith("Funciona por SSE: o Ably está fora de uso desde")
    assert sentence(browser).endswith("1 pessoa conectada, nenhuma no Ably.")
    BreakerState.objects.update(state="closed")
    row = write(SYSTEM)
    type(row).objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(seconds=90))
    assert sentence(browser).startswith("Atrasado: a notificação mais antiga espera há 90 s.")
    DispatcherLease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert sentence(browser).startswith("Parado: nenhum despachante está no comando")


def test_a_rollout_that_is_off_does_not_mind_that_ably_is_out_of_use(led, settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    RolloutFlag.objects.update(everyone=False)
    assert sentence(operator("view_figureminute", "view_breakerstate")).startswith("Tudo funciona")


def test_the_figures_are_those_of_the_last_minutes(led):
    at = eventlog.now().replace(second=0, microsecond=0)
    fast = [0, 0, 0, 0, 100] + [0] * 11
    FigureMinute.objects.create(
        at=at - timedelta(minutes=1), stamped=40, published=99, failed=1, expected=50, missing=2, latency={"sse": fast}
    )
    browser = operator("view_figureminute")
    assert (tile(browser, "rate").value, tile(browser, "p95").value, tile(browser, "errors").value) == (
        "40",
        "98 ms",
        "4,0%",
    )
    assert "acima da meta de 0,5%: 1 falharam no Ably, 2 sem recibo" in tile(browser, "errors").note


def test_what_ably_answers_is_shown_to_whom_the_breaker_is(led, settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    CanaryProbe.objects.create(round_trip_ms=41.6)
    browser = operator("view_breakerstate")
    assert tile(browser, "probe").value == "42 ms"
    assert tile(browser, "breaker").value == "aberto: todos por SSE"
    CanaryProbe.objects.create(error="uma sonda não chegou")
    assert tile(browser, "probe").value == "sem retorno"


def test_attention_names_open_alerts_with_the_way_to_the_runbook_keys_that_end_and_refusals(led):
    Alert.objects.create(name="BreakerOpen", detail="Nada chega <b>aqui</b>.")
    Alert.objects.create(name="CanarySilent", closed_at=timezone.now())
    make_key(make_producer(), expiry_date=timezone.now() + timedelta(days=9))
    audit.record(AuditEvent.Action.ACCESS_DENIED, who="x")
    page = operator("view_alert", "view_producerkey", "view_auditevent").get("/admin/").content.decode()
    assert 'href="/admin/plantao/#BreakerOpen"' in page
    assert "Nada chega &lt;b&gt;aqui&lt;/b&gt;." in page
    assert "CanarySilent" not in page
    assert "de Beneficios vence em" in page
    assert "1 acesso recusado nas" in page


PARTS = {
    "view_figureminute": ("Mais antiga à espera", "As últimas 24 horas"),
    "view_breakerstate": ("Disjuntor",),
    "view_rolloutplan": ("Transição",),
    "view_alert": ("O Ably caiu.",),
    "view_producerkey": ("vence em",),
    "view_auditevent": ("acesso recusado",),
}


@pytest.mark.parametrize("held", PARTS)
def test_each_permission_shows_its_own_part_and_no_other(led, held, settings):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    Alert.objects.create(name="Um", detail="O Ably caiu.")
    make_key(make_producer(), expiry_date=timezone.now() + timedelta(days=9))
    audit.record(AuditEvent.Action.ACCESS_DENIED, who="x")
    browser = operator(held)
    found = {part: browser.get("/admin/", {"part": part}).content.decode() for part in ("now", "day")}
    shown = "".join(found.values())
    for permission, words in PARTS.items():
        for word in words:
            assert (word in shown) == (permission == held), word


@pytest.mark.parametrize("part", ["now", "day", "tudo"])
def test_who_has_no_permission_sees_the_lists_alone_and_no_stranger_anything(part):
    page = operator("view_unit").get("/admin/", {"part": part}).content.decode()
    assert "Agora" not in page
    assert "Plantão" not in page
    assert Client().get("/admin/", {"part": part}).status_code == 302


@pytest.mark.slow
def test_a_day_is_charted_and_each_line_has_its_numbers_in_a_table(led):
    simulated_day.fill()
    page = operator("view_figureminute").get("/admin/")
    assert [chart.name for chart in page.context["charts"]] == ["people", "rate", "p95", "errors"]
    assert all(line.paths for chart in page.context["charts"] for line in chart.lines)
    assert len(page.context["hours"]) in (24, 25)
    assert sum(hour.figures.stamped for hour in page.context["hours"]) == sum(
        FigureMinute.objects.values_list("stamped", flat=True)
    )


def test_an_hour_without_figures_breaks_the_line(led):
    simulated_day.fill()
    ago = eventlog.now() - timedelta(hours=5)
    FigureMinute.objects.filter(at__gt=ago, at__lt=ago + timedelta(hours=1)).delete()
    [people, *_] = operator("view_figureminute").get("/admin/").context["charts"]
    assert [len(line.paths) for line in people.lines] == [2, 2]


def test_whoever_replaced_a_key_is_not_told_that_the_old_one_ends_nor_twice_of_one(led):
    producer = make_producer()
    make_key(producer, expiry_date=timezone.now() + timedelta(days=9))
    browser = operator("view_alert", "view_producerkey")
    assert "de Beneficios vence em" in browser.get("/admin/").content.decode()
    alert = Alert.objects.create(name="KeyEndsSoon", about=producer.slug)
    page = browser.get("/admin/").content.decode()
    assert "vence em" not in page
    assert 'data-state="warn" data-alert="KeyEndsSoon"' in page
    alert.delete()
    make_key(producer, expiry_date=timezone.now() + timedelta(days=300))
    assert "vence em" not in browser.get("/admin/").content.decode()


WAYS = {
    "view_alert": {"Alertas", "Plantão: o que fazer em cada alerta"},
    "view_connection": {"Quem está conectado", "Plantão: o que fazer em cada alerta"},
    "view_activechannel": {"Canais ativos"},
    "view_notification": {"Notificações enviadas, e o alcance de cada uma"},
    "view_figureminute": {"Metas", "Plantão: o que fazer em cada alerta"},
    "view_costgovernor": {"Custo"},
}


@pytest.mark.parametrize("held", WAYS)
def test_the_home_leads_to_each_page_that_somebody_may_see_and_to_no_other(led, held):
    browser = operator(held)
    page = browser.get("/admin/")
    assert {words for _, words in page.context["ways"]} == WAYS[held]
    assert all(browser.get(address).status_code == 200 for address, _ in page.context["ways"])
    assert ("Por que não recebeu?" in page.content.decode()) == (held == "view_notification")
    assert "úmeros por minuto" not in page.content.decode()


def test_from_somebody_s_call_to_the_answer_it_is_three_clicks_at_most(led, ana, cras_norte):
    write_stamped(7, audiences.channel_for_unit(cras_norte), title="Concessão negada", stamped_at=timezone.now())
    browser = operator("view_notification")
    assert 'action="/admin/notificacao/notification/why/"' in browser.get("/admin/").content.decode()
    asked = browser.get("/admin/notificacao/notification/why/", {"person": "ana"})  # 1: the name, «Perguntar»
    [row] = asked.context["rows"]
    answer = browser.get("/admin/notificacao/notification/why/", {"person": "ana", "q": row.public_id})  # 2: which one
    assert answer.context["verdict"].code == "no_page"


@pytest.mark.slow
def test_the_home_asks_the_database_as_often_of_a_large_city_as_of_none(led):
    browser = Client()
    browser.force_login(Person.objects.create_superuser("root"))
    browser.get("/admin/")
    few = queries(browser)
    simulated_day.fill()
    units = Unit.objects.bulk_create(Unit(code=f"U{number}", name="CRAS", kind="cras") for number in range(40))
    people = Person.objects.bulk_create(Person(username=f"p{number}", password="!") for number in range(400))
    Membership.objects.bulk_create(
        Membership(person=person, role=Role.TECNICO, unit=units[number % 40]) for number, person in enumerate(people)
    )
    assert queries(browser) <= few


def queries(browser) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get("/admin/").status_code == 200
    return len(captured)


@pytest.mark.postgres
def test_refusals_are_counted_without_looking_at_each_token(led):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notificacao_auditevent (at, action, who, reason, data) "
            "SELECT now(), 'token_issued', 'somebody', '', '{}' FROM generate_series(1, 2000)"
        )
        cursor.execute("ANALYZE notificacao_auditevent")
    with CaptureQueriesContext(connection) as queries:
        operator("view_auditevent").get("/admin/")
    (counts,) = (query["sql"] for query in queries if "access_denied" in query["sql"])
    assert "audit_acts" in plan_of(counts)
