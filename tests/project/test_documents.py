"""README, CONTRIBUTING and docs/ say what is so: each path, command, setting, label, address, link and name."""

from pathlib import Path

import pytest

from tests.documents import commands, judging, labels, markdown, others, renames, scenes
from tests.documents.product import ROOT

PATHS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTS = [markdown.read(path, ROOT) for path in PATHS]
CODE = [
    *(path for folder in ("notificacao", "semtas", "benchmarks") for path in (ROOT / folder).rglob("*.py")),
    *(ROOT / "notificacao" / "static").rglob("*.js"),
    *(path for path in (ROOT / "script").iterdir() if path.is_file()),
    ROOT / ".env.example",
    ROOT / "pyproject.toml",
]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(findings) -> str:
    return "\n".join(map(str, findings))


@pytest.fixture
def to_pytest(pytestconfig):
    return pytestconfig.getoption


@pytest.fixture
def rendered(db, settings):
    return scenes.rendered(settings)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.path)
def test_what_a_document_names_is_there(document, to_pytest):
    assert lines(judging.findings(document, to_pytest)) == ""


@pytest.mark.endurance
def test_what_a_document_calls_a_label_is_one(rendered):
    assert lines(labels.findings(DOCUMENTS, rendered)) == ""
    for said_by_the_code_alone in ("dispatcher_leads", "semtas-notification-1"):
        (finding,) = labels.findings([markdown.parse(f"«{said_by_the_code_alone}»", "docs/pt-br/x.md")], rendered)
        assert str(finding).startswith(f"docs/pt-br/x.md:1: {said_by_the_code_alone}: no page shows it")


def test_what_the_code_says_of_documents_is_so():
    found = (finding for path in CODE for finding in judging.in_comments(name_of(path), path.read_text()))
    assert lines(found) == ""


def test_each_document_can_be_reached_from_the_readme():
    ahead, reached = [ROOT / "README.md"], set()
    by_path = dict(zip(PATHS, DOCUMENTS, strict=True))
    while ahead:
        path = ahead.pop()
        reached.add(path)
        targets = {(path.parent / link.text.partition("#")[0]).resolve() for link in by_path[path].links}
        named = {(ROOT / code.text).resolve() for code in by_path[path].codes if code.text.endswith(".md")}
        ahead += [target for target in (targets | named) & set(PATHS) if target not in reached]
    assert reached == set(PATHS)


@pytest.mark.parametrize(
    ("document", "said", "exempt", "judged"),
    [
        ("docs/renames.md", "| Old | New |\n|---|---|\n| `gone.py` | `gone_too.py` |\n", "gone.py", "gone_too.py"),
        ("docs/plano.md", "- [x] `src/gone.ts` → `src/gone_too.ts`\n", "src/gone.ts", "src/gone_too.ts"),
    ],
)
def test_what_is_no_longer_there_may_be_named_on_one_side_of_one_document_alone(
    document, said, exempt, judged, to_pytest
):
    told = [
        [finding.text for finding in judging.findings(markdown.parse(text, name), to_pytest)]
        for name in (document, "docs/other.md")
        for text in [renames.without_old_names(ROOT / name, said)]
    ]
    assert told == [[judged], [exempt, judged]]


def test_what_the_renames_call_old_is_gone():
    old = list(renames.old_paths((ROOT / "docs" / "renames.md").read_text()))
    assert len(old) > 100
    assert [path for path in old if (ROOT / path).exists()] == []


def test_what_is_named_as_somebody_elses_is_named_in_a_document():
    quoted = {said.text for document in DOCUMENTS for said in (*document.codes, *document.labels)}
    assert others.named() <= quoted


def test_enough_is_found_to_be_judged():
    """A parser that finds nothing would agree with everything."""
    assert sum(len(document.codes) for document in DOCUMENTS) > 800
    assert sum(len(document.labels) for document in DOCUMENTS) > 30
    assert sum(len(document.links) for document in DOCUMENTS) > 30
    fences = [fence.said.text for document in DOCUMENTS for fence in document.fences if fence.language == "sh"]
    assert sum(len(list(commands.lines(text))) for text in fences) > 20


