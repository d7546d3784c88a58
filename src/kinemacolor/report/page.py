"""Formats a report as one HTML page that needs only the pictures beside it."""

import shlex
from collections.abc import Sequence
from html import escape

import numpy as np

from kinemacolor.report.build import QualityReport, ReferenceAdvice, ShotReport
from kinemacolor.report.shot_metrics import average_groups
from kinemacolor.utils.arrays import Float32Array
from kinemacolor.utils.times import format_time

CURVE_POINTS = 80  # of a drawn curve, at most
MAX_REFERENCES_SHOWN = 3  # of a shot
MAX_SHOTS_NAMED = 8  # of those that an advised reference helps
CURVE_WIDTH, CURVE_HEIGHT = 170, 40  # px of a curve
STYLE = """
:root{color-scheme:light dark;--ink:#1d1d1f;--paper:#fff;--soft:#5b5b60;--line:#d6d6da;--panel:#f5f5f7;--bad:#a3160f;
--good:#1c6b2e;--link:#0b57a4}
@media(prefers-color-scheme:dark){:root{--ink:#ececf0;--paper:#17181a;--soft:#a9a9b2;--line:#3a3b40;--panel:#222327;
--bad:#ff8f86;--good:#7fd194;--link:#8cc1ff}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1400px;padding:1rem;color:var(--ink);
background:var(--paper)}
a{color:var(--link)}:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999px}.skip:focus{position:static}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2rem 0 .5rem}
p,dd{max-width:75ch}.soft,figcaption,dd{color:var(--soft)}
code{background:var(--panel);padding:.1rem .3rem;border-radius:4px;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.75rem .75rem .75rem 0;border-bottom:1px solid var(--line)}
thead th{font-weight:600;padding-bottom:.25rem}tbody th{font-weight:400;white-space:nowrap}
tbody th b{display:block;font-size:1.05rem}
tr:target{background:var(--panel)}
.look{color:var(--bad);font-weight:600}.pass{color:var(--good);font-weight:600}
ul.reasons{margin:.25rem 0;padding-left:1.1rem}
.shown{width:42%}.shown img{width:100%;height:auto;display:block;background:var(--panel)}
.given{display:flex;flex-wrap:wrap;gap:.5rem;margin-top:.4rem}figure{margin:0}
.given img{height:64px;width:auto;max-width:160px;object-fit:cover;display:block}
figcaption{font-size:.8rem;overflow-wrap:anywhere;max-width:170px}
svg{display:block;background:var(--panel);border-radius:4px}svg polyline{fill:none;stroke:currentColor;stroke-width:1.5}
svg line{stroke:var(--bad);stroke-dasharray:3 3}
summary{cursor:pointer;font-size:1.2rem;font-weight:600;margin:2rem 0 .5rem}
dt{font-weight:600;margin-top:.5rem}dd{margin:0}
@media(max-width:800px){thead{position:absolute;left:-9999px}table,tbody,tr,th,td{display:block;width:auto}
tr{border-bottom:1px solid var(--line);padding:.75rem 0}th,td{border:0;padding:.25rem 0}.shown{width:auto}
.curves{display:flex;flex-wrap:wrap;gap:.5rem}}
"""


def format_report_page(report: QualityReport, frame_link: str | None = None) -> str:
    """Format the HTML page; pictures are linked relative to the report's folder. ``frame_link``: see `write_report`."""
    title = escape(f"{report.film}: {_format_look_count(report)}")
    body = [
        '<a class="skip" href="#shots">Skip to the shots</a>',
        f"<header><h1>{title}</h1><p>{_format_summary(report)}</p></header><main>",
        _format_advice(report, frame_link),
        '<h2 id="shots">Look at these</h2>',
        _format_shot_table(report, report.shots_by_need("look"), "Nothing: every shot passes."),
        _format_passed_shots(report),
        _format_legend(report),
        "</main></body></html>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>\n" + "\n".join(body) + "\n"
    )


