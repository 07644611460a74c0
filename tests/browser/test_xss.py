"""What somebody stores to run in another one's page: it is shown as text, and nothing of it so much as tries to run."""

import json
from itertools import cycle
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.inboxes import Inboxes
from tests.browser.rest import new_context, until
from tests.browser.staff import Staff
from tests.browser.test_bell import Bell

pytestmark = pytest.mark.browser
PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "\"'><svg onload=alert(3)>",
    "</script><script>alert(4)</script>",
    "javascript:alert(5)",
    "{{ 7*7 }}{% debug %}${alert(6)}<!--",
    "</title><script>alert(7)</script>",
    '</textarea><iframe srcdoc="<script>alert(8)</script>">',
    '<a href="javascript:alert(9)">aqui</a>',
    '" autofocus onfocus=alert(10) x="',
    "<style>@import '//mal.example/11'</style><base href=//mal.example/>",
    "&lt;script&gt;alert(12)&lt;/script&gt;",
    "\\u003cscript\\u003ealert(13)\\u003c/script\\u003e",
]


def together(payloads: list[str], most: int) -> list[str]:
    """Texts of at most so many characters with all payloads in them, so that one page tries several at once.

    What would swallow the rest (a comment, a frame) stands last in its text.
    """
    texts = [payloads[0]]
    for payload in payloads[1:]:
        if len(texts[-1]) + 1 + len(payload) > most or texts[-1].endswith(("<!--", '">')):
            texts.append(payload)
        else:
            texts[-1] += f" {payload}"
    return texts


TEXTS = together(PAYLOADS, 100)  # a title's length
_STORE = """
from datetime import timedelta
from django.utils import timezone
from notificacao import audiences, audit
from notificacao.rollout import plan as rollout_plan
from notificacao.models import *
from notificacao.models.presence import WebProcess
from notificacao.services import notify
from tests.producers import make_key
bia = Person.objects.get(username="bia")
bia.first_name, bia.last_name = {texts}[1], {texts}[3]
bia.save()
plan = rollout_plan.newest()
process = WebProcess.objects.create(name="another", seen_at=timezone.now() + timedelta(hours=1))
for number, text in enumerate({texts}):
    unit = Unit.objects.create(code=f"X{{number}}", name=text, sigla=text[:20], kind="cras")
    person = Person.objects.create_user(f"x{{number}}", first_name=text, last_name=text)
    for member in (person, bia):
        Membership.objects.create(person=member, role=Role.TECNICO, unit=unit)
    BenefitType.objects.create(slug=f"x{{number}}", name=text)
    make_key(Producer.objects.create(slug=f"x{{number}}", name=text), name=text[:50])
    link, data = "/notificacoes/?q=" + text, {{"event": text, text: [text]}}
    notify([audiences.channel_for_unit(unit)], title=text, message=text, link=link, data=data, created_by=person)
    audit.record("access_denied", who=text[:64], reason=text, data={{text: text}})
    move = {{"from_state": "draft", "to_state": "draft", "from_percent": 0, "to_percent": 0}}
    RolloutEvent.objects.create(plan=plan, action="start", who=text[:64], reason=text, figures={{text: text}}, **move)
    ActiveChannel.objects.create(channel=audiences.channel_for_unit(unit), process=process, on_sse=1)
BreakerState.objects.update(reason=" ".join({texts})[:300])
RolloutFlag.objects.update(note=" ".join({texts}))
"""
# What the browser says of those that are taken for markup.
ATTEMPTS = {
    "Executing inline script",
    "Executing inline event handler",
    "Applying inline style",
    "Running the JavaScript URL",
    "Setting the document's base URI to 'http://mal.example/'",
}
# Where the admin lists what somebody wrote.
LISTS = ("notification", "person", "unit", "benefittype", "membership", "producer", "auditevent")
SINGLE = ("producerkey", "breakerstate", "rolloutflag")


def watch(page: Page) -> list[str]:
    """What a script does that runs, and what the policy says of one that tries."""
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda said: heard.append(said.text) if "Security Policy" in said.text else None)
    return heard


def everything(page: Page, within: str = "#content") -> str:
    return page.locator(within).first.evaluate(
        "(all) => all.textContent + [...all.querySelectorAll('input, textarea')].map((field) => field.value).join(' ')"
    )


def lacking(page: Page, within: str = "#content") -> list[str]:
    """The payloads that are not there as text."""
    text = everything(page, within)
    return [payload for payload in PAYLOADS if payload not in text]


@pytest.fixture(scope="module")
def stored(browser, new_site, producer_key):
    with new_site() as site:
        inboxes = Inboxes(browser, site, producer_key)
        site.run(_STORE.format(texts=json.dumps(TEXTS)))
        yield inboxes


@pytest.fixture
def inboxes(stored):
    """Its `close` fails where a page met an error, or the policy refused something."""
    yield stored
    stored.close()


@pytest.fixture(scope="module")
def signed_in(browser, stored):
    page = Staff.of(browser, stored.site).page
    yield page, watch(page)
    page.context.close()


@pytest.fixture
def admin(signed_in):
    page, heard = signed_in
    heard.clear()
    yield page
    assert heard == []