FALSE = [
    ("`notificacao/transports/ably.py` publishes", "no such path"),
    ("`tests/test_nothing.py::test_x` shows it", "no such path"),
    ("`tests/test_tokens.py::test_nothing_of_the_kind` shows it", "defines no such test"),
    ("in `reading.py`", "say where it lies: notificacao/models/reading.py"),
    ("see `people.py`", "say where it lies: benchmarks/people.py, notificacao/admin/people.py"),
    ("`notificacao/transports/<name>.css`", "no such path"),
    ("`domain.md` has the names", "nothing in the tree"),
    ("Run `script/tests`.", "there is no script/tests"),
    ("Run `script/server --fast`.", "does not name --fast"),
    ("Run `script/server now`.", "takes no now"),
    ("Run `script/bench nothing`.", "no benchmark nothing"),
    ("Run `script/bench dispatch --nonesuch`.", "does not name --nonesuch"),
    ("Run `manage.py deliver`.", "has no command deliver"),
    ("Run `manage.py dispatch --metrics-address 0.0.0.0`.", "refuses it"),
    ("Run `manage.py rollout start|stop --reason x`.", "refuses it"),
    ("`manage.py trim_log` trims; `--hours` takes another age", "no command beside it takes it"),
    ("`--days` takes another age", "there is none"),
    ("`DISPATCHER=elsewhere manage.py serve`", "the start is refused"),
    ('`.venv/bin/pytest -m "slowly and browser"`', "no marker slowly"),
    ("`.venv/bin/pytest --durations-of-all=10`", "pytest has no --durations-of-all"),
    ("`.venv/bin/pytest tests/test_nothing.py`", "no such path"),
    ("`.venv/bin/flake8 .`", "no package"),
    ("`npm run lint`", "no script lint"),
    ("`npx jest run`", "does not name jest"),
    ("`ABLY_API_TOKEN` is set", "no setting"),
    ("`REPLAY_LIMIT` (1,000) bounds it", "REPLAY_LIMIT is 10000"),
    ("the newest 50,000 rows (`search.DEPTH`)", "search.DEPTH is 5000"),
    ("`ABLY_PAYLOAD=clear` sends it", "the start is refused"),
    ("`GET /api/v1/messages/`", "no such address"),
    ("`GET /api/v1/receipts/`", "nothing there answers to GET"),
    ("`/admin/nothing/`", "no such address"),
    ("`/static/notificacao/bell.js`", "no such static file"),
    ("`GET /api/v1/notifications/?older_than=`", "reads no older_than"),
    ("`…/forget/`", "no address of the site ends so"),
    ("`notificacao_canaries_total`", "/metrics shows nothing"),
    ('`notificacao_canary_total{outcome="lost"}`', 'never has outcome="lost"'),
    ("`services.tell()` sends", "services has no tell"),
    ("`channel_for_unit(person)`", "takes no person"),
    ("`Notification.objects.create(room=…)`", "Notification has no room"),
    ("`Desk.sleeps`", "Desk has no sleeps"),
    ("`private:group:{public_id}:notifications`", "builds no such name"),
    ("`notificacao.audiences.x__pieces__mutmut_8`", "no audiences._pieces"),
    ("`[tool.flake8]`", "no such table"),
    ("`X-Transport-Used`", "neither reads nor sends"),
    ("`unheard_of` is a code", "no such word"),
    ('`{"unheard_of": 1}`', "has no unheard_of"),
    ("see [there](docs/nowhere.md)", "leads to no file"),
    ("see [there](docs/contract.md#nowhere)", "no such heading"),
    ("by rule 7", "say the thing itself"),
    ("is decision 999", "no such number"),
    ("by check E999", "no check has that id"),
    ("```sh\nmanage.py audit_export --from 2026-11-26\n```", "refuses it"),
    ("```bash\nscript/tests\n```", "there is no script/tests"),
    ("```console\n$ manage.py deliver\n1 delivered\n```", "has no command deliver"),
    ("```sh\ncurl https://notificacoes.example/api/v1/messages/\n```", "no such address"),
    ('```json\n{"unheard_of": 1}\n```', "no such key"),
    ("```json\n{'a': 1}\n```", "it is no JSON"),
    ("```python\nservices.notify(unheard_of=1)\n```", "no such name"),
    ("```js\nconst session = api.unheardOf();\n```", "no such name"),
    ("```html\n<semtas-bell></semtas-bell>\n```", "no such tag"),
]


@pytest.mark.parametrize(("text", "why"), FALSE)
def test_what_is_false_is_found_and_said_where_and_why(text, why, to_pytest):
    (finding, *_) = judging.findings(markdown.parse(f"# Title\n\n{text}\n", "README.md"), to_pytest)
    assert why in finding.why
    assert finding.document == "README.md"
    assert finding.line == (4 if text.startswith("```") else 3)


def test_what_a_guides_reader_makes_is_known_there_and_nowhere_else(to_pytest):
    said = "# Title\n\n`notificacao/agenda.py` has `unheard_of`.\n"
    makes = said + '\n```python title="notificacao/agenda.py"\nunheard_of = 1\n```\n'
    found = [judging.findings(markdown.parse(text, "docs/guides/a.md"), to_pytest) for text in (makes, said)]
    assert [len(each) for each in found] == [0, 2]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("choose «Desligado»", "no page shows it"),
        ("the state «violada»", "no page shows it"),
        ('press "Reverter tudo"', "marked «so»"),
        ("press *Canais ativos*", "marked «so»"),
        ("```sh\nmanage.py rollout status # «Tudo parado»\n```", "no page shows it"),
        ('```sh\nmanage.py rollout status # "Tudo parado"\n```', "marked «so»"),
    ],
)
def test_a_label_that_no_page_has_is_found(text, why):
    (finding,) = labels.findings([markdown.parse(text, "README.md")], {"Reverter tudo", "Canais ativos"})
    assert why in finding.why


@pytest.mark.parametrize(("line", "what"), [("# design.md, Latency", "design.md"), ("# rule 7 grants it", "rule 7")])
def test_a_comment_on_a_document_that_is_not_there_is_found(line, what):
    (finding,) = judging.in_comments("notificacao/eventlog.py", f"\n{line}\n")
    assert (finding.text, finding.line) == (what, 2)


def test_a_line_keeps_its_number_behind_code_fences_and_what_is_wrapped():
    text = "`a\nb` and\n```sh\nscript/test\n```\n«Reverter\ntudo» [x](y.md)\n"
    document = markdown.parse(text, "docs/x.md")
    assert [(said.text, said.line) for said in document.codes] == [("a b", 1)]
    assert [(said.text, said.line) for said in document.labels] == [("Reverter tudo", 6)]
    assert [(said.text, said.line) for said in document.links] == [("y.md", 7)]
    assert document.fences[0].said.line == 4