def _format_look_count(report: QualityReport) -> str:
    count, shots = len(report.shots_by_need("look")), len(report.shots)
    return f"{count or 'none'} of {shots} shot{'s' * (shots > 1)} want{'s' * (count <= 1)} a look"


def _format_summary(report: QualityReport) -> str:
    frames = f"{report.frames} frame{'s' * (report.frames > 1)}"
    guessed = "" if report.filled is None else f"; {_format_percent(report.filled)} typical colours, a guess"
    return f"{frames}, painted by {escape(report.model)}; mean confidence {report.mean_confidence:.2f}{guessed}."


def _format_advice(report: QualityReport, frame_link: str | None) -> str:
    if not report.advice:
        return "<h2>References that would help most</h2><p>None: what is unsure is not for want of a picture.</p>"
    items = "".join(f"<li>{_format_advice_item(one, frame_link)}</li>" for one in report.advice)
    return f"<h2>References that would help most</h2><ol>{items}</ol>{_format_advice_steps(report, frame_link)}"


def _format_advice_steps(report: QualityReport, frame_link: str | None) -> str:
    """Tell the reader how to get and use the advised frames; empty where their numbers are not the film's."""
    if frame_link is not None:
        return (
            '<p class="soft">Save a frame, colour it in any painting program, and give it as a reference under the '
            "same name; or paint it in the page (“Paint it”).</p>"
        )
    frames = " ".join(str(one.frame) for one in report.advice)
    command = f"kinemacolor refs extract {shlex.quote(report.film)} {frames} -o to-colour"
    hint = f'<p class="soft">As pictures to colour: <code>{escape(command)}</code></p>'
    return hint if report.from_start else ""


def _format_advice_item(one: ReferenceAdvice, frame_link: str | None) -> str:
    shots = ", ".join(f'<a href="#shot-{number}">{number}</a>' for number in one.shots[:MAX_SHOTS_NAMED])
    shots += f" and {len(one.shots) - MAX_SHOTS_NAMED} more" if len(one.shots) > MAX_SHOTS_NAMED else ""
    frame = f"frame {one.frame}"
    if frame_link is not None:
        frame = f'<a href="{escape(frame_link.format(frame=one.frame))}" download>{frame}</a>'
    text = f"{frame}, at {format_time(one.seconds)}: may take away {_format_percent(one.share)} of the doubt"
    return text + (f", in shot{'s' * (len(one.shots) > 1)} {shots}" if one.shots else "")


def _format_passed_shots(report: QualityReport) -> str:
    shots = report.shots_by_need("pass")
    if not shots:
        return ""
    summary = f"{len(shots)} shot{'s' * (len(shots) > 1)} pass{'es' * (len(shots) == 1)}"
    return f"<details><summary>{summary}</summary>{_format_shot_table(report, shots, '')}</details>"


def _format_shot_table(report: QualityReport, shots: Sequence[ShotReport], nothing: str) -> str:
    if not shots:
        return f"<p>{nothing}</p>"
    heads = (
        "Shot",
        "Verdict",
        f"Least sure frame: gray, coloured, confidence{', filled' * (report.filled is not None)}",
        "Over the shot",
    )
    head = "".join(f'<th scope="col" role="columnheader">{text}</th>' for text in heads)
    rows = "\n".join(_format_shot_row(report, shot) for shot in shots)
    return (
        f'<table role="table"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table>'
    )


def _format_shot_row(report: QualityReport, shot: ShotReport) -> str:
    return (
        f'<tr id="shot-{shot.number}" role="row">'
        f'<th scope="row" role="rowheader"><b>Shot {shot.number}</b>{format_time(shot.seconds)}<br>'
        f"frames {shot.first}–{shot.last}</th>"
        f'<td role="cell">{_format_verdict(shot)}</td>'
        f'<td role="cell" class="shown">{_format_picture(report, shot)}{_format_references(report, shot)}</td>'
        f'<td role="cell" class="curves">{_format_curves(report, shot)}</td></tr>'
    )


