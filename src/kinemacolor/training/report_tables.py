"""Tables of the page about a run: the numbers of its validations, and its recipe."""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from kinemacolor.training.run_summary import RunSummary, get_number


class ValidationMeasure(NamedTuple):
    """A measure of items in the log: its ``key`` there, its title and unit on a chart, its head in a table."""

    key: str
    title: str
    unit: str
    head: str
    decimals: int

    def format_value(self, values: object) -> str:
        """Format the measure of a mapping of values; a dash where it has none."""
        value = get_number(values, self.key) if isinstance(values, Mapping) else None
        return "–" if value is None else f"{value:.{self.decimals}f}"


MEASURES = (
    ValidationMeasure("psnr", "PSNR", "dB, higher is better", "PSNR dB", 2),
    ValidationMeasure("lpips", "LPIPS", "lower is better", "LPIPS", 4),
    ValidationMeasure("confidence_correlation", "Confidence against error", "correlation, 1 is best", "confidence", 3),
)


def format_tables_section(run: RunSummary) -> Iterator[str]:
    """Format the numbers of all validations, and of each film and photograph in the last one."""
    validations, best = run.collect_columns(), run.find_best()
    names = list(dict.fromkeys(name for _, columns in validations for name in columns))
    if not names:
        return
    kinds = [
        (name, measure)
        for name in names
        for measure in MEASURES
        if any(get_number(columns.get(name, {}), measure.key) is not None for _, columns in validations)
    ]
    rows = []
    for step, columns in validations:
        cells = [measure.format_value(columns.get(name)) for name, measure in kinds]
        rows.append((str(step), cells, best is not None and best[0] == step))
    head = [("step", ""), *((name, measure.head) for name, measure in kinds)]
    yield f"<h2>Numbers</h2>{_format_table(head, rows)}"
    (_, first), (_, last) = validations[0], validations[-1]
    for name, column in last.items():
        yield _format_items(name, column["items"], first.get(name, {}).get("items", {}))


def _format_items(name: str, items: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Each item of a column in the last validation, and what changed since the first."""
    measures = [one for one in MEASURES if any(isinstance(x, Mapping) and one.key in x for x in items.values())]
    rows = []
    for item, values in items.items():
        now, then = (get_number(x, "psnr") if isinstance(x, Mapping) else None for x in (values, before.get(item)))
        change = "–" if now is None or then is None else f"{now - then:+.2f}"
        rows.append((str(item), [*(one.format_value(values) for one in measures), change], False))
    head = [(name, ""), *((one.head, "") for one in measures), ("PSNR dB", "since the first")]
    summary = f"{escape(name)}: each of {len(rows)} in the last validation"
    return f"<details open><summary>{summary}</summary>{_format_table(head, rows)}</details>"


def _format_table(head: Sequence[tuple[str, str]], rows: Sequence[tuple[str, Sequence[str], bool]]) -> str:
    """A table; the cells of its head have two lines, and the last of a row says whether it is marked."""
    top = "".join(f"<th scope=col>{'<br>'.join(escape(line) for line in cell if line)}</th>" for cell in head)
    body = "".join(
        f"<tr{' class=top' if marked else ''}><th scope=row>{escape(name)}</th>"
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells, marked in rows
    )
    return f"<div class=table><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def format_recipe_section(run: RunSummary) -> Iterator[str]:
    """Format the recipe's main settings, what the log says of data and devices, and the whole recipe to unfold."""
    facts = _list_recipe_facts(run.recipe)
    begins = run.select_rows("begin")
    if begins:
        facts += [(key, str(begins[-1].get(key) or "")) for key in ("devices", "data", "version")]
        facts.append(("begun at step", ", ".join(str(row["step"]) for row in begins)))
        notes = begins[-1].get("notes")
        facts += [("note", str(note)) for note in (notes if isinstance(notes, list) else ())]
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts if value)
    yield f"<h2>Recipe</h2><dl>{rows}</dl>"
    if run.recipe:
        whole = escape(json.dumps(run.recipe, indent=2))
        yield f"<details><summary>The whole recipe</summary><pre>{whole}</pre></details>"


def _list_recipe_facts(recipe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The main settings of a recipe as names and values."""

    def section(name: str, within: Mapping[str, Any] = recipe) -> Mapping[str, Any]:
        found = within.get(name)
        return found if isinstance(found, Mapping) else {}

    def pairs(values: Mapping[str, Any], *keys: str) -> str:
        chosen = {key: values.get(key) for key in keys or values}
        return ", ".join(f"{key} {_format_setting(x)}" for key, x in chosen.items() if x not in (None, 0, [], {}))

    data, clips = section("data"), section("clips")
    losses = {name: term.get("weight") for name, term in section("losses").items() if isinstance(term, Mapping)}
    start = section("start_from", section("model"))
    return [
        ("starts from", ", ".join(f"{module or 'whole model'}: {weights}" for module, weights in start.items())),
        ("steps", pairs(recipe, "steps", "batch_size", "gradient_accumulation", "seed")),
        ("numbers", pairs(recipe, "precision", "ema_decay", "clip_norm")),
        ("clips", pairs(clips, "frames", "size", "crop", "photographs", "damaged")),
        ("references", pairs(section("kinds", clips))),
        ("losses", pairs(losses)),
        ("optimizer", pairs(section("optimizer"), "kind", "lr", "weight_decay", "betas", "frozen")),
        ("schedule", pairs(section("lr_schedule"))),
        ("validation", pairs(section("validation"))),
        *((name, _format_setting(data.get(name) or "")) for name in ("films", "photographs")),
    ]


def _format_setting(value: object) -> str:
    """A value of a recipe as people write it; lists of numbers as 216×384."""
    if isinstance(value, list):
        return ("×" if all(isinstance(x, int) for x in value) else ", ").join(map(str, value))
    return str(value)
