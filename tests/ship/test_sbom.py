"""The bill of materials: a valid CycloneDX document that names each package that `script/bootstrap` installs."""

import json
import re
import subprocess

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.markers import Marker

from tests.live.ably_server import ROOT

pytestmark = pytest.mark.ship

PINNED = re.compile(
    r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)(?: ; ([^\\\n]+))?((?: \\\n +--hash=sha256:[0-9a-f]{64})+)", re.MULTILINE
)


@pytest.fixture(scope="module")
def bill() -> str:
    done = subprocess.run([ROOT / "script" / "sbom"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_valid_by_the_schema_that_it_names(bill):
    told = json.loads(bill)
    assert told["bomFormat"] == "CycloneDX"
    assert JsonStrictValidator(SchemaVersion.from_version(told["specVersion"])).validate_str(bill) is None


def test_what_is_not_valid_is_found(bill):
    spoilt = json.loads(bill)
    del spoilt["components"][0]["name"]
    assert JsonStrictValidator(SchemaVersion.from_version(spoilt["specVersion"])).validate_str(json.dumps(spoilt))


def test_it_names_each_package_pinned_for_this_python_with_its_version_and_all_its_hashes(bill):
    pinned = {
        (name, version): set(re.findall("[0-9a-f]{64}", hashes))
        for name, version, marker, hashes in PINNED.findall((ROOT / "requirements.txt").read_text())
        if not marker or Marker(marker).evaluate()
    }
    assert len(pinned) > 50
    assert ("cbor2", "5.9.0") not in pinned  # PyPy's
    named = {
        (one["name"], one["version"]): {
            found["content"] for place in one["externalReferences"] for found in place.get("hashes", ())
        }
        for one in json.loads(bill)["components"]
    }
    assert named == pinned


def test_each_line_of_the_requirements_that_pins_a_package_is_among_them():
    text = (ROOT / "requirements.txt").read_text()
    assert len(PINNED.findall(text)) == len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE))


def test_the_site_itself_is_what_it_is_the_bill_of(bill):
    assert json.loads(bill)["metadata"]["component"]["name"] == "semtas-notificacoes"
