"""Complete the site of the documents: the root's pages, the descriptions of the API, and what is new in a folder."""

import json
import re
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

import yaml
from drf_spectacular_sidecar import __file__ as sidecar
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
_OF_ROOT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_SIDECAR = Path(sidecar).parent / "static" / "drf_spectacular_sidecar"
_ASSETS = {
    "assets/mermaid.js": ROOT / "node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js",
    "api/swagger-ui.css": _SIDECAR / "swagger-ui-dist/swagger-ui.css",
    "api/swagger-ui-bundle.js": _SIDECAR / "swagger-ui-dist/swagger-ui-bundle.js",
}
# Where the pages of a folder stand in the navigation without being named there, and all others.
_GROWING = {"guides/tutorial.md": "Tutorial", "guides": "How-to", "pt-br": "Português"}
_REST = "Explanation"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name in the navigation what it does not name: a new page must break nothing."""
    parts = {title: pages for each in config.nav or [] for title, pages in each.items()}
    named = {page for pages in parts.values() for page in pages}
    docs = Path(config.docs_dir)
    for path in sorted(docs.rglob("*.md")):
        name = path.relative_to(docs).as_posix()
        if name not in named and not name.startswith("."):
            parts[_GROWING.get(name) or _GROWING.get(name.partition("/")[0], _REST)].append(name)
    config.nav = [{title: pages} for title, pages in parts.items() if pages]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root's pages, and what draws diagrams and shows the descriptions of the API."""
    for name in _OF_ROOT:
        files.append(File.generated(config, name, content=(ROOT / name).read_text()))
    for uri, path in _ASSETS.items():
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Lead each link to where its file stands on the site; what is no page is named and not linked."""
    here = page.file.src_uri
    if here == "api/asyncapi.md":
        markdown += _messages(_described("asyncapi"))
    return _LINK.sub(lambda found: _link(found, here, files), markdown)


def _link(found: re.Match, here: str, files: Files) -> str:
    image, text, target = found.groups()
    path, hash_, fragment = target.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return found[0]
    below = PurePosixPath("docs") if here not in _OF_ROOT else PurePosixPath()
    there = normpath((below / here).parent / path)
    uri = there.removeprefix("docs/")
    if there.startswith("docs/") or there in _OF_ROOT:
        depth = "../" * here.count("/")
        return f"{image}[{text}]({depth}{uri}{hash_}{fragment})"
    return f"{text} (`{there}`)" if (ROOT / there).exists() else found[0]


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Show the calls by Swagger UI, out of the page itself: nothing is fetched."""
    if page.file.src_uri != "api/openapi.md":
        return html
    document = json.dumps(_described("openapi")).replace("<", "\\u003c")
    options = f'{{dom_id: "#openapi", spec: {document}, supportedSubmitMethods: [], validatorUrl: null}}'
    return (
        f'{html}<link rel="stylesheet" href="swagger-ui.css"><script src="swagger-ui-bundle.js"></script>'
        f"<script>SwaggerUIBundle({options})</script>"
    )


def _described(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docs" / "api" / f"{name}.yaml").read_text())


def _messages(document: dict[str, Any]) -> str:
    """Write each channel with its messages: what they are for, their members, an example."""
    parts, told = [], set()
    for channel in document["channels"].values():
        parts.append(f"\n\n## {channel['title']}\n`{channel['address']}`\n\n{channel['description']}")
        names = [reference["$ref"].rpartition("/")[2] for reference in channel["messages"].values()]
        parts += [_message(document, name) if name not in told else "\nIts messages are as above." for name in names]
        told |= set(names)
    return "\n".join(parts)


def _message(document: dict[str, Any], name: str) -> str:
    message = document["components"]["messages"][name]
    schema = document["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]
    required = schema.get("required", ())
    rows = [
        f"| `{name}` | {_kind(one)} | {'yes' if name in required else 'no'} | {one.get('description', '')} |"
        for name, one in schema.get("properties", {}).items()
    ]
    table = ["| Member | Type | Always there | What it says |", "|---|---|---|---|", *rows] if rows else []
    example = json.dumps(message["examples"][0]["payload"], ensure_ascii=False, indent=1)
    return "\n".join([f"\n### {message['title']}", message["summary"], "", *table, "", "```json", example, "```"])


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
