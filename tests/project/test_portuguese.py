"""What staff can see is Portuguese: pages, forms, errors, reasons, and the words of the scripts."""

import ast
import gettext
import json
import re
import uuid
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.views import defaults
from pydantic_core.core_schema import ErrorType

from notificacao import alerts, audiences, audit, eventlog
from notificacao.api import problems
from notificacao.dispatcher.guard_round import WORDS
from notificacao.models import AuditEvent, DispatchState
from notificacao.pages import denied, diagnosis_texts
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.guard.verdict import Verdict
from notificacao.rollout.plan import telling
from notificacao.sentences import sentence_for
from tests.conftest import make_person
from tests.producers import System, make_key, make_producer
from tests.rows import write_stamped

pytestmark = pytest.mark.django_db

ROOT = Path(settings.BASE_DIR)
STATIC = ROOT / "notificacao" / "static" / "notificacao"
# Function words that Portuguese does not have; "for" it has ("se for possível"), so that alone proves nothing.
ENGLISH = re.compile(
    r"\b(the|of|is|are|was|were|be|been|not|with|within|without|for|from|this|that|these|those|than|please|must|cannot"
    r"|can|could|should|would|will|has|have|had|does|did|and|or|but|to|in|on|by|an|it|its|your|you|we|they|there|which"
    r"|who|when|where|while|because|after|before|into|too|no longer)\b",
    re.IGNORECASE,
)
MODELS = list(apps.get_app_config("notificacao").get_models())
PRODUCTS = ("API Keys", "Revocable tokens")  # as Ably's own page has them


def english(text: str, enough: int = 2) -> bool:
    """Return whether `text` has so many of the English function words that it is no Portuguese sentence."""
    for name in PRODUCTS:
        text = text.replace(name, "")
    found = [word.lower() for word in ENGLISH.findall(text)]
    return len(found) >= enough and set(found) != {"for"}


def wrong(texts, enough: int = 2) -> set[str]:
    """Return those of `texts` that are English, or have the quotation marks of the code."""
    shown = (text for text in map(str, texts) if not text.endswith("***"))  # of a salt or a hash some letters are shown
    return {text for text in shown if english(text, enough) or "«" in text or "»" in text}


class Seen(HTMLParser):
    """Collect what a page shows, or says to a screen reader; not what is marked as another language."""

    SPOKEN = ("title", "alt", "aria-label", "placeholder", "aria-description")
    _VISIBLE, _HIDDEN, _JSON = range(3)
    VOID = ("meta", "link", "input", "br", "img", "hr", "progress", "source", "col")

    def __init__(self, html: str):
        super().__init__()
        self.texts: list[str] = []
        self._within: list[int] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        hidden = tag in ("script", "style") or given.get("lang") == "en"
        if not hidden:
            self.texts += [given[name] for name in self.SPOKEN if given.get(name)]
            if tag == "input" and given.get("type") in ("submit", "button"):
                self.texts.append(given.get("value") or "")
        if tag not in self.VOID:
            is_json = given.get("type") == "application/json"
            self._within.append(self._JSON if is_json else self._HIDDEN if hidden else self._VISIBLE)

    def handle_endtag(self, tag):
        if tag not in self.VOID and self._within:
            self._within.pop()

    def handle_data(self, data):
        if self._JSON in self._within:
            self.texts += strings(json.loads(data))
        elif self._HIDDEN not in self._within:
            self.texts.append(data)


def strings(data) -> list[str]:
    """Return every string within JSON."""
    if isinstance(data, dict):
        return [text for value in data.values() for text in strings(value)]
    if isinstance(data, list):
        return [text for value in data for text in strings(value)]
    return [data] if isinstance(data, str) else []


def shown(response) -> list[str]:
    return Seen(response.content.decode()).texts


# --- the detection itself


@pytest.mark.parametrize(
    "text",
    [
        "The inbox was moved to another page.",
        "5 probes in a row were missed",
        "Input should be greater than or equal to 0",
        "Ably was not reached by anybody yet.",
        "Escolha «Não».",
    ],
)
def test_english_and_the_quotation_marks_of_the_code_are_found(text):
    page = f"<p>{text}</p><button aria-label='{text}'>Sim</button><script type='application/json'>[\"{text}\"]</script>"
    assert Seen(page).texts.count(text) == 3
    assert wrong(Seen(page).texts) == {text}


