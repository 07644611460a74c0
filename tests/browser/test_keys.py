"""Keys and tokens change while pages are open: nobody waits for anything, and nobody reads what is no longer theirs."""

import pytest

from tests.browser.desk import Desk
from tests.live.site import Site, copy_of

pytestmark = pytest.mark.browser


def run(site, code: str) -> str:
    """What that Python prints, run beside the site with its people and units at hand."""
    start = "from notificacao import access, audiences, services\nfrom notificacao.models import *\n"
    return site.manage("shell", "--no-imports", "-c", start + code).strip()


def send(site, title: str) -> None:
    """To everybody at CRAS Norte."""
    unit = "audiences.channel_for_unit(Unit.objects.get(code='CRAS01'))"
    run(site, f"services.notify([{unit}], title={title!r}, message='m')")


def transports(site, title: str, username: str = "ana") -> set[str]:
    code = f"""
import time
until = time.monotonic() + 10
while time.monotonic() < until:
    found = Receipt.objects.filter(notification__title={title!r}, person__username={username!r})
    if found.exclude(transport="").exists():
        break
print(*found.values_list("transport", flat=True))
"""
    return set(run(site, code).splitlines()[-1].split())


def test_when_a_colleague_leaves_those_who_stay_go_on_by_ably_with_another_key(desk, site):
    ana = desk("ana")
    ana.is_on("ably")
    send(site, "Com a chave antiga")
    ana.sees("Com a chave antiga")
    run(site, "Membership.objects.get(person__username='bia').delete()")
    ana.waits_for(
        "() => fetch('/api/v1/session/').then(r => r.json()).then(s => s.channels.some(c => c.key_epoch === 2))"
    )
    send(site, "Com a chave nova")
    ana.sees("Com a chave nova")
    ana.is_on("ably")
    assert ana.is_complete_and_each_once() == 2
    assert transports(site, "Com a chave antiga") == {"ably"}


def test_a_key_that_changed_behind_the_pages_back_costs_a_moment_and_no_notification(desk, site):
    """The page is not told, and cannot read what comes: it fetches that, and the new key."""
    ana = desk("ana")
    ana.is_on("ably")
    run(site, "from django.db.models import F\nChannel.objects.update(key_epoch=F('key_epoch') + 1)")
    send(site, "Ilegível a princípio")
    ana.sees("Ilegível a princípio", within=2)
    assert transports(site, "Ilegível a princípio") == {"rest"}
    ana.page.wait_for_timeout(1_000)
    send(site, "Legível outra vez")
    ana.sees("Legível outra vez", within=2)
    assert transports(site, "Legível outra vez") == {"ably"}
    assert ana.is_complete_and_each_once() == 2


def test_who_leaves_the_unit_stays_on_ably_with_what_is_still_theirs(desk, site):
    ana, carla = desk("ana"), desk("carla")
    ana.is_on("ably")
    run(site, "Membership.objects.get(person__username='ana').delete()")
    ana.waits_for("() => fetch('/api/v1/session/').then(r => r.json()).then(s => s.channels.length === 2)")
    send(site, "Só para a unidade")
    carla.sees("Só para a unidade")
    run(site, "services.notify([audiences.SYSTEM_CHANNEL], title='Para todos', message='m')")
    ana.sees("Para todos")
    ana.is_on("ably", within=10)
    assert ana.page.get_by_text("Só para a unidade").count() == 0
    assert ana.is_complete_and_each_once() == 1


def test_who_is_made_inactive_is_sent_to_the_login(desk, site):
    for name, transport in (("ana", "ably"), ("bia", "sse")):
        one = desk(name)
        one.is_on(transport)
        run(site, f"person = Person.objects.get(username={name!r})\nperson.is_active = False\nperson.save()")
        one.page.wait_for_url("**/entrar/**", timeout=5_000)


def test_references_are_fetched_at_once(demo_database, own_ably, tmp_path, browser):
    with Site(copy_of(demo_database, tmp_path), own_ably, ABLY_PAYLOAD="reference") as site:
        ana = Desk.of(browser, site, "ana")
        ana.is_on("ably")
        send(site, "Por referência")
        ana.sees("Por referência", within=2)
        ana.is_on("ably")
        assert ana.is_complete_and_each_once() == 1
        assert transports(site, "Por referência") == {"rest"}
        ana.context.close()


def test_the_master_secret_is_changed_by_a_restart_and_no_page_loses_anything(
    demo_database, own_ably, tmp_path, browser
):
    old, new = "o-segredo-de-ontem-com-32-letras", "o-segredo-de-hoje-com-32-letras-"
    with Site(copy_of(demo_database, tmp_path), own_ably, ENCRYPTION_SECRET=old) as site:
        ana = Desk.of(browser, site, "ana")
        ana.is_on("ably")
        site.terminate()
        site.environment |= {"ENCRYPTION_SECRET": new, "ENCRYPTION_SECRET_FALLBACKS": old}
        site.start()
        send(site, "Com o segredo novo")
        ana.sees("Com o segredo novo")
        ana.is_on("ably", within=10)
        assert ana.is_complete_and_each_once() == 1
        ana.context.close()
