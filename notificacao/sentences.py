"""Word pydantic's errors in Portuguese, by their type, for the people and programs that sent the data."""

from collections.abc import Mapping
from typing import Any

# Of pydantic's error types those that a form or a request can meet; `{…}` is filled from the error's own context.
_BY_TYPE = {
    "bool_parsing": "use true ou false",
    "bool_type": "use true ou false",
    "date_from_datetime_inexact": "use uma data",
    "date_from_datetime_parsing": "use uma data",
    "date_parsing": "use uma data",
    "date_type": "use uma data",
    "datetime_from_date_parsing": "use data e hora, como 2026-12-31T18:00:00-03:00",
    "datetime_object_invalid": "use data e hora, como 2026-12-31T18:00:00-03:00",
    "datetime_parsing": "use data e hora, como 2026-12-31T18:00:00-03:00",
    "datetime_type": "use data e hora, como 2026-12-31T18:00:00-03:00",
    "dict_type": "use um objeto",
    "extra_forbidden": "campo desconhecido",
    "finite_number": "use um número",
    "float_parsing": "use um número",
    "float_type": "use um número",
    "greater_than": "use um valor maior que {gt}",
    "greater_than_equal": "use um valor a partir de {ge}",
    "int_from_float": "use um número inteiro",
    "int_parsing": "use um número inteiro",
    "int_parsing_size": "use um número menor",
    "int_type": "use um número inteiro",
    "invalid_key": "use textos como nomes dos campos",
    "json_invalid": "não é JSON",
    "less_than": "use um valor menor que {lt}",
    "less_than_equal": "use um valor até {le}",
    "list_type": "use uma lista",
    "missing": "falta preencher",
    "model_attributes_type": "use um objeto",
    "model_type": "use um objeto",
    "recursion_loop": "o objeto contém a si mesmo",
    "string_too_long": "tem mais de {max_length} caracteres",
    "string_too_short": "falta preencher",
    "string_type": "use um texto",
    "string_unicode": "use um texto em Unicode",
    "timezone_aware": "inclua o fuso horário",
    "too_long": "tem mais de {max_length} itens",
    "too_short": "falta preencher",
    "tuple_type": "use uma lista",
    "uuid_parsing": "use um UUID",
    "uuid_type": "use um UUID",
    "uuid_version": "use um UUID da versão {expected_version}",
}
_OTHERWISE = "valor inválido"


def sentence_for(error: Mapping[str, Any]) -> str:
    """Return the pt-BR sentence for one of `ValidationError.errors()`; a ValueError of ours brings its own."""
    context = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"use um destes: {context['expected'].replace(' or ', ' ou ')}"
    return _BY_TYPE.get(error["type"], _OTHERWISE).format_map(context)