@pytest.mark.parametrize(
    "text",
    [
        "Se não for possível e se for tarde, fale com a equipe técnica.",
        "No painel do Ably, abra “API Keys” e ligue “Revocable tokens” na chave.",
        "Não há nada neste endereço.",
    ],
)
def test_portuguese_is_not_taken_for_english(text):
    assert not wrong([text])


def test_what_is_marked_as_english_may_be_it():
    assert not wrong(Seen('<button lang="en">This is the English of it</button>').texts)


# --- pages


@pytest.fixture
def house(ana, cras_norte, aluguel_social, of_ana):
    """At least one row of all that a list shows."""
    row = write_stamped(7, of_ana, dispatch_state=DispatchState.FAILED, error="o Ably falhou (código 50003)")
    write_stamped(8, audiences.SYSTEM_CHANNEL, kind="manutencao", priority="urgente")
    audit.record(AuditEvent.Action.TOKEN_ISSUED, who="ana")
    producer = make_producer()
    make_key(producer)
    return SimpleNamespace(ana=ana, row=row, producer=producer)


@pytest.fixture
def root(client, house):
    """The browser of somebody who may see and do everything."""
    client.force_login(make_person("raiz", is_staff=True, is_superuser=True))
    return client


def test_the_pages_are_portuguese(as_ana, house):
    for address in (
        "/notificacoes/",
        "/notificacoes/?archived=true",
        "/notificacoes/?q=nada",
        f"/notificacoes/{house.row.public_id}/",
        f"/notificacoes/{house.row.public_id}/diagnostico/",
        "/notificacoes/diagnostico/",
    ):
        response = as_ana.get(address)
        assert not wrong(shown(response)), address
    as_ana.post("/notificacoes/pergunta/", {"answer": "4"})
    assert not wrong(shown(as_ana.get("/notificacoes/")))


def test_the_login_is_portuguese(client, db, settings):
    settings.RATE_LOGIN = (1, 1)
    assert not wrong(shown(client.get("/entrar/")))
    for _ in range(4):
        assert not wrong(shown(client.post("/entrar/", {"username": "ana", "password": "errada"})))


def test_error_pages_are_portuguese(as_ana, ana, rf):
    asked = rf.get("/nada/")
    asked.user, asked._messages = ana, []
    pages = [
        as_ana.get("/nada/"),
        as_ana.get(f"/notificacoes/{uuid.UUID(int=7)}/"),
        as_ana.post("/notificacoes/pergunta/", {"answer": "9"}),
        Client(enforce_csrf_checks=True).post("/entrar/", {"username": "ana"}),
        defaults.bad_request(asked, None),
        denied.denied(asked, PermissionDenied("A reason for the log.")),
        defaults.server_error(asked),
    ]
    assert [page.status_code for page in pages] == [404, 404, 400, 403, 400, 403, 500]
    for page in pages:
        assert shown(page)
        assert not wrong(shown(page))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_admins_lists_and_forms_are_portuguese(root, model):
    if not admin.site.is_registered(model):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:notificacao_{model._meta.model_name}_changelist")
        return
    place = f"admin:notificacao_{model._meta.model_name}"
    pages = [root.get(reverse(f"{place}_changelist"))]
    pages.append(root.get(reverse(f"{place}_add")))
    pages.append(root.post(reverse(f"{place}_add"), {}))
    for row in model._default_manager.all()[:1]:
        pages += [root.get(reverse(f"{place}_{page}", args=[row.pk])) for page in ("change", "history", "delete")]
        pages.append(root.post(reverse(f"{place}_change", args=[row.pk]), {}))
    for page in pages:
        assert page.status_code in (200, 302, 403, 404, 405)
        assert not wrong(shown(page), enough=1), page.request["PATH_INFO"]


def test_what_staff_do_with_the_transition_is_told_in_portuguese(root):
    page = "/admin/notificacao/rolloutplan/"
    assert not wrong(shown(root.get("/admin/")))
    assert not wrong(shown(root.get(f"{page}stages/")))
    assert not wrong(shown(root.post(f"{page}stages/", {})))
    for act in ("start", "pause", "resume", "advance", "step_down", "roll_back", "start"):
        for version in (0, rollout_plan.newest().version):
            answer = root.post(page, {"act": act, "version": version, "reason": "Semana 1"}, follow=True)
            assert not wrong(shown(answer)), act
    assert set(WORDS) == set(get_args(Verdict))
    titles = [title for title, _ in (*telling.TOLD.values(), telling.STEPPED_DOWN)]
    assert not wrong([*WORDS.values(), *titles, telling.BY_ITSELF])


