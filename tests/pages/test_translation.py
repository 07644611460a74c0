"""The English catalogue is whole, and the pages speak the language that somebody chose."""

import gettext
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from notificacao.pages.lines import day_of
from notificacao.pages.words import catalogue
from tests.html import Page
from tests.stamping import fill

LOCALE = Path(settings.BASE_DIR) / "locale"
DOMAINS = ["django", "djangojs"]
SOURCES = ["notificacao", "semtas", "templates", "locale"]
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w+\}")


def po(domain, folder=LOCALE, locale="en"):
    return folder / locale / "LC_MESSAGES" / f"{domain}.po"


def run(*command, **how):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **how)
    assert done.returncode == 0, done.stderr
    return done.stdout


def compiled(path, folder):
    """`{message: translation}` of a .po."""
    binary = folder / f"{path.stem}.mo"
    run("msgfmt", "--check-format", "-o", binary, path)
    return read(binary)


def read(binary):
    with binary.open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("what", ["--untranslated", "--only-fuzzy"])
def test_nothing_is_left_to_translate(domain, what):
    assert run("msgattrib", what, po(domain)) == ""


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("locale", ["en", "pt_BR"])
def test_what_is_compiled_is_what_was_translated(domain, locale, tmp_path):
    source = po(domain, locale=locale)
    assert read(source.with_suffix(".mo")) == compiled(source, tmp_path)


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_translation_is_filled_with_the_same_values(domain):
    for message, translated in read(po(domain).with_suffix(".mo")).items():
        source, form = message if isinstance(message, tuple) else (message, 0)
        more = set(PLACEHOLDER.findall(translated)) ^ set(PLACEHOLDER.findall(source))
        assert not source or more <= ({"%(count)s", "{count}"} if form else set()), source  # one may be said in words


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A copy of the sources, from which everything that is said was collected anew."""
    folder = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        shutil.copytree(Path(settings.BASE_DIR) / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    for domain in DOMAINS:
        command = ["-m", "django", "makemessages", "-l", "en", "-d", domain, "--no-obsolete", "--no-wrap"]
        run(sys.executable, *command, cwd=folder, env=environment)
    return folder / "locale"


@pytest.mark.slow
@pytest.mark.parametrize("domain", DOMAINS)
def test_the_catalogue_has_all_that_the_code_says_and_nothing_else(domain, collected):
    """`script/messages` collects what is new."""

    def said(path):
        return set(re.findall(r'^msgid ((?:".*"\n)+)', path.read_text(), re.MULTILINE))

    assert said(po(domain)) == said(po(domain, collected))


def test_the_pages_are_portuguese_until_somebody_chooses(as_ana, of_ana):
    fill(of_ana, kind="pagamento")
    html = as_ana.get("/notificacoes/").content.decode()
    assert '<html lang="pt-BR"' in html
    assert "Pagamento" in html
    assert catalogue("pt-br") == {}


def test_the_choice_leads_back_and_is_kept(as_ana, of_ana):
    fill(of_ana, kind="pagamento", priority="alta")
    response = as_ana.post("/idioma/", {"language": "en", "next": "/notificacoes/?unread=true"})
    assert (response.status_code, response["Location"]) == (302, "/notificacoes/?unread=true")
    response = as_ana.get("/notificacoes/")
    html, data = response.content.decode(), Page(response).data
    assert '<html lang="en"' in html
    for word in ("Payment", "High", "Today", "now", "Mark this one as read", "Unread only"):
        assert word in html
    assert "Marcar" not in html.replace(Page(response).texts["page"][0], "")  # which has the Portuguese as keys
    assert data["language"] == "en"
    assert data["kinds"]["pagamento"] == "Payment"
    assert data["words"]["Desfazer"] == "Undo"
    assert data["words"]["{count} nova notificação"] == ["{count} new notification", "{count} new notifications"]


def test_the_api_refuses_in_the_language_of_the_page(as_ana):
    as_ana.post("/idioma/", {"language": "en"})
    answer = as_ana.get("/api/v1/notifications/", {"kind": "festa"}).json()
    assert answer["title"] == "Invalid request"
    assert answer["detail"].startswith("kind: 'festa' does not exist")


def test_english_days_are_written_as_english_has_them():
    with translation.override("en"):
        assert day_of(date(2026, 11, 23), date(2026, 11, 30)) == "Monday, November 23"
        assert day_of(date(2025, 11, 23), date(2026, 11, 30)) == "Sunday, November 23, 2025"
