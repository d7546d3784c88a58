"""Makes the pages of the documentation site that no file in docs/ is: `mkdocs build --strict` calls it as a hook.

README.md and its like become pages as they are; each verb of the command line and each public name of Python has a
page, made of the code itself. Links that lead out of docs/ are led to these pages, or lose what they point at where
that is code. What stands in which order says mkdocs.yml; verbs and names are put into it here.
"""

import logging
import posixpath
import re
from collections.abc import Iterable
from inspect import cleandoc
from pathlib import Path
from typing import Any, NamedTuple

import typer

from kinemacolor.cli.main import app
from kinemacolor.cli.panels import IMPLIED_VERB, VERB_PANELS
from kinemacolor.errors import KinemacolorError

ROOT = Path(__file__).parents[1]
ICON = "src/kinemacolor/web/page/icon.svg"
EXAMPLES = "examples/README.md"
# Pages of the public names: what one does first stands first.
NAME_PAGES = {
    "Colour a film": ("colorize", "preview", "verify", "Report"),
    "In steps": ("suggest_frames", "extract_frames", "make_plan", "render", "make_again", "Plan"),
    "Frame by frame": ("load_model", "list_models", "Session", "YCbCr"),
    "Options": ("RenderOptions", "ShotRenderOptions", "EncodingOptions", "DeliveryOptions"),
    "Errors": (
        *("KinemacolorError", "UsageError", "InputError", "WeightsError", "PartialError", "ResourceError"),
        "Interrupted",
    ),
}
OTHER_NAMES = "Other modules"
_CODE = r"^(?P<indent> *)(?P<fence>```+).*?^(?P=indent)(?P=fence) *$|<!--.*?-->|(?P<tick>`+)[^`].*?(?P=tick)"
_IS_CODE = re.compile(_CODE, re.MULTILINE | re.DOTALL)
_LINK = re.compile(
    rf"(?P<picture>!?)\[(?P<words>(?:`[^`]*`|[^\[\]`])*)\]\((?P<target>[^()\s]+)\)|{_CODE}", re.MULTILINE | re.DOTALL
)
_ITEM = re.compile(r"([-*]|\d+\.) ")

log = logging.getLogger("mkdocs.hooks.make_site")  # what it warns of fails a strict build


class Link(NamedTuple):
    """Where a link of a page leads: a page or file of the site, or nowhere."""

    uri: str | None
    anchor: str


def make_pages() -> dict[str, str]:
    """Return all pages that are made, by their path in the site, as Markdown."""
    pages = {find_page(path): (ROOT / path).read_text(encoding="utf-8") for path in list_own_pages()}
    pages[find_page(EXAMPLES)] += "".join(_show_program(path) for path in sorted((ROOT / "examples").glob("*.py")))
    pages["command-line/index.md"] = _describe_command_line()
    pages |= {f"command-line/{verb}.md": describe_verb(verb) for verbs in VERB_PANELS.values() for verb in verbs}
    pages["python/index.md"] = _describe_library()
    for group, names in NAME_PAGES.items():
        # The fields of a plan are what is written: the docstring names the others' fields.
        shown = {"show_if_no_docstring": True} if "Plan" in names else {}
        pages[_name_page(group)] = _describe_names(group, [f"kinemacolor.{name}" for name in names], **shown)
    pages[_name_page(OTHER_NAMES)] = _describe_names(OTHER_NAMES, find_other_names(), show_root_full_path=True)
    return pages


def make_navigation() -> dict[str, list[Any]]:
    """Return what stands in the navigation under "Command line" and "Python"."""
    verbs = {panel: [{verb: f"command-line/{verb}.md"} for verb in verbs] for panel, verbs in VERB_PANELS.items()}
    names = [{group: _name_page(group)} for group in (*NAME_PAGES, OTHER_NAMES)]
    return {
        "Command line": ["command-line/index.md", *({panel: pages} for panel, pages in verbs.items())],
        "Python": ["python/index.md", *names],
    }


def list_own_pages() -> list[str]:
    """Return the files outside of docs/ that are pages, as paths in the repository."""
    return [*sorted(path.name for path in ROOT.glob("*.md")), EXAMPLES]


def find_page(path: str) -> str:
    """Return the page in the site for a Markdown file of the repository: `README.md` is the first."""
    if path == "README.md":
        return "index.md"
    if path == EXAMPLES:
        return "examples.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else path.lower().replace("_", "-")


