"""The runbook is read in the admin, by operators, at the heading of the alert that called them."""

import re

import pytest
from django.test import Client

from notificacao.admin import runbook
from tests.staff import make_staff

pytestmark = pytest.mark.django_db

TEXT = """# Plantão

Veja [a operação](../operations.md#a) e [o site](https://exemplo.gov.br/a.md).

### BreakerOpen: o Ably está fora de uso
Confira <script>alert(1)</script> e [isto](javascript:alert(1)).

| a | b |
|---|---|
| 1 | 2 |

## Outra coisa
"""


def test_the_heading_of_an_alert_has_its_name_as_id_and_the_page_keeps_its_one_first_heading():
    html, alerts = runbook.rendered(TEXT)
    assert '<h4 id="BreakerOpen">BreakerOpen: o Ably está fora de uso</h4>' in html
    assert alerts == [("BreakerOpen", "BreakerOpen: o Ably está fora de uso")]
    assert re.findall(r"<h\d", html) == ["<h2", "<h4", "<h3"]
    assert "<td>2</td>" in html


def test_nothing_in_the_text_runs_and_a_link_to_another_document_is_its_text():
    html, _ = runbook.rendered(TEXT)
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert "Veja a operação e" in html
    assert 'href="https://exemplo.gov.br/a.md"' in html


@pytest.mark.parametrize("held", runbook.OPERATORS)
def test_whoever_does_an_operators_work_reads_it(held):
    browser = Client()
    browser.force_login(make_staff("dora", held))
    page = browser.get("/admin/plantao/").content.decode()
    assert 'id="BreakerOpen"' in page


def test_nobody_else_does():
    browser = Client()
    browser.force_login(make_staff("dora", "view_notification", "view_person"))
    assert browser.get("/admin/plantao/").status_code == 403
    assert Client().get("/admin/plantao/").status_code == 302


def test_an_installation_without_the_text_says_so(monkeypatch, tmp_path, admin_client):
    monkeypatch.setattr(runbook, "FILE", tmp_path / "plantao.md")
    runbook.text.cache_clear()
    assert "não está nesta instalação" in admin_client.get("/admin/plantao/").content.decode()
    runbook.text.cache_clear()


def test_each_numbered_step_of_the_runbook_is_an_item_of_a_list():
    html, _ = runbook.rendered(runbook.text())
    assert html.count("<ol") > 0
    assert re.findall(r"(?:^|>)\d+\. .*", html, re.MULTILINE) == []
