"""ADMIN_OTP: staff log in to the admin with a password and the code that their application shows."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import Page, expect

from tests.browser.rest import new_context
from tests.browser.test_axe import findings
from tests.browser.test_csp import refusals
from tests.live.site import PASSWORD, Site, copy_of, environment_for, manage

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(demo_database, tmp_path_factory):
    database = copy_of(demo_database, tmp_path_factory.mktemp("otp"))
    manage(environment_for(database, ADMIN_OTP="true"), "migrate", "--verbosity", "0")
    with Site(database, ADMIN_OTP="true") as site:
        yield site


@pytest.fixture
def page(browser, site):
    """On the admin's login; what the policy refuses fails the test."""
    page = new_context(browser).new_page()
    refused = refusals(page)
    page.goto(f"{site.url}/admin/")
    yield page
    page.context.close()
    assert refused == []


def new_device(site) -> bytes:
    """Admin's secret, as their application reads it from the address that the command shows."""
    address = site.run("from django.core.management import call_command; call_command('otp_device', 'admin')").strip()
    return base64.b32decode(parse_qs(urlsplit(address).query)["secret"][0])


def code_of(secret: bytes) -> str:
    return f"{TOTP(secret).token():06}"


def log_in(page: Page, code: str) -> None:
    page.get_by_label("Usuário").fill("admin")
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_label("Código do segundo fator").fill(code)
    page.get_by_role("button", name="Acessar").click()


def test_a_password_and_the_code_open_the_admin_in_one_step_and_a_code_is_good_once(page, site):
    code = code_of(new_device(site))
    log_in(page, code)
    expect(page.get_by_role("heading", name="Administração", exact=True)).to_be_visible()
    page.get_by_role("button", name="Encerrar sessão").click()
    page.goto(f"{site.url}/admin/")
    log_in(page, code)
    expect(page.get_by_role("alert")).to_contain_text("O código não confere")


@pytest.mark.parametrize(("code", "told"), [("", "Digite também o código"), ("000000", "O código não confere")])
def test_without_the_right_code_it_says_so_in_portuguese_and_forgets_the_password(page, site, code, told):
    new_device(site)
    log_in(page, code)
    expect(page.get_by_role("alert")).to_contain_text(told)
    expect(page.get_by_label("Senha")).to_have_value("")
    assert page.locator("html").get_attribute("lang") == "pt-br"
    text = page.locator("body").inner_text()
    assert not {word for word in ("OTP", "Token", "Log in", "Password", "Please", "Device") if word in text}


def test_a_login_at_the_sites_own_page_alone_does_not_open_the_admin(page, site):
    page.goto(f"{site.url}/entrar/?next=/admin/")
    page.get_by_label("Usuário").fill("admin")
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("alert")).to_contain_text("Você entrou como admin, sem o segundo fator")


def test_axe_finds_nothing_serious_on_its_page(page):
    assert findings(page) == []
    log_in(page, "")
    expect(page.get_by_role("alert")).to_be_visible()
    assert findings(page) == []