def find_link(source: str, target: str) -> Link:
    """Return where a link of the file ``source`` leads, both as paths in the repository."""
    path, _, anchor = target.partition("#")
    found = posixpath.normpath(posixpath.join(posixpath.dirname(source), path)) if path else source
    if not (ROOT / found).exists():
        log.warning("%s: the link to %s leads nowhere", source, target)
    elif source == EXAMPLES and found.startswith("examples/") and found.endswith(".py"):
        return Link(find_page(source), posixpath.basename(found).replace(".", ""))
    elif found in list_own_pages() or (found.startswith("docs/") and (ROOT / found).is_file()):
        return Link(find_page(found), anchor)
    return Link(None, "")


def rewrite_links(markdown: str, source: str) -> str:
    """Lead the links of ``source``, a path in the repository, to pages of the site; what is no page stays as words."""
    page = find_page(source)

    def rewrite(found: re.Match[str]) -> str:
        target = found["target"]
        if target is None or "://" in target:  # code, or not ours
            return found[0]
        uri, anchor = find_link(source, target)
        if uri is None:
            return found["words"]
        way = posixpath.relpath(uri, posixpath.dirname(page) or ".")
        return f"{found['picture']}[{found['words']}]({way}{'#' * bool(anchor)}{anchor})"

    return _LINK.sub(rewrite, markdown)


def find_lists_in_text(markdown: str) -> list[str]:
    """Return first lines of paragraphs that a list follows without an empty line: a list to others, text to mkdocs."""
    blocks = re.split(r"\n\s*\n", _IS_CODE.sub("code", markdown))
    lines = [block.strip("\n").split("\n") for block in blocks]
    return [
        first
        for first, *others in lines
        if not _ITEM.match(first) and not first.startswith((" ", "#", "|")) and any(map(_ITEM.match, others))
    ]


