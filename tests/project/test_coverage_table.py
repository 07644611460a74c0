"""The table of coverage: what any process ran counts, branches as much as lines."""

import json

from tests.coverage_table import WHOLE, percents, together


def _file(executed, missing, branches=((), ())):
    names = ("executed_lines", "missing_lines", "executed_branches", "missing_branches")
    return dict(zip(names, map(list, (executed, missing, *branches)), strict=True))


def _written(tmp_path, name, **files):
    path = tmp_path / name
    meta = {"software": "slipcover", "branch_coverage": True}
    path.write_text(json.dumps({"meta": meta, "files": {f"notificacao/{file}": of for file, of in files.items()}}))
    return path


def test_what_one_of_two_processes_ran_was_run(tmp_path):
    once = _written(tmp_path, "a.gw0", **{"api/calls.py": _file([1, 2], [3, 4], ([[1, 2]], [[1, 3]]))})
    again = _written(tmp_path, "a.gw1", **{"api/calls.py": _file([1, 3], [2, 4], ([[1, 3]], [[1, 2]]))})
    assert percents(together([once, again])) == {"notificacao/api": 100 * 5 / 6, WHOLE: 100 * 5 / 6}


def test_what_nobody_ran_counts_for_its_folder_and_for_the_whole(tmp_path):
    files = {"api/calls.py": _file([1], []), "pages/views.py": _file([], [1, 2, 3])}
    found = percents(together([_written(tmp_path, "a.gw0", **files)]))
    assert found == {"notificacao/api": 100, "notificacao/pages": 0, WHOLE: 25}
    assert list(found)[-1] == WHOLE
