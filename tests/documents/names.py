"""Hold names of the code against its definitions: metrics, calls, attributes, mutants, words, shapes of JSON."""

import re
from functools import cache

from django.apps import apps
from prometheus_client import REGISTRY
from rest_framework.exceptions import APIException

from notificacao import audiences, metrics  # noqa: F401 – whose metrics are in the registry
from tests.documents import product
from tests.documents.commands import installed, markers

_METRIC = re.compile(r'(notificacao_[a-z_]+)(\{(\w+)="(\w+)"\})?')
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_CALL = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\(([^()]*)\)")
_MUTANT = re.compile(r"notificacao\.([\w.]+)\.x(?:ǁ(\w+)ǁ|_)(\w+)__mutmut_\d+")
_TABLE = re.compile(r"\[([a-z][\w.-]+)\]")
_HEADER = re.compile(r"([A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)+)(?:: .+)?")
_CHANNEL = re.compile(r"(private|system):[\w:{}…-]+")


def metrics_in(text: str) -> list[re.Match]:
    return [found for found in _METRIC.finditer(text) if found[1].removesuffix("_") != "notificacao"]


def judge_metric(found: re.Match) -> str:
    """Return what is wrong with `name` or `name{label="value"}`; nothing where `/metrics` shows it."""
    name, label, value = found[1], found[3], found[4]
    families = list(REGISTRY.collect())
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    if not samples:  # a histogram's name alone has none
        return "" if any(family.name == name for family in families) else "/metrics shows nothing of that name"
    if label and not any(sample.labels.get(label) == value for sample in samples):
        return f'it never has {label}="{value}"'
    return ""


def judge(text: str) -> str:
    """Return what is wrong with a name, a call or a shape; nothing where the product has it."""
    if text in product.constants() or text in installed() or text in markers():
        return ""
    for pattern, judge_so in _KINDS.items():
        if found := pattern.fullmatch(text):
            return judge_so(found)
    return "" if product.says(text) else _shape(text)


def _table(found: re.Match) -> str:
    """A table of pyproject.toml."""
    place = product.project()
    for name in found[1].split("."):
        place = place.get(name, {})
    return "" if place else "pyproject.toml has no such table"


def _mutant(found: re.Match) -> str:
    module, owner, function = found.groups()
    of_module, of_owner = (product.members().get(name, ()) for name in (module.rpartition(".")[2], owner))
    there = owner in of_module and function in of_owner if owner else function in of_module
    return "" if there else f"there is no {'.'.join(filter(None, (module, owner, function)))} to be changed"


def _channel(found: re.Match) -> str:
    name = re.sub(r"^(private:\w+):[^:]+:", r"\1:x:", found[0])
    of_scopes = (f"private:{scope}:x:notifications" for scope in audiences.SCOPES)
    built = {audiences.SYSTEM_CHANNEL, audiences.PROBE_CHANNEL, *of_scopes}
    known = all(map(product.says, re.findall(r"\{(\w+)\}", found[0])))
    return "" if name in built and known else "audiences builds no such name"


def _header(found: re.Match) -> str:
    """A header as the code may write it: in any case, as bytes, or as Django's META has it."""
    name = found[1]
    written = (name, name.lower(), f"HTTP_{name.upper().replace('-', '_')}")
    return "" if any(map(product.says, written)) else "the code neither reads nor sends such a header"


def _call(found: re.Match) -> str:
    """`name(parameters)`, `Class(Base)`, `Model.objects.method(field=…)`, or a call that stands so in the code."""
    name, given = found[1].rpartition(".")[2], found[2]
    if ".objects." in found[1]:
        return _query(found[1], given)
    if why := _dotted(_DOTTED.match(found[1])):
        return why
    named = set(re.findall(r"(?:^|, )([a-z_]\w*|[A-Z]\w+)(?==|,|$)", given))
    ways = product.parameters().get(name, [])
    if not named or any(named <= way for way in ways) or product.in_code(f"{name}({given}"):
        return ""
    return f"{name} takes no {', '.join(sorted(named))}"


def _query(called: str, given: str) -> str:
    model, _, method = called.partition(".objects.")
    models = {each.__name__: each for each in apps.get_models()}
    if model not in models or not hasattr(models[model].objects, method):
        return f"there is no {called}"
    fields = {each.name for each in models[model]._meta.get_fields()}
    unknown = set(re.findall(r"(\w+)=", given)) - fields
    return f"{model} has no {', '.join(sorted(unknown))}" if unknown else ""


def _dotted(found: re.Match) -> str:
    """`word`, `module.name`, `Class.method`, or what stands so in the code."""
    text = found[0]
    owner, _, name = text.rpartition(".")
    if not owner:
        known = product.says(name) or name in _of_the_framework()
        return "" if known else "the product has no such word"
    last = owner.rpartition(".")[2]
    if name in product.members().get(last, ()) or product.in_code(text) or product.in_tests(last, name):
        return ""
    return f"{owner} has no {name}"


@cache
def _of_the_framework() -> frozenset[str]:
    """The codes of REST framework's errors, and Django's permissions."""
    codes = {error.default_code for error in APIException.__subclasses__()}
    return frozenset(codes | {name for model in apps.get_models() for name in _permissions(model)})


def _permissions(model) -> set[str]:
    own = {codename for codename, _ in model._meta.permissions}
    return own | {f"{act}_{model._meta.model_name}" for act in model._meta.default_permissions}


def _shape(text: str) -> str:
    """JSON, a header, a tag: each word of it is to be one of the product's."""
    words = [word for word in re.findall(r"\w+", text) if not word.isdecimal()]
    unknown = [word for word in words if word not in product.words()]
    if unknown or not words:
        return f"the product has no {', '.join(unknown) or 'such text'}"
    return ""


_KINDS = {
    _TABLE: _table,
    _MUTANT: _mutant,
    _CHANNEL: _channel,
    _HEADER: _header,
    _CALL: _call,
    _DOTTED: _dotted,
}
