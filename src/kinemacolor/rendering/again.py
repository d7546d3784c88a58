"""Makes the results of a record again: finds what they were made from, renders, and says whether they are the same."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kinemacolor.errors import InputError, PartialError, UsageError, WeightsError, translate_read_errors
from kinemacolor.inference.engines.choice import Runtime, choose_runtime
from kinemacolor.models.catalog import find_model
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import film_sha256
from kinemacolor.plan.stills import extract_still
from kinemacolor.provenance.fixity import is_payload
from kinemacolor.provenance.record import Record, RecordedResult, make_record_path
from kinemacolor.rendering.output import OutputSpec, find_finished_render, prepare_plan_output
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.rendering.temporary_folder import (
    check_temporary_folder,
    mark_temporary_folder,
    remove_temporary_folder,
)
from kinemacolor.utils.files import compute_file_sha256, digest_tree, resolve_folder
from kinemacolor.video.disclosure import ResultRole
from kinemacolor.video.images import FILM_SUFFIXES, PICTURE_SUFFIXES, sort_naturally
from kinemacolor.video.output import make_partial_path
from kinemacolor.video.picture_series import choose_result_suffix, is_pattern
from kinemacolor.weights.manifest import weights_sha256

_SHOWN_DIGITS = 12  # of a sha256, in messages
_PARTIAL = ".partial"  # `make_partial_path`


@dataclass(frozen=True)
class AgainRequest:
    """A record whose results are wanted again.

    ``output`` is the film; None: beside the record, `name_again` of its name. ``source`` and ``references``, a folder
    that is searched by sha256, are needed where they do not lie where the record says. ``jobs``: `ColorizeRequest`.
    """

    record: Path
    output: Path | None = None
    source: Path | None = None
    references: Path | None = None
    jobs: int | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class AgainReport:
    """What came of it: whether each result has the bytes of the recorded one, and what differs between both runs."""

    report: RenderReport
    same: Mapping[ResultRole, bool]
    differences: tuple[str, ...] = field(default=())

    @property
    def is_same(self) -> bool:
        """Whether all results have the bytes of the recorded ones."""
        return all(self.same.values())


class AgainRun:
    """Does a request in two steps: the constructor finds and checks all that is needed; `render`.

    The constructor writes nothing but stills of colour films that are needed and lie nowhere, into the work folder.

    A record is what somebody else may have written: what it names is only read, and only once its sha256 is the
    recorded one; encoders get options from this program alone. Raises InputError, which names all that is missing or
    another; WeightsError for other weights; UsageError for a record that is none, and as `prepare_plan_output`.
    """

    def __init__(self, request: AgainRequest) -> None:
        self.request, self.record = request, Record.read(request.record)
        self._folder = request.record.parent
        found = weights_sha256(self.record.model.name)
        if found != self.record.plan.weights:
            raise WeightsError(
                f"the record is of other weights of {self.record.model.name} than this machine has: "
                f"`kinemacolor models info {self.record.model.name}` says which it has"
            )
        self._notes: list[str] = []
        self.output_spec = self._choose_outputs()
        self.work_folder = self.output_spec.output.absolute().with_name(f"{self.output_spec.output.name}.work")
        check_temporary_folder(self.work_folder)
        with translate_read_errors(request.source or request.references or request.record):
            self.plan = self._find_inputs()
        self.runtime = self._choose_runtime()
        self.finished = find_finished_render(self.plan, self.output_spec, self.work_folder)
        self.output_setup = None
        if not self.finished:
            self.output_setup = prepare_plan_output(
                self.plan,
                self.output_spec,
                find_model(self.plan.model).spec,
                self.work_folder,
                device=self.runtime.device,
                engine=self.runtime.engine,
                inputs=[request.record],
            )

    def render(self, on_progress: Callable[[Progress], None] | None = None) -> AgainReport:
        """Render, and compare. A run that was stopped goes on. Raises as `api.render`."""
        try:
            report = self.finished or self._render(on_progress)
        except PartialError as error:  # as it was, where the recorded result is of a film that is cut off
            remove_temporary_folder(self.work_folder, self.output_spec.output, [])
            if not self.record.report.ended_early or not isinstance(error.report, RenderReport):
                raise
            report = error.report
        else:
            remove_temporary_folder(self.work_folder, self.output_spec.output, report.warnings)
        made = {
            role: make_partial_path(path) if report.ended_early else path for role, path in self.output_spec.results
        }
        same = {}
        for role, path in made.items():
            with translate_read_errors(path):
                same[role] = digest_tree(path).sha256 == self.record.sha256s[role]
        differences = () if all(same.values()) else tuple(self._find_differences(report, made["film"]))
        return AgainReport(report, same, differences)

    def _render(self, on_progress: Callable[[Progress], None] | None) -> RenderReport:
        from kinemacolor.rendering.renderer import RenderPlan  # torch comes with it
        from kinemacolor.rendering.side_by_side import render_in_jobs
        from kinemacolor.weights.registry import load_model

        assert self.output_setup is not None
        machine, model = self.record.machine, load_model(self.plan.model)
        mark_temporary_folder(self.work_folder)
        render_plan = RenderPlan(
            self.plan,
            model,
            self.work_folder,
            device=self.runtime.device,
            engine=self.runtime.engine,
            is_film_checked=True,
            torch_threads=machine.torch_threads,
        )
        jobs = self.request.jobs if self.runtime.device in ("auto", "cpu") else machine.rows
        return render_in_jobs(render_plan, self.output_setup, on_progress, jobs)

    def _find_inputs(self) -> Plan:
        """Return the plan with the places of its film and references. Raises InputError, which names all faults."""
        faults: list[str] = []
        source = self.record.source
        place = self.request.source or self._folder / source.place
        if not (place.is_file() or place.is_dir() or is_pattern(place)):
            faults.append(f"the film {place} is missing: name it with --source")
        elif (found := film_sha256(place, self.record.plan.film.gaps)) != source.sha256:
            faults.append(f"{place} is another film than the recorded one ({_describe_digests(found, source.sha256)})")
        paths: dict[str, Path] = {}
        stills: dict[str, tuple[Path, int]] = {}
        references = _ReferenceSearch(self._folder, self.request.references)
        for name, reference in self.record.references.items():
            path, still = references.find(reference.place, reference.sha256), reference.still_of
            if path is not None:
                paths[name] = path
            elif still is not None and (taken_from := references.find(still.place, still.sha256)) is not None:
                stills[name] = taken_from, still.frame
            else:
                faults.append(references.describe_missing(reference.place, reference.sha256))
        if faults:
            raise InputError("; ".join(faults))
        paths |= self._extract_stills(stills)
        plan = self.record.plan
        entries = {name: entry.model_copy(update={"path": paths[name]}) for name, entry in plan.references.items()}
        film = plan.film.model_copy(update={"path": resolve_folder(place)})
        return plan.model_copy(update={"film": film, "references": entries})

    def _extract_stills(self, stills: Mapping[str, tuple[Path, int]]) -> dict[str, Path]:
        """Take references from colour films again, into the work folder; gives their paths by name."""
        paths = {}
        for name, (film, frame) in stills.items():
            wanted = self.record.references[name].sha256
            path = paths[name] = self.work_folder / "stills" / f"{wanted}.png"
            if not _has_digest(path, wanted):
                mark_temporary_folder(self.work_folder)
                extract_still(film, frame, path)
            if not _has_digest(path, wanted):
                self._notes.append(f"frame {frame} of {film.name} is decoded or stored otherwise here")
        return paths

    def _choose_outputs(self) -> OutputSpec:
        if self.request.output is None and is_payload(self._folder):
            raise UsageError(f"another film would make the bag around {self._folder} invalid: name one outside with -o")
        names = {result.role: name_again(result.name) for result in self.record.results}
        film = self.request.output or self._folder / names["film"]
        others, taken = dict[ResultRole, Path](), {film.name.casefold()}
        for role, name in names.items():
            if role != "film":
                path = film.with_name(name)
                if name.casefold() in taken:  # they lay in two folders
                    path = path.with_name(f"{path.stem}.{role}{path.suffix}")
                others[role] = path
                taken.add(path.name.casefold())
        return OutputSpec(
            film,
            self.record.encoding,
            others.get("layer"),
            others.get("confidence"),
            self.request.overwrite,
            frame_names=_list_frame_names(self.record),
        )

    def _choose_runtime(self) -> Runtime:
        """Choose engine and device of the record, where they run here; else whatever does, with a word about it."""
        machine, spec = self.record.machine, find_model(self.plan.model).spec
        try:
            return choose_runtime(machine.engine, machine.device, spec, self.plan.options.precision)
        except UsageError:
            self._notes.append(f"{Runtime(machine.engine[:40], machine.device[:40])} does not run here")
            return Runtime()

    def _find_differences(self, report: RenderReport, film: Path) -> Iterator[str]:
        """Say what differs between the record and this run, which made ``film``: of film, program and machine."""
        yield from self._notes
        recorded = Path(self.record.results[0].name).suffix.lower()
        if film.suffix.lower() != recorded:
            yield f"the container was {recorded or 'a folder'}, is {film.suffix.lower() or 'a folder'}"
        if self.record.report.ended_early and not report.ended_early:
            yield "the recorded film was cut off, this one is whole"
        try:
            made = Record.read(make_record_path(film))
        except (InputError, UsageError) as error:  # taken away meanwhile
            yield f"what else differs cannot be said: {error}"
            return
        if self.record.is_signed:
            yield "the recorded film has Content Credentials, of which a part is random; this one has none"
        for before, after in zip(self.record.results, made.results, strict=False):
            yield from self._compare_files(before, after)
        was, now = _list_decisive(self.record), _list_decisive(made)
        for name in sorted(was.keys() | now.keys()):
            if was.get(name) != now.get(name):
                yield f"{name} was {str(was.get(name, 'none'))[:80]}, is {now.get(name, 'none')}"

    def _compare_files(self, before: RecordedResult, after: RecordedResult) -> Iterator[str]:
        """Say what differs between the pictures of two folders; nothing of other results."""
        if after.files is None or before.sha256 == after.sha256:
            return
        if before.files is None:
            if choose_result_suffix(self.plan.film.path) is not None:  # the source is of pictures
                yield "the record is of a version that noted no names of pictures, so they are named after the source's"
        elif others := sorted(before.files.keys() ^ after.files.keys()):
            yield f"the pictures have other names or are others, among them {others[0]!r}"
        else:
            others = sorted(name for name, sha256 in after.files.items() if before.files[name] != sha256)
            yield f"{len(others)} of {len(after.files)} pictures differ, the first is {others[0]!r}"


class _ReferenceSearch:
    """Finds files by their sha256: where a record names them, else in a folder, no file of which is hashed twice."""

    def __init__(self, folder: Path, given: Path | None) -> None:
        self._folder, self._given = folder, given
        self._digests: dict[str, Path] = {}
        if given is not None and not given.exists():
            raise InputError(f"{given} does not exist: name a folder with the references")
        self._unread = _iter_digests(given) if given is not None else iter(())

    def find(self, place: str, sha256: str) -> Path | None:
        """Return the path of a file; None where none has this sha256."""
        named = self._folder / place
        while self._given is not None and sha256 not in self._digests:
            if (found := next(self._unread, None)) is None:
                break
            self._digests.setdefault(*found)
        return self._digests.get(sha256) or (named if _has_digest(named, sha256) else None)

    def describe_missing(self, place: str, sha256: str) -> str:
        """Say in words why `find` found nothing."""
        named = self._folder / place
        if self._given is not None:
            return f"no file in {self._given} is the reference {named.name} (sha256 {sha256[:_SHOWN_DIGITS]}…)"
        if not named.is_file():
            return f"the reference {named} is missing: name its folder with --references"
        with translate_read_errors(named):
            found = compute_file_sha256(named)
        return f"{named} is another picture than the recorded one ({_describe_digests(found, sha256)})"


def name_again(name: str) -> str:
    """Return the name of a result that is made again: ``film.color-again.mp4``, also for ``film.color.partial.mp4``."""
    path = Path(name)
    return f"{path.stem.removesuffix(_PARTIAL)}-again{path.suffix}"


def run_again(request: AgainRequest, on_progress: Callable[[Progress], None] | None = None) -> AgainReport:
    """Do both steps of a request. Raises as `AgainRun` and `AgainRun.render`."""
    return AgainRun(request).render(on_progress)


def _list_frame_names(record: Record) -> tuple[str, ...]:
    """List what the pictures of a folder were named after; nothing where no result is one, or the record lacks it."""
    files = next((result.files for result in record.results if result.files), {})
    names = [path.stem for path in sort_naturally(map(Path, files))]
    return tuple(names) if len(set(names)) == record.report.frames else ()


def _iter_digests(given: Path) -> Iterator[tuple[str, Path]]:
    """Yield the sha256 of a file, or of all in a folder: those that pictures and films are called first, small first.

    What has another name, and may not be read, is passed over.
    """
    ranks: dict[Path, tuple[bool, int, Path]] = {}
    for path in given.rglob("*") if given.is_dir() else [given]:
        with suppress(OSError):
            is_other = path != given and path.suffix.lower() not in (*PICTURE_SUFFIXES, *FILM_SUFFIXES)
            ranks |= {path: (is_other, path.stat().st_size, path)} if path.is_file() else {}
    for is_other, _, path in sorted(ranks.values()):
        try:
            yield compute_file_sha256(path), path
        except OSError:
            if not is_other:
                raise


def _has_digest(path: Path, sha256: str) -> bool:
    with translate_read_errors(path):
        return path.is_file() and compute_file_sha256(path) == sha256


def _describe_digests(found: str, wanted: str) -> str:
    return f"sha256 {found[:_SHOWN_DIGITS]}…, recorded {wanted[:_SHOWN_DIGITS]}…"


def _list_decisive(record: Record) -> dict[str, object]:
    """List all that decides bytes and is no input."""
    encoders = {f"encoder of the {role}": one.model_dump() for role, one in record.encoders.items()}
    return {**record.versions, **record.machine.model_dump(), **encoders}
