"""Makes a plan, renders it, changes one shot, and renders again: only what changed is painted.

python examples/plan_and_edit.py                          the bundled sample
python examples/plan_and_edit.py FILM PICTURE... [--size 216]
"""

import argparse
from pathlib import Path

import kinemacolor

ASSETS = Path(kinemacolor.__file__).parent / "assets"
SAMPLE = [ASSETS / "sample.mp4", ASSETS / "sample-reference.jpg"]
RESULTS = Path("kinemacolor-demo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=SAMPLE, metavar="FILM PICTURE")
    parser.add_argument("--size", type=int, default=216, help="working size: short side in px; smaller is quicker")
    given = parser.parse_args()
    film, *pictures = given.paths
    RESULTS.mkdir(exist_ok=True)
    plan = kinemacolor.make_plan(film, pictures, options=kinemacolor.RenderOptions(short_side=given.size))
    *others, last = plan.shots
    if not others:  # the sample is one shot: cut it in two, as one would where the light changes
        half = plan.film.frames // 2
        others, last = [last.model_copy(update={"last": half - 1})], last.model_copy(update={"first": half})
    own = last.with_references([list(plan.references)[-1]], is_user_choice=True)  # the last picture that was given
    stronger, larger = (
        kinemacolor.ShotRenderOptions(saturation=1.3),
        kinemacolor.ShotRenderOptions(short_side=given.size + 24),
    )
    for shot in (
        last,
        last.model_copy(update={"options": stronger}),  # acts on what is painted: paints nothing anew
        own.model_copy(update={"options": larger}),  # what the model sees: this shot is painted anew, no other
    ):
        # A plan is one JSON file. What is read from it is checked as a whole, and a person may edit it before.
        path = RESULTS / f"{film.stem}.plan.json"
        plan.model_copy(update={"shots": (*others, shot)}).write(path)
        report = kinemacolor.render(path, RESULTS / f"{film.stem}.planned.mp4", overwrite=True)
        print(f"{report.result}: {report.painted} of {report.frames} frames painted, {report.shots} shots")


if __name__ == "__main__":
    main()
