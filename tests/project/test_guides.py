"""What the guides say step by step leads where they say: followed word by word against a running site."""

import json
import re
import subprocess
from html.parser import HTMLParser

import httpx
import pytest

from tests.documents import markdown
from tests.documents.product import ROOT
from tests.live.site import PASSWORD, Site, environment_for, manage, migrate
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]

GUIDE = ROOT / "docs" / "pt-br" / "guia-de-quem-envia.md"
PRODUCERS = ROOT / "docs" / "producers.md"
EXAMPLE = "https://notificacoes.example"
TITLES = {"Primeiro envio", "Visita remarcada"}


class Form(HTMLParser):
    """A form of the admin as somebody fills it in who reads labels."""

    def __init__(self, html: str):
        super().__init__()
        self.fields, self._inputs, self._labels, self._options = {}, {}, {}, {}
        self._label = self._select = self._option = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "label":
            self._label = attributes.get("for")
        elif tag == "option":
            self._option = attributes.get("value")
        elif tag in ("input", "select", "textarea"):
            self._inputs[attributes.get("id")] = attributes
            self._select = attributes.get("name") if tag == "select" else None
            if attributes.get("type") in ("hidden", "text") or "checked" in attributes:
                self.fields[attributes["name"]] = [attributes.get("value") or ("on" if "checked" in attributes else "")]

    def handle_endtag(self, tag):
        self._label = None if tag == "label" else self._label
        self._option = None if tag == "option" else self._option

    def handle_data(self, data):
        if self._label and data.strip():
            self._labels[data.strip().rstrip(":")] = self._label
        if self._option:
            self._options[self._select, data.strip()] = self._option

    def fill(self, label: str, value: str = "on") -> None:
        field = self._inputs[self._labels[label]]
        chosen = self._options.get((field["name"], value), field.get("value", value))
        several = field.get("type") == "checkbox"
        self.fields[field["name"]] = [*(self.fields.get(field["name"], []) if several else []), chosen]


class Reader:
    """Somebody who follows the guide: each label that they look for is one that it names."""

    def __init__(self, site: Site, guide: markdown.Document):
        self.named = {said.text for said in guide.labels} | {said.text for said in guide.codes}
        self.browser = httpx.Client(base_url=site.url, follow_redirects=True)
        self.browser.get("/entrar/")
        self.post("/entrar/", {"username": "admin", "password": PASSWORD})

    def post(self, address: str, fields: dict) -> httpx.Response:
        fields = {**fields, "csrfmiddlewaretoken": self.browser.cookies["csrftoken"]}
        answer = self.browser.post(address, data=fields, headers={"Referer": f"{self.browser.base_url}/"})
        assert answer.status_code == 200, answer.text
        return answer

    def adds(self, place: str, **answers: str) -> httpx.Response:
        """Choose «Adicionar» of `place` on the admin's home, fill in what is asked, and save."""
        assert {place, "Adicionar", "Salvar", *answers} <= self.named, "the guide does not name it so"
        home = self.browser.get("/admin/").text
        row = re.search(rf'<a href="([^"]+)"[^>]*>{place}</a>', home)
        assert row, place
        address = f"{row[1]}add/"
        assert f'href="{address}"' in home
        form = Form(self.browser.get(address).text)
        for label, value in answers.items():
            form.fill(label, value)
        return self.post(address, form.fields)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    database = tmp_path_factory.mktemp("guide") / "site.sqlite3"
    environment = environment_for(database)
    migrate(database)
    manage(environment, "demo")
    with Site(database) as site:
        yield site


def run(site: Site, key: str, *scripts: str) -> dict:
    """Paste the guide's lines into one terminal, and the key where it waits for it; return the last answer."""
    lines = "\n".join(scripts).replace(EXAMPLE, site.url)
    done = subprocess.run(
        ["bash", "-ec", lines], input=f"{key}\n", capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return json.loads(done.stdout)


def test_the_producers_first_notification_is_sent_as_the_guide_says(site):
    guide, producers = (markdown.read(path, ROOT) for path in (GUIDE, PRODUCERS))
    reader = Reader(site, guide)
    scope = dict.fromkeys(("solicitacao.aprovada", "Acompanhamento", "A pessoas", "A unidades"), "on")
    reader.adds("Sistemas produtores", Nome="Benefícios", Identificador="beneficios", **scope)
    page = reader.adds(
        "Chaves de produtores", **{"Sistema produtor": "Benefícios", "Nome": "servidor", "Sua senha": PASSWORD}
    )
    key = re.search(r'<code id="key">([^<]+)</code>', page.text)
    assert key, page.text
    read, first = [fence.said.text for fence in guide.fences if fence.language == "sh"]
    assert run(site, key[1], read, first) == run(site, key[1], read, first)  # the same key sends once
    for fence in producers.fences:
        if fence.language == "sh":
            assert set(run(site, key[1], read, fence.said.text)) == {"results"}
    ana = httpx.Client(base_url=site.url)
    ana.get("/entrar/")
    login = {"username": "ana", "password": PASSWORD, "csrfmiddlewaretoken": ana.cookies["csrftoken"]}
    ana.post("/entrar/", data=login)
    shown = [one["title"] for one in ana.get("/api/v1/notifications/").json()["results"]]
    assert sorted(title for title in shown if title in TITLES) == sorted(TITLES)
