"""Keys and tokens change while pages are open: nobody waits for anything, and nobody reads what is no longer theirs."""

import contextlib

import pytest

from tests.browser.desk import Desk
from tests.browser.sending import Sender

pytestmark = pytest.mark.browser

SESSION = "fetch('/api/v1/session/?ed25519=true').then(r => r.json())"
EPOCHS = f"{SESSION}.then(s => s.channels.reduce((sum, c) => sum + c.key_epoch, 0))"
COLLEAGUE_FOR_A_MOMENT = """
caio, unit = Person.objects.get(username="caio"), Unit.objects.get(code="CRAS01")
Membership.objects.create(person=caio, role=Role.TECNICO, unit=unit).delete()
"""


def run(site, code: str) -> str:
    """What that Python prints, run beside the site with its people and units at hand."""
    start = "from notificacao import access, audiences, services\nfrom notificacao.models import *\n"
    return site.run(start + code).strip()


@pytest.mark.endurance
def test_when_a_colleague_leaves_those_who_stay_go_on_by_ably_with_another_key(desk, send, site):
    ana = desk("ana")
    ana.is_on("ably")
    before = send.until_it_comes_by("ably", ana, "ana", "Com a chave antiga")
    epochs = ana.page.evaluate(f"() => {EPOCHS}")
    run(site, COLLEAGUE_FOR_A_MOMENT)
    ana.waits_for(f"(before) => {EPOCHS}.then(now => now > before)", epochs)
    after = send.until_it_comes_by("ably", ana, "ana", "Com a chave nova")
    ana.is_on("ably")
    assert ana.is_complete_and_each_once() == before + after


def test_a_key_that_changed_behind_the_pages_back_costs_a_moment_and_no_notification(desk, send, site):
    """The page is not told, and cannot read what comes: it fetches that, and the new key."""
    ana = desk("ana")
    ana.is_on("ably")
    run(site, "from django.db.models import F\nChannel.objects.update(key_epoch=F('key_epoch') + 1)")
    illegible = send.until_it_comes_by("rest", ana, "ana", "Ilegível a princípio")
    legible = send.until_it_comes_by("ably", ana, "ana", "Legível outra vez")
    assert ana.is_complete_and_each_once() == illegible + legible


def test_who_leaves_the_unit_stays_on_their_transport_with_what_is_still_theirs(desk, send, site):
    ana, bia, carla = desk("ana"), desk("bia"), desk("carla")
    ana.is_on("ably")
    bia.is_on("sse")
    run(site, "for name in ('ana', 'bia'):\n    Membership.objects.get(person__username=name).delete()")
    for one in (ana, bia):
        one.waits_for("() => fetch('/api/v1/session/').then(r => r.json()).then(s => s.channels.length === 2)")
    send("Só para a unidade")
    carla.sees("Só para a unidade")
    send.to_everybody("Para todos")
    for one, transport in ((ana, "ably"), (bia, "sse")):
        one.sees("Para todos")
        one.is_on(transport)
        assert one.page.get_by_text("Só para a unidade").count() == 0
        assert one.is_complete_and_each_once() == 1


def test_who_is_made_inactive_is_sent_to_the_login(desk, site):
    for name, transport in (("gil", "ably"), ("caio", "sse")):
        one = desk(name)
        one.is_on(transport)
        run(site, f"person = Person.objects.get(username={name!r})\nperson.is_active = False\nperson.save()")
        one.page.wait_for_url("**/entrar/**")


@pytest.fixture
def other_site(new_site, own_ably, browser, producer_key):
    """`with other_site(**settings) as (site, ana, send)`: with settings of its own, ana's page and a sender there."""

    @contextlib.contextmanager
    def other(**settings):
        with new_site(own_ably, **settings) as site, contextlib.closing(Sender(site, producer_key)) as send:
            ana = Desk.of(browser, site, "ana")
            ana.is_on("ably")
            yield site, ana, send
            ana.context.close()

    return other


@pytest.mark.endurance
def test_references_are_fetched_at_once(other_site):
    with other_site(ABLY_PAYLOAD="reference") as (_, ana, send):
        sent = send.until_it_comes_by("rest", ana, "ana", "Por referência")
        ana.is_on("ably")
        assert ana.is_complete_and_each_once() == sent


@pytest.mark.endurance
def test_the_master_secret_is_changed_by_a_restart_and_no_page_loses_anything(other_site):
    old, new = "o-segredo-de-ontem-com-32-letras", "o-segredo-de-hoje-com-32-letras-"
    with other_site(ENCRYPTION_SECRET=old) as (site, ana, send):
        site.terminate()
        site.environment |= {"ENCRYPTION_SECRET": new, "ENCRYPTION_SECRET_FALLBACKS": old}
        site.start()
        send("Com o segredo novo")
        ana.sees("Com o segredo novo")
        ana.is_on("ably")
        assert ana.is_complete_and_each_once() == 1
