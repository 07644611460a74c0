"""What the product is made of, by name: the words of its code without comments and docstrings, and its definitions."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_COMMENTS = re.compile(r"/\*.*?\*/|(?:(?<=\s)|^)//[^\n]*|<!--.*?-->|\{#.*?#\}", re.MULTILINE | re.DOTALL)
_OWN = "documents"  # what these tests say themselves makes nothing true


@dataclass
class Module:
    """What one file of Python names. `parameters`: of each function, or the bases of each class."""

    path: Path
    words: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    parameters: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    members: dict[str, set[str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)  # its docstrings

    def __post_init__(self) -> None:
        tree = ast.parse(self.path.read_text())
        docstrings: set[int] = set()
        self.members[self.path.parent.name if self.path.name == "__init__.py" else self.path.stem] = _defined(tree)
        for node in ast.walk(tree):  # a body comes before what is in it
            if isinstance(body := getattr(node, "body", None), list):
                alone = [each.value for each in body if isinstance(each, ast.Expr)]
                docstrings |= {id(each) for each in alone}
                self.told += [each.value for each in alone if isinstance(each, ast.Constant) and each.value is not ...]
            if id(node) not in docstrings:
                self._add(node)

    def is_in(self, *folders: str) -> bool:
        return bool(set(folders) & set(self.path.relative_to(ROOT).parts))

    def _add(self, node: ast.AST) -> None:
        match node:
            case ast.Constant(value=value):
                self.words.add(value.decode(errors="replace") if isinstance(value, bytes) else str(value))
                if isinstance(value, str):
                    self.strings.add(value)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
                self.words.add(name)
            case ast.keyword(arg=str(name)):
                self.words.add(name)
            case ast.FunctionDef(name=name, args=args) | ast.AsyncFunctionDef(name=name, args=args):
                every = (*args.posonlyargs, *args.args, *args.kwonlyargs)
                self.words.add(name)
                self.parameters.append((name, frozenset(arg.arg for arg in every)))
            case ast.ClassDef(name=name, bases=bases):
                self.words.add(name)
                self.parameters.append((name, frozenset(map(ast.unparse, bases))))
                self.members[name] = _defined(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int() as value)):
                self.numbers[name] = value


def _defined(parent: ast.Module | ast.ClassDef) -> set[str]:
    found = set()
    for node in parent.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {alias.asname or alias.name for alias in names}
    return found


def _files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts and _OWN not in path.parts and path.name != f"test_{_OWN}.py":
                yield path


@cache
def modules() -> tuple[Module, ...]:
    return tuple(map(Module, _files("notificacao", "semtas")))


@cache
def scripts_of_pages() -> str:
    """The text of all scripts, style sheets and templates, without comments."""
    files = [*(ROOT / "notificacao" / "static").rglob("*"), *(ROOT / "templates").rglob("*.html")]
    texts = (path.read_text() for path in sorted(files) if path.suffix in {".js", ".css", ".html"})
    return _COMMENTS.sub(" ", "\n".join(texts))


@cache
def _corpus() -> str:
    """Everything that the product says and calls by name, one after another."""
    return "\n".join([*sorted(set().union(*(module.words for module in modules()))), scripts_of_pages()])


@cache
def words() -> frozenset[str]:
    return frozenset(re.findall(r"\w+", _corpus()))


def says(text: str) -> bool:
    """Whether the product has `text`, as a whole and not as a part of a longer word."""
    return text in words() or bool(re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", _corpus()))


@cache
def constants(*folders: str) -> frozenset[str]:
    """Each string of the product's Python code that is no docstring: of packages with these names, or of all."""
    read = (module for module in modules() if not folders or module.is_in(*folders))
    return frozenset().union(*(module.strings for module in read))


@cache
def parameters() -> dict[str, list[frozenset[str]]]:
    """`{function or class: [names of its parameters, or of its bases]}`, one for each definition of that name."""
    found = defaultdict(list)
    for module in modules():
        for name, names in module.parameters:
            found[name].append(names)
    return found


@cache
def members() -> dict[str, frozenset[str]]:
    """`{class or module: what is defined in it}`; a package is called by its folder."""
    found: dict[str, set[str]] = defaultdict(set)
    for module in modules():
        for name, names in module.members.items():
            found[name] |= names
    return {name: frozenset(names) for name, names in found.items()}


def number(name: str) -> int | None:
    """Return the number that `module.NAME` is in the product's code, or None."""
    owner, _, constant = name.rpartition(".")
    return next((each.numbers.get(constant) for each in modules() if owner and each.path.stem == owner), None)


@cache
def _texts() -> str:
    paths = _files("notificacao", "semtas", "tests", "benchmarks")
    return "\n".join([*(path.read_text() for path in paths), scripts_of_pages()])


def in_code(text: str) -> bool:
    """Whether some code, that of the tests included, has `text` as it stands."""
    return text in _texts() and bool(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", _texts()))


def in_tests(owner: str, name: str) -> bool:
    """Whether a file of the tests defines the class `owner`, and below it `name`."""
    defined = rf"^class {re.escape(owner)}\b(?:(?!^class ).)*?^    (?:async )?def {re.escape(name)}\("
    return bool(re.search(defined, _texts(), re.MULTILINE | re.DOTALL))


@cache
def project() -> dict:
    """The contents of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())