def test_the_watch_hears_what_these_payloads_try_where_they_are_markup(browser, stored):
    page = new_context(browser).new_page()
    page.goto(f"{stored.site.url}/entrar/")
    heard = watch(page)
    page.evaluate(
        "(all) => all.map((text) => document.createRange().createContextualFragment(text))"
        ".forEach((one) => document.body.append(one))",
        TEXTS,
    )
    page.evaluate("location.href = 'javascript:alert(5)'")
    until(page, lambda: {text.split(" violates", maxsplit=1)[0] for text in heard} >= ATTEMPTS)
    assert {text.split(" violates", maxsplit=1)[0] for text in heard} == ATTEMPTS, heard
    page.context.close()


def test_the_list_and_its_filters_show_it_as_text(inboxes):
    bia = inboxes.open("bia")
    for text in TEXTS:
        bia.sees(text)
    for place in (".item .message", ".item .place", "#filters select[name=channel] option"):
        assert not set(TEXTS) - set(bia.page.locator(place).all_text_contents()), place
    assert bia.page.locator(".person").text_content() == f"{TEXTS[1]} {TEXTS[3]}"


def test_a_notifications_page_and_its_link_show_it_as_text(inboxes):
    page = inboxes.open("bia").page
    links = page.locator(".item a.title").evaluate_all("(all) => all.map(({ href }) => href)")
    seen = set()
    for link in links:
        page.goto(link)
        title = page.locator("h1").text_content()
        if title not in TEXTS:
            continue
        seen.add(title)
        assert (page.locator(".message").text_content(), page.locator(".place").text_content()) == (title, title)
        page.get_by_role("link", name="Abrir o assunto").click()
        assert page.locator("#filters input[name=q]").input_value() in title
    assert seen == set(TEXTS)


def test_what_comes_while_the_page_is_open_is_told_as_text(inboxes):
    """All three at once: what is announced quietly is gathered for a second."""
    page = inboxes.open("caio").page
    for text in TEXTS:
        data = {"event": text, text: [text]}
        for priority in ("normal", "alta", "urgente"):
            inboxes.send(text, to={"people": ["caio"]}, message=text, priority=priority, data=data)
        for loud in ("alta", "urgente"):
            toast = page.locator(f".toast.{loud}")
            expect(toast).to_contain_text(text)
            toast.locator(".close").click()
            expect(toast).to_have_count(0)
        expect(page.locator("#announcer")).to_contain_text(text)


@pytest.mark.endurance
def test_the_bell_on_anothers_page_shows_it_as_text(inboxes):
    gil = inboxes.open("gil")
    bell = Bell(gil.context.new_page(), inboxes.site.url, 'limit="20"')
    bell.is_on("sse")
    for text in TEXTS:
        inboxes.send(text, to={"people": ["gil"]}, message=text)
        expect(bell.items.first.locator(".title")).to_have_text(text)
    bell.button.click()
    assert not set(TEXTS) - set(bell.page.locator("semtas-sino .title").all_text_contents())
    assert bell.errors == []


@pytest.mark.parametrize(("place", "name"), list(enumerate(LISTS)))
def test_each_list_of_the_admin_shows_it_as_text_and_so_does_a_page_behind_it(admin, stored, place, name):
    admin.goto(f"{stored.site.url}/admin/notificacao/{name}/")
    assert lacking(admin) == []
    rows = admin.locator("#result_list tbody tr").evaluate_all(
        "(all) => all.map((row) => [row.textContent, row.querySelector('th a').href])"
    )
    here = TEXTS[place % len(TEXTS)]
    admin.goto(next(address for text, address in rows if here in text))
    assert here in everything(admin)


@pytest.mark.parametrize("name", SINGLE)
def test_so_does_what_the_admin_shows_of_a_key_the_breaker_and_the_flag(admin, stored, name):
    admin.goto(f"{stored.site.url}/admin/notificacao/{name}/")
    listed = everything(admin)
    admin.locator("#result_list tbody th a").last.click()
    admin.wait_for_load_state()
    assert PAYLOADS[0] in listed + everything(admin)


@pytest.mark.endurance
def test_what_is_searched_for_chosen_and_looked_back_at_in_the_admin_is_text(admin, stored):
    lists = f"{stored.site.url}/admin/notificacao"
    for text, name in zip(TEXTS, cycle(("notification", "auditevent", "person")), strict=False):
        admin.goto(f"{lists}/{name}/?q={quote(text)}")
        expect(admin.locator("#searchbar")).to_have_value(text)
    admin.goto(f"{lists}/notification/add/")
    admin.locator(".field-person .select2-selection").click()
    for text in TEXTS[:3]:
        admin.locator(".select2-search__field").fill(text)
        expect(admin.locator(".select2-results__option").first).to_contain_text(text)
    admin.goto(f"{lists}/activechannel/")
    assert lacking(admin) == []


@pytest.mark.endurance
def test_a_reason_that_staff_write_is_text_on_the_page_and_in_the_history(admin, stored):
    admin.goto(f"{stored.site.url}/admin/notificacao/rolloutplan/")
    assert lacking(admin) == []
    admin.locator("summary", has_text="Iniciar").click()
    reason = " ".join(TEXTS)
    admin.locator("details[open] textarea").fill(reason)
    admin.get_by_role("button", name="Confirmar: Iniciar").click()
    expect(admin.locator(".events li").first).to_contain_text(reason)
    admin.goto(f"{stored.site.url}/admin/notificacao/rolloutflag/")
    admin.locator("#result_list th a").first.click()
    admin.locator("a.historylink").click()
    expect(admin.locator("#change-history")).to_contain_text(PAYLOADS[0])
