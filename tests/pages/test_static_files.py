"""Static files in production: each name is the hash of a content, in what modules import too, and is kept for good."""

import re
import shutil
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from servestatic.middleware import ServeStaticMiddleware

from tests.live.ably_server import ROOT
from tests.test_settings import load

FOLDERS = {
    "notificacao": ROOT / "notificacao" / "static" / "notificacao",
    "eventsource-parser": ROOT / "node_modules" / "eventsource-parser" / "dist",
    "uplot": ROOT / "node_modules" / "uplot" / "dist",
}
IMPORTED = re.compile(r"""^(?:import|export)\b[^;"']*["'](\.[^"']+)["'];""", re.MULTILINE)
HASHED = re.compile(r"\.[0-9a-f]{12}\.")


@pytest.fixture
def in_production(settings, monkeypatch, tmp_path):
    """The settings of a site that is not one of embedded development, with an empty folder to collect into."""
    production = load(monkeypatch, DEBUG="false")
    for name in ("STORAGES", "SERVESTATIC_AUTOREFRESH"):
        setattr(settings, name, production[name])
    settings.STATIC_ROOT = str(tmp_path)


@pytest.fixture
def collected(in_production, tmp_path):
    """Our files and what they import, as `collectstatic` leaves them."""
    for name, folder in FOLDERS.items():
        shutil.copytree(folder, tmp_path / name)
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    processed = list(staticfiles_storage.post_process({name: (staticfiles_storage, name) for name in names}))
    assert [done for _, _, done in processed if isinstance(done, Exception)] == []
    return tmp_path


def imports_of(module: Path) -> list[Path]:
    return [(module.parent / name).resolve() for name in IMPORTED.findall(module.read_text())]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["inbox", "diagnosis/page"])
def test_every_module_that_a_page_reaches_has_its_hash_in_its_name(collected, page):
    first = collected / staticfiles_storage.stored_name(f"notificacao/{page}.js")
    reached, waiting = set(), [first]
    while waiting:
        module = waiting.pop()
        assert HASHED.search(module.name), module
        if module not in reached:
            reached.add(module)
            waiting += imports_of(module)
    assert {"api", "ably", "lane", "stream", "index"} <= {module.name.partition(".")[0] for module in reached}


@pytest.mark.slow
async def test_what_has_a_hash_is_kept_for_good_and_what_has_none_for_a_minute(collected, rf):
    async def nobody(request):
        raise AssertionError(f"{request.path} is not served")

    middleware = ServeStaticMiddleware(nobody)
    hashed = await middleware(rf.get(staticfiles_storage.url("notificacao/style.css")))
    assert hashed["Cache-Control"] == "max-age=315360000, public, immutable"
    plain = await middleware(rf.get("/static/notificacao/style.css"))
    assert plain["Cache-Control"] == "max-age=60, public"


def test_before_anything_was_collected_files_have_their_plain_names(in_production):
    assert staticfiles_storage.url("notificacao/style.css") == "/static/notificacao/style.css"


def test_embedded_files_have_their_plain_names(monkeypatch):
    assert "STORAGES" not in load(monkeypatch)
    assert finders.find("notificacao/style.css")
    assert staticfiles_storage.url("notificacao/style.css") == "/static/notificacao/style.css"