def test_what_an_alert_says_is_portuguese():
    assert not wrong(text for one in alerts.DEFINITIONS.values() for text in (one.title, one.advice))


# --- what the pages are made of


def names_of(model):
    options = model._meta
    yield from (options.verbose_name, options.verbose_name_plural)
    yield from (name for _, name in options.permissions)
    yield from (constraint.violation_error_message for constraint in options.constraints)
    for field in options.get_fields():
        if getattr(field, "editable", False):
            yield from (field.verbose_name, *field.error_messages.values())
            yield from (label for _, label in field.flatchoices)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_names_of_models_and_fields_are_portuguese(model):
    assert not wrong(names_of(model))


def test_permissions_are_shown_in_portuguese(root):
    page = Seen(root.get("/admin/auth/group/add/").content.decode()).texts
    names = list(Permission.objects.values_list("name", flat=True))
    assert any("Pode adicionar notificação" in text for text in page)
    assert any("Pode forçar o disjuntor" in text for text in page)
    assert not wrong([*page, *names], enough=1)


def test_the_words_of_the_diagnosis_are_portuguese():
    told = [
        value
        for name, value in vars(diagnosis_texts).items()
        if isinstance(value, dict | str | Promise) and not name.startswith("__")
    ]
    texts = [text for value in told for text in leaves(value)]
    assert len(texts) > 100
    assert not wrong(texts)


def leaves(value):
    if isinstance(value, dict):
        return [text for one in value.values() for text in leaves(one)]
    return [text for one in value for text in leaves(one)] if isinstance(value, tuple) else [str(value)]


def test_what_is_translated_is_portuguese():
    for domain in ("django", "djangojs"):
        with (ROOT / "locale" / "en" / "LC_MESSAGES" / f"{domain}.mo").open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog
        messages = {message[0] if isinstance(message, tuple) else message for message in catalogue} - {""}
        assert messages
        assert not wrong(messages)
        assert not [text for text in catalogue.values() if re.search("[«»]", text)]


# --- what Python says