def find_other_names() -> list[str]:
    """Return the names of submodules that README, docs/ and examples/ use: what they show a user wants a reference."""
    texts = [path.read_text(encoding="utf-8") for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])]
    texts += [path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.py"))]
    imports = (found for text in texts for found in re.findall(r"from (kinemacolor\.[\w.]+) import ([\w, ]+)", text))
    names = {f"{module}.{name.strip()}" for module, imported in imports for name in imported.split(",")}
    names |= {name for text in texts for name in re.findall(r"\bkinemacolor(?:\.[a-z_]+){2,}\b(?=\()", text)}
    return sorted(name for name in names if _is_defined(name))


def describe_verb(verb: str) -> str:
    """Return the page of a verb, or of those that share its word, as `refs`."""
    root = typer.main.get_command(app)
    context = typer.Context(root, info_name=app.info.name)
    command: Any = root.get_command(context, verb)  # type: ignore[attr-defined]
    own = typer.Context(command, parent=context, info_name=verb)
    if not hasattr(command, "commands"):
        return f"# {verb}\n\n{_describe_command(command, own)}"
    text = f"# {verb}\n\n{_escape(command.help)}\n"
    for name in command.list_commands(own):
        child = command.get_command(own, name)
        text += f"\n## {verb} {name}\n\n{_describe_command(child, typer.Context(child, parent=own, info_name=name))}"
    return text


def _describe_command(command: Any, context: typer.Context) -> str:
    usage = " ".join(command.collect_usage_pieces(context)).replace("{", "").replace("}", "")
    text = f"```text\n{context.command_path} {usage}\n```\n\n{_escape(command.help)}\n"
    tables: dict[str, list[str]] = {}
    for one in command.get_params(context):
        record = one.get_help_record(context)
        if one.hidden or record is None:
            continue
        is_argument = one.param_type_name == "argument"
        title = "Arguments" if is_argument else one.rich_help_panel or "Options"
        tables.setdefault(title, []).append(_describe_parameter(*record))
    for title, rows in tables.items():
        text += f"\n**{title}**\n\n| name | what it is | default, bounds |\n|---|---|---|\n{''.join(rows)}"
    return text


def _describe_parameter(names: str, words: str) -> str:
    """A row of a table: what is typed, what it does, its default and bounds."""
    words, _, limits = words.partition("  [")
    return f"| `{names}` | {_escape(words)} | {_escape(limits.removesuffix(']'))} |\n"


def _describe_command_line() -> str:
    codes = {0: "Done.", 1: "A fault of ours: please tell us."}
    codes |= {one.exit_code: cleandoc(one.__doc__ or "") for one in KinemacolorError.__subclasses__()}
    code_rows = "".join(f"| {code} | {' '.join(text.split())} |\n" for code, text in codes.items())
    verbs = ""
    for panel, names in VERB_PANELS.items():
        rows = "".join(f"| [{name}]({name}.md) | {_escape(_first_words(name))} |\n" for name in names)
        verbs += f"\n**{panel}**\n\n| verb | what it does |\n|---|---|\n{rows}"
    return (
        "# Command line\n\n"
        f"`kinemacolor FILM -r PICTURE` is short for `kinemacolor {IMPLIED_VERB} FILM -r PICTURE`. "
        "`kinemacolor VERB --help` says in the terminal what stands here. "
        "`kinemacolor --install-completion` lets Tab complete verbs, options, models and choices.\n"
        f"{verbs}\n## Exit codes\n\n| code | what it says |\n|--:|---|\n{code_rows}"
    )


def _first_words(verb: str) -> str:
    root: Any = typer.main.get_command(app)
    return str(root.commands[verb].help).split("\n\n", maxsplit=1)[0]


def _describe_library() -> str:
    rows = "".join(
        f"| [{group}]({posixpath.basename(_name_page(group))}) | {', '.join(f'`{name}`' for name in names)} |\n"
        for group, names in NAME_PAGES.items()
    )
    others = ", ".join(f"`{name.removeprefix('kinemacolor.')}`" for name in find_other_names())
    rows += f"| [{OTHER_NAMES}]({posixpath.basename(_name_page(OTHER_NAMES))}) | {others} |\n"
    return (
        "# Python\n\n"
        "`import kinemacolor` is quick; torch is loaded by what needs it. Programs to start from: "
        "[examples](../examples.md).\n\n"
        f"| to | names |\n|---|---|\n{rows}\n"
        "Pictures are NumPy arrays, rows first: `H W 3` is height, width and red, green, blue; capitals are the film's "
        "size, small letters the working size. [What the other words mean](../glossary.md).\n"
    )


def _describe_names(group: str, names: Iterable[str], **options: bool) -> str:
    chosen = "".join(f"      {key}: {str(value).lower()}\n" for key, value in options.items())
    intro = "Each is a `KinemacolorError`, and an [exit code](../command-line/index.md#exit-codes).\n\n"
    directives = (f"::: {name}\n" + (f"    options:\n{chosen}" if chosen else "") for name in names)
    return f"# {group}\n\n" + intro * (group == "Errors") + "\n".join(directives)


def _name_page(group: str) -> str:
    return f"python/{group.lower().replace(' ', '-')}.md"


def _show_program(path: Path) -> str:
    return f"\n## {path.name}\n\n```python\n{path.read_text(encoding='utf-8')}```\n"


def _is_defined(name: str) -> bool:
    """Whether the module has such a function or class, or imports one to hand it on; it is read, not imported."""
    module, _, own = name.rpartition(".")
    base = ROOT / "src" / module.replace(".", "/")
    found = [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
    pattern = rf"^(def|class) {own}\b|^ *from .+ import .*\b{own}$"
    return any(re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE) for path in found)


def _escape(text: str) -> str:
    """Keep what Markdown would take for its own, outside of `code`."""
    return re.sub(r"(`[^`]*`)|([*_<>|#\[\]])", lambda found: found[1] or f"&#{ord(found[2])};", text or "")


# What mkdocs calls.


def on_config(config: Any) -> Any:
    """Put verbs and names into the navigation."""
    made = make_navigation()
    for entry in config.nav:
        for title in made.keys() & entry.keys():
            entry[title] = made[title]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made."""
    from mkdocs.structure.files import File

    for uri, text in make_pages().items():
        files.append(File.generated(config, uri, content=text))
    files.append(File.generated(config, "assets/icon.svg", abs_src_path=str(ROOT / ICON)))
    return files


def on_page_markdown(markdown: str, page: Any, **more: Any) -> str:
    """Lead links to pages of the site, and tell of what mkdocs would show otherwise than other readers of Markdown."""
    sources = {find_page(path): path for path in list_own_pages()}
    uri = page.file.src_uri
    if uri.startswith(("command-line/", "python/")):
        return markdown
    for first in find_lists_in_text(markdown):
        log.warning("%s: a list wants an empty line before it, in: %s", uri, first)
    return rewrite_links(markdown, sources.get(uri, f"docs/{uri}"))
