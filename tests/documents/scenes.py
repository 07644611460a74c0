"""Render the site's pages as each of its people sees them, in each state that the papers speak of."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle
from typing import Any

from django.contrib import admin
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.views import defaults

from notificacao import alerts, audiences, audit, eventlog
from notificacao.catalogue.notices import EVENTS, Matter, notice_for
from notificacao.cost import meters
from notificacao.demo import day
from notificacao.demo import people as demo
from notificacao.dispatcher import guard_round
from notificacao.hashing import TooManyLogins
from notificacao.models import (
    AuditEvent,
    BenefitType,
    BreakerState,
    CostMeter,
    DispatcherLease,
    DispatchState,
    Notification,
    Person,
    RolloutMinute,
    RolloutPlan,
    Unit,
)
from notificacao.pages import busy
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import telling
from notificacao.services import notify_many
from tests.documents.pages import RUNBOOK, Eyes, Texts
from tests.producers import make_key, make_producer
from tests.rows import write
from tests.stamping import stamp_all

_PLAN = "/admin/notificacao/rolloutplan/"
_ACTS = ("start", "pause", "resume", "advance", "step_down", "roll_back", "start")


def rendered(settings) -> set[str]:
    """Return every text that the pages show to anybody: each state is made, and each page of it walked."""
    settings.DEBUG = True  # or there is no demo
    settings.ABLY_API_KEY = "app.key:secret"
    settings.MONTHLY_COSTS_USD = {"servidor": 80}
    cast = demo.prepare()
    settings.DEBUG = False
    eyes = Eyes()
    _see_the_login(eyes, settings)
    _write_all_that_can_be_told(cast.people)
    _fill_the_lists(cast.people)
    for username in _one_of_each_role(cast.people):
        _see_as(eyes, username)
    _see_acts_of_a_reader(eyes, cast.people["ana"])
    root = _browser("admin")
    _see_the_runbook_s_headings(eyes, root)
    _see_refusals(eyes, root)
    _see_the_lists(eyes, root)
    _see_the_transition(eyes, root)
    _see_acts(eyes, root)
    eyes.see(root.post("/admin/notificacao/costgovernor/", {"mode": "on", "reason": "Aprovado"}, follow=True))
    eyes.scripts.add("/static/notificacao/semtas-sino.js")  # other pages load it, not ours
    return eyes.shown | eyes.words_of_scripts()


def _browser(username: str) -> Client:
    client = Client()
    client.force_login(Person.objects.get(username=username))
    return client


def _see_the_login(eyes: Eyes, settings) -> None:
    eyes.walk(Client(), "/entrar/", "/admin/login/", within="/entrar/")
    with_limit = settings.RATE_LOGIN
    settings.RATE_LOGIN = (1, 1)
    for _ in range(3):
        eyes.see(Client().post("/entrar/", {"username": "quem", "password": "errada"}))
        eyes.see(Client().post("/admin/login/", {"username": "quem", "password": "errada"}))
    settings.RATE_LOGIN = with_limit


def _write_all_that_can_be_told(people: dict[str, Person]) -> None:
    """Send what the catalogue has, and what the system tells its administrators."""
    unit = Unit.objects.get(code="CRAS01")
    named = {name: people[who] for name, who in (("tecnico", "ana"), ("aprovador", "carla"), ("liberador", "gil"))}
    matter = Matter(
        protocol="SOL-000777", unit=unit, benefit=BenefitType.objects.first(), requester=people["ana"],
        pendencia_author=people["bia"], days_left=3, days_over=2, moment=timezone.now(), **named,
    )  # fmt: skip
    for name in EVENTS:
        notify_many([notice_for(name, matter)])
    for name in alerts.DEFINITIONS:
        alerts.open(name, "", "O motivo.")
    for title in (telling.BY_ITSELF, telling.STEPPED_DOWN[0], *(title for title, _ in telling.TOLD.values())):
        telling.tell(title, "O motivo.", telling.Priority.ALTA)


def _fill_the_lists(people: dict[str, Person]) -> None:
    """One of each thing that a list of the admin shows, and a day of figures."""
    day.fill()
    today = timezone.localdate(eventlog.now())
    meters._add(today, {(CostMeter.Kind.PUBLISHED, "normal"): 4_000, (CostMeter.Kind.CONNECTED, ""): 120})
    for state in DispatchState:
        write(audiences.SYSTEM_CHANNEL, dispatch_state=state, error="o Ably falhou (código 50003)")
    stamp_all()
    make_key(make_producer())
    audit.record(AuditEvent.Action.ACCESS_DENIED, who=people["ana"].public_id)


def _one_of_each_role(people: dict[str, Person]) -> Iterator[str]:
    roles = set()
    for username, person in people.items():
        role = (frozenset(person.memberships.values_list("role", flat=True)), person.is_staff)
        if role not in roles:
            yield username
        roles.add(role)


def _see_as(eyes: Eyes, username: str) -> None:
    client = _browser(username)
    inbox = ("", "?archived=true", "?q=nada", "?unread=true", "?kind=solicitacao", "diagnostico/")
    eyes.walk(client, *(f"/notificacoes/{each}" for each in inbox), within="/notificacoes/")
    eyes.walk(client, "/solicitacoes/SOL-000777/", "/admin/", within="/admin/")


def _see_acts_of_a_reader(eyes: Eyes, ana: Person) -> None:
    """Open a notification that asks for ciência, and do with it and with all others what can be done."""
    client = _browser(ana.username)
    urgent = Notification.objects.filter(priority="alta", channel=audiences.channel_for_user(ana)).first()
    assert urgent is not None
    address = f"/notificacoes/{urgent.public_id}/"
    for word in ("", "ciencia", "arquivar", "desarquivar", "nao-lida", "lida"):
        if word:
            eyes.see(client.post(f"{address}{word}/", {"next": address}, follow=True))
        eyes.see(client.get(address))
    eyes.see(client.post("/notificacoes/todas-lidas/", {"filter": "", "up_to": str(eventlog.position())}, follow=True))


def _see_the_runbook_s_headings(eyes: Eyes, root: Client) -> None:
    """The page shows one of the papers: what it is made of counts, and not what it says of other pages."""
    eyes.shown |= Texts(root.get(RUNBOOK).content.decode()).headings


def _see_refusals(eyes: Eyes, root: Client) -> None:
    """See the pages of errors, and those that ask for patience."""
    asked = RequestFactory().get("/notificacoes/")
    asked.user, asked._messages, asked.session = Person.objects.get(username="ana"), [], root.session
    for error in (None, TooManyLogins(), OperationalError("away")):
        eyes.see(busy.answer(asked, error))
    eyes.see(defaults.bad_request(asked, None))
    eyes.see(defaults.server_error(asked))
    eyes.see(root.get("/nada/"))
    eyes.see(root.get(f"/notificacoes/{'0' * 8}-0000-0000-0000-{'0' * 12}/"))
    eyes.see(Client(enforce_csrf_checks=True).post("/entrar/", {"username": "ana"}))
    eyes.see(_browser("ana").get("/admin/", follow=True))


def _registered() -> Iterator[tuple[str, Any]]:
    for model in admin.site._registry:
        yield f"admin:{model._meta.app_label}_{model._meta.model_name}", model


def _see_the_lists(eyes: Eyes, root: Client) -> None:
    """See each list, its empty form, the form of one row, and both refused."""
    for place, model in _registered():
        add = reverse(f"{place}_add")
        answers = [root.get(reverse(f"{place}_changelist")), root.get(add), root.post(add, {})]
        failed = {"dispatch_state": DispatchState.FAILED} if model is Notification else {}
        for row in model._default_manager.filter(**failed)[:1]:
            answers += [root.get(reverse(f"{place}_{page}", args=[row.pk])) for page in ("change", "history", "delete")]
            answers.append(root.post(reverse(f"{place}_change", args=[row.pk]), {}))
        for answer in answers:
            eyes.see(answer)


def _see_the_transition(eyes: Eyes, root: Client) -> None:
    """See the plan before and after each act, in each state, and what the guard says of its stage."""
    eyes.walk(root, _PLAN, within=_PLAN)
    for act, reason in (("start", ""), *((act, "Aprovado na reunião") for act in _ACTS)):
        given = {"act": act, "version": rollout_plan.newest().version, "reason": reason}
        eyes.see(root.post(_PLAN, given, follow=True))
    eyes.walk(root, _PLAN, within=_PLAN)
    _let_the_guard_look(rollout_plan.newest())
    for of_gates, state in zip(cycle(rollout_plan.GATE_STATES), RolloutPlan.State, strict=False):
        _say_of_the_gates(of_gates)
        RolloutPlan.objects.filter(pk=rollout_plan.newest().pk).update(state=state)
        eyes.see(root.get(_PLAN))
    eyes.see(root.get("/admin/"))


def _let_the_guard_look(plan: RolloutPlan) -> None:
    """One look while Ably is out of use."""
    BreakerState.objects.update(state="open", changed_at=timezone.now())
    DispatcherLease.objects.update(holder="one", term=1, until=timezone.now() + timedelta(hours=1))
    since = plan.since.replace(second=0, microsecond=0)
    for arm in ("ably", "control"):
        RolloutMinute.objects.create(plan=plan, at=since, arm=arm, transport=arm, shown=40, over_100_ms=1, failed=0)
    guard_round.look(plan, 1, 60.0)


def _say_of_the_gates(state: str) -> None:
    for stage in rollout_plan.newest().stages.all():
        stage.gates = [gate | {"state": state} for gate in stage.gates]
        stage.save(update_fields=["gates"])


def _see_acts(eyes: Eyes, root: Client) -> None:
    """Do with each list's first rows what its menu offers: it asks, or says what it did."""
    for place, model in _registered():
        address = reverse(f"{place}_changelist")
        rows = [str(row.pk) for row in model._default_manager.all()[:2]]
        form = (getattr(root.get(address), "context_data", None) or {}).get("action_form")
        for name, _ in form.fields["action"].choices if form and rows else ():
            if name:
                eyes.see(root.post(address, {"action": name, "_selected_action": rows}, follow=True))