def _format_verdict(shot: ShotReport) -> str:
    label = shot.verdict.label
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in shot.verdict.reasons.values())
    listed = f'<ul class="reasons">{reasons}</ul>' if reasons else ""
    filled = shot.measures.filled
    part = "" if filled is None else f'<div class="soft">filled {_format_percent(filled)}</div>'
    return f'<span class="{label}">{label}</span>{listed}<div class="soft">need {shot.verdict.need:.2f}</div>{part}'


def _format_picture(report: QualityReport, shot: ShotReport) -> str:
    rows, columns = report.picture_size
    views = "and confidence (bright: sure)"
    views = views if report.filled is None else "confidence (bright: sure), and what is filled (bright)"
    alt = f"Frame {shot.least_sure} of shot {shot.number}: gray, coloured, {views}"
    image = f'<img loading="lazy" width="{columns}" height="{rows}" alt="{alt}" src="{shot.picture}">'
    return f'<a href="{shot.picture}">{image}</a><span class="soft">frame {shot.least_sure}</span>'


def _format_references(report: QualityReport, shot: ShotReport) -> str:
    figures = "".join(
        f'<figure><img loading="lazy" alt="Reference {escape(name)}" src="{report.references[name]}">'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for name in shot.references[:MAX_REFERENCES_SHOWN]
    )
    more = len(shot.references) - MAX_REFERENCES_SHOWN
    return f'<div class="given">{figures}{f"<span>and {more} more references</span>" if more > 0 else ""}</div>'


def _format_curves(report: QualityReport, shot: ShotReport) -> str:
    measured, limits, frames = shot.measures, report.limits, (shot.first, shot.last + 1)
    return "".join(
        _format_curve(title, report.curves.values_of(name, *frames), mean, top, limit)
        for title, name, mean, top, limit in (
            ("confidence", "confidence", measured.confidence, 1.0, 1 - limits.doubt),
            ("distance from reference", "distance", measured.distance, 2 * limits.drift, None),
            ("flicker", "flicker", measured.flicker, 2 * limits.flicker, limits.flicker),
            ("filled", "filled", measured.filled, 1.0, limits.filled),
        )
    )


def _format_curve(title: str, values: Float32Array, mean: float | None, top: float, limit: float | None) -> str:
    """Draw an SVG curve from 0 to at least ``top``, with its limit dashed; empty text where nothing was measured."""
    known = values[np.isfinite(values)]
    if mean is None or not len(known):
        return ""
    points, top = average_groups(known, CURVE_POINTS), max(top, float(known.max()))
    across, up = (CURVE_WIDTH - 2) / max(len(points) - 1, 1), (CURVE_HEIGHT - 2) / top
    line = " ".join(f"{1 + across * x:.1f},{CURVE_HEIGHT - 1 - up * y:.1f}" for x, y in enumerate(points))
    at = 0 if limit is None else CURVE_HEIGHT - 1 - up * limit
    dashed = f'<line x1="0" x2="{CURVE_WIDTH}" y1="{at:.1f}" y2="{at:.1f}"/>' if at else ""
    caption = f"{title} {mean:.2f} ({known.min():.2f} to {known.max():.2f})"
    return (
        f'<figure><svg role="img" aria-label="{caption} over the shot" width="{CURVE_WIDTH}" height="{CURVE_HEIGHT}">'
        f'{dashed}<polyline points="{line}"/></svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _format_legend(report: QualityReport) -> str:
    entries = "".join(
        f"<dt>{fault.name}</dt><dd>{fault.meaning}; a look from {getattr(report.limits, fault.name):g} on "
        f"({fault.unit})</dd>"
        for fault in report.faults
    )
    return (
        f"<h2>What the words mean</h2><p>Every shot is measured against {len(report.faults)} limits. Its need is the "
        "worst of them as a multiple of its limit: from 1 on a person should look. All numbers are in "
        f'<a href="report.json">report.json</a>.</p><dl>{entries}</dl>'
    )


def _format_percent(share: float) -> str:
    return f"{100 * share:.0f} %"