def said_by(calls: dict[str, int], *folders: str):
    """Yield the text that staff get of each of `calls`, `{name: place of the argument}`, in the product's code."""
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    for node in (node for path in files for node in ast.walk(ast.parse(path.read_text()))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        for given in node.args[calls[name] :][:1] if name in calls else []:
            parts = [part.value for part in ast.walk(given) if isinstance(part, ast.Constant)]
            yield " ".join(part for part in parts if isinstance(part, str))


def test_what_is_stored_of_ably_and_the_breaker_is_portuguese():
    """One function word is enough: these sentences are short."""
    calls = {"TransportError": 1, "CredentialsRejected": 1, "TooFast": 1, "Reason": 0, "Outcome": 1}
    texts = [text for text in said_by(calls, "notificacao") if text]
    assert len(texts) > 20
    assert not wrong(texts, enough=1)


def test_what_an_exception_tells_people_is_portuguese():
    calls = {"Problem": 2, "Rejection": 3, "TooLarge": 0, "ParseError": 0, "AuthenticationFailed": 0, "Fault": 3}
    calls |= {"InvalidFilter": 0, "InvalidCursor": 0, "NotNow": 0, "Wrong": 0, "message_user": 1, "ValidationError": 0}
    texts = [text for text in said_by(calls, "notificacao") if text]
    texts += said_by({"ValueError": 0}, "notificacao/producing", "notificacao/reading", "notificacao/api")
    assert len(texts) > 40
    assert not wrong(texts, enough=1)


def test_every_kind_of_error_that_pydantic_finds_has_a_portuguese_sentence():
    for kind in get_args(ErrorType):
        context = defaultdict(lambda: 7, error=ValueError("use uma só linha"), expected="'alta' or 'baixa'")
        assert not wrong([sentence_for({"type": kind, "ctx": context})], enough=1), kind


# --- the API


NASTY = [
    None, 7, "x", [], [7], {}, {"title": 7}, {"title": "", "message": "x" * 2_000, "recipients": {"people": 7}},
    {"title": "t", "message": "m", "kind": "festa", "priority": 1, "link": "javascript:", "data": [], "more": 1},
    {"title": "t", "message": "m", "recipients": {"everybody": "talvez"}, "expires_at": "ontem", "link": 7},
    {"title": "t", "message": "m", "recipients": {"units": ["?"]}, "expires_at": "2020-01-01T00:00:00"},
    {"event": "nada"}, {"event": "solicitacao.aprovada", "matter": {"days_left": -1, "moment": "2026-01-01T00:00:00"}},
    {"event": "solicitacao.aprovada", "matter": {"hours_left": 1.5, "days_over": "x", "moment": "1999-01-01T00:00Z"}},
]  # fmt: skip


def details(response) -> list[str]:
    body = response.json()
    return [body["title"], body["detail"], *(error["detail"] for error in body.get("errors", []))]


def test_a_producer_is_told_in_portuguese_what_is_wrong(house):
    system = System(house.producer)
    answers = [system.post(asked) for asked in NASTY]
    answers += [system.post([asked], **{"Idempotency-Key": "é"}) for asked in NASTY]
    answers += [system.post({}, Authorization="Api-Key nada.nada"), system.post({}, Authorization="")]
    assert {answer.status_code for answer in answers} <= {400, 401, 409}
    for answer in answers:
        assert not wrong(details(answer), enough=1), answer.json()


def test_a_person_is_told_in_portuguese_what_is_wrong(as_ana, ana, house, settings):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ana)
    api = "/api/v1/"
    receipts, read_all, inbox = f"{api}receipts/", f"{api}notifications/read-all/", f"{api}notifications/"
    sent = {"content_type": "application/json"}
    answers = [
        Client().get(f"{api}session/"),
        strict.post(read_all, {}, **sent),
        as_ana.get(receipts),
        as_ana.post(receipts, {"id": "1"}),
        as_ana.generic("POST", receipts, "{", **sent),
        as_ana.generic("POST", receipts, "[" * 70_000, **sent),
        as_ana.post(read_all, {"up_to": 7}, **sent),
        as_ana.post(read_all, {"up_to": "x"}, **sent),
        as_ana.get(inbox, {"after": "x"}),
        as_ana.get(inbox, {"after": "0.0"}),
        as_ana.get(inbox, {"after": str(eventlog.position()), "limit": "x"}),
        *(as_ana.get(inbox, {name: "x" * 2_000}) for name in ("kind", "priority", "unread", "archived", "q", "page")),
        as_ana.get(f"{api}ably/channels/"),
        as_ana.get(f"{api}rollout/"),
        as_ana.get(f"{inbox}{uuid.UUID(int=7)}/why/"),
        as_ana.post(f"{api}ably/token/"),
        as_ana.get(f"{api}stream/"),
        as_ana.post(f"{inbox}{uuid.UUID(int=7)}/read/"),
        *(as_ana.post(receipts, body, **sent) for body in (7, [7], [{}], [{"id": "x", "transport": "y"}])),
        as_ana.post(receipts, [{"id": str(uuid.UUID(int=7)), "transport": "sse", "held_ms": -1}] * 201, **sent),
        as_ana.get(f"{api}session/", headers={"Accept": "text/csv"}),
    ]
    for answer in answers:
        assert answer.status_code >= 400
        assert not wrong(details(answer), enough=1), answer.json()
    assert not wrong(problems.TITLES.values(), enough=1)


# --- scripts

_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`\w])//[^\n]*", re.DOTALL)
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')


def literals(code: str) -> list[str]:
    """Return the texts between quotation marks; in templates, what stands beside the values."""
    found = (match[1] or match[2] or "" for match in _LITERAL.finditer(_COMMENT.sub("", code)))
    return [re.sub(r"\$\{[^}]*\}", "…", text) for text in found]


def test_what_the_scripts_say_is_portuguese():
    texts: list[str] = []
    for path in STATIC.rglob("*.js"):
        code = path.read_text()
        if path.name == "words.js" and "const ENGLISH" in code:
            code = re.sub(r"const ENGLISH = \{.*?\n\};", "", code, flags=re.DOTALL)
        code = re.sub(r"`\n:host \{.*?`", "", code, flags=re.DOTALL)  # a stylesheet
        code = re.sub(r"new \w*Error\([^)]*\)", "", code)  # for the console
        texts += literals(code)
    assert "Ably indisponível: recebendo por SSE" in texts
    assert not wrong(texts)


def test_the_english_of_a_script_would_be_found():
    assert wrong(literals('say("The list is not complete"); // it is the best of them')) == {"The list is not complete"}
