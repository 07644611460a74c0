"""The dashboards: what is kept is what the source writes, and each query finds data in a real Prometheus."""

import json
import math
import re
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from deploy.monitoring import dashboards
from tests.live.ably_server import free_port
from tests.live.process import Process, answers
from tests.monitoring.simulated_day import Family, openmetrics, registered

FILES = sorted(dashboards.FOLDER.glob("*.json"))
PLAN = {  # metric: baseline, goal, critical, as the plan has them
    "Latência P95 (ms)": (200, 100, 500),
    "Taxa de erro (%)": (2, 0.5, 5),
    "Disponibilidade em 30 dias (%)": (99.5, 99.9, 99),
    "Vazão (notificações/s)": (100, 500, 50),
    "Conexões simultâneas": (500, 1000, 200),
}

OF_PROMETHEUS = [Family("up", "gauge")]


class Prometheus(Process):
    """A real one, over blocks that are made of a day."""

    name = "Prometheus"

    def __init__(self, folder: Path):
        self.port = free_port()
        (folder / "prometheus.yml").write_text("{}\n")
        words = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
        where = f"--web.listen-address=127.0.0.1:{self.port}"
        super().__init__(["prometheus", *words, where, "--storage.tsdb.retention.time=1y"])

    def ready(self) -> bool:
        return answers(f"http://127.0.0.1:{self.port}/-/ready", within=10)

    def ask(self, expression: str, at: int) -> list[float]:
        """The values that `expression` has at that moment. Raises AssertionError where Prometheus refuses it."""
        asked = {"query": expression, "time": at}
        answer = httpx.post(f"http://127.0.0.1:{self.port}/api/v1/query", data=asked, timeout=60).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        return [float(series["value"][1]) for series in answer["data"]["result"]]


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """`day(expression)`: what it finds at the end of a simulated day."""
    folder = tmp_path_factory.mktemp("prometheus")
    end = int(time.time()) // 7_200 * 7_200
    families = [*registered(), *OF_PROMETHEUS]
    (folder / "day").write_text("".join(openmetrics(families, end)))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", folder / "day", folder / "data"],
        check=True,
        capture_output=True,
    )
    with Prometheus(folder) as prometheus:
        yield lambda expression: prometheus.ask(expression, end)


def as_grafana_asks(expression: str) -> str:
    return expression.replace("$__rate_interval", "10m")


def targets() -> list[tuple[str, str]]:
    """Each panel's title, and an expression of it."""
    boards = [json.loads(file.read_text()) for file in FILES]
    return [(panel["title"], one["expr"]) for board in boards for panel in board["panels"] for one in panel["targets"]]


def test_what_is_kept_is_what_the_source_writes(tmp_path):
    dashboards.write(tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        file.name: file.read_text() for file in FILES
    }
    assert len(FILES) == 6


def test_promtool_reads_each_expression(tmp_path):
    rules = [{"record": f"panel:{number}", "expr": as_grafana_asks(said)} for number, (_, said) in enumerate(targets())]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    read = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr
    assert f"{len(rules)} rules found" in read.stdout


@pytest.mark.endurance
def test_each_query_of_each_panel_finds_data_in_prometheus(day):
    empty = [said for said in targets() if not any(not math.isnan(value) for value in day(as_grafana_asks(said[1])))]
    assert empty == []


def test_a_query_for_what_the_code_does_not_export_finds_none(day):
    assert day("sum(notificacao_stamps_total)") == []


def test_the_plans_table_has_each_of_its_rows_in_each_column(day):
    columns = {heading: day(as_grafana_asks(said)) for heading, said in dashboards.plan_columns().items()}
    assert list(columns) == ["Linha de base", "Meta", "Crítico", "Agora"]
    assert {len(values) for values in columns.values()} == {6}
    assert {row[0]: row[1:4] for row in dashboards.PLAN if row[0] in PLAN} == PLAN


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_can_be_imported_as_it_is_and_says_what_to_do(file):
    board = json.loads(file.read_text())
    (source,) = board["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    assert {part["datasource"]["uid"] for panel in board["panels"] for part in (panel, *panel["targets"])} == {
        f"${{{source['name']}}}"
    }
    for panel in board["panels"]:
        assert len(panel["description"]) > 40, panel["title"]
        steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps", [])
        assert not steps or re.match("Vermelho|Um é o certo|A meta|A linha", panel["description"]), panel["title"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert board["title"].startswith("SEMTAS notificações: ")
