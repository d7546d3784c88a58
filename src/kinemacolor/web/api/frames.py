"""Routes of single frames: how they look, where colours come from, and corrections of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from kinemacolor.options import EdgeFilter
from kinemacolor.web.api.dependencies import OwnProject, ServiceDependency, UserKey
from kinemacolor.web.api.files import make_dated_url, make_file_response, make_file_url
from kinemacolor.web.api.routes import ApiRoute
from kinemacolor.web.frame_times import FrameTimes, VideoFacts
from kinemacolor.web.made_from import is_outdated
from kinemacolor.web.preview_clip import read_clip_start
from kinemacolor.web.project import Project
from kinemacolor.web.project_views import ProjectView
from kinemacolor.web.service import Service

MAX_LAYER = 24_000_000  # characters of a data URL
MAX_SPREAD = 5

FrameVariant = Literal["gray", "picture", "color", "confidence"]
Place = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
Saturation = Annotated[float | None, Query(ge=0, le=4, allow_inf_nan=False)]
FrameNumber = Annotated[int, Field(ge=0, le=10**9)]


class FrameLook(BaseModel):
    """A frame as pictures to get: gray, in colour, and confidence (white: sure), of ``width`` and ``height`` px.

    ``references``: names of the plan's references that its colours come from. ``doubt``: 1 less the mean confidence,
    0..1. ``is_rendered``: colours are those of the film as it was rendered, not of the frame alone.
    """

    frame: int
    width: int
    height: int
    gray: str
    color: str
    confidence: str
    references: list[str]
    doubt: float
    is_rendered: bool


class ThumbnailView(BaseModel):
    """What a frame looks like now, as a small picture to get; ``doubt``: 1 less the mean confidence, 0..1."""

    color: str
    doubt: float


class OriginView(BaseModel):
    """Where the colour of a point comes from: ``row`` and ``column``, 0..1, of a reference; null where nobody knows.

    ``confidence`` is that of the colour, ``matched`` the part of it that comes from there, ``filled`` the part that no
    reference shows, all 0..1.
    """

    reference: str | None = None
    row: float | None = None
    column: float | None = None
    confidence: float | None = None
    matched: float | None = None
    filled: float | None = None


class PaintableView(BaseModel):
    """A frame to be painted on, a picture to get. ``painted_on`` names it when strokes are sent.

    ``strokes``: what was painted on this frame before, a picture with transparency; null where nothing was.
    """

    picture: str
    painted_on: str
    width: int
    height: int
    references: list[str]
    strokes: str | None


class SentStrokes(BaseModel):
    """Strokes on a frame: ``layer``, a data URL of a PNG of the size of what is painted on, transparent elsewhere.

    ``painted_on``: the name that `PaintableView` has, if all the rest of the frame is right, too; null: only what is
    painted counts.
    """

    model_config = ConfigDict(extra="forbid")
    layer: str = Field(max_length=MAX_LAYER)
    painted_on: str | None = Field(default=None, max_length=200)


class SentPicture(BaseModel):
    """A complete upload: a picture of a frame in colour."""

    model_config = ConfigDict(extra="forbid")
    upload: str = Field(max_length=64)


class SentSpread(SentStrokes):
    """Strokes on a frame, and other frames of its shot to look at."""

    frames: list[FrameNumber] = Field(min_length=1, max_length=MAX_SPREAD)


class SpreadFrameView(BaseModel):
    """A frame without and with strokes on another one, as pictures to get."""

    frame: int
    before: str
    after: str


class SpreadView(BaseModel):
    """How strokes would spread over other frames."""

    frames: list[SpreadFrameView]


class FirstLookView(BaseModel):
    """An early frame as pictures to get; ``seconds``: its time. Colours are null while there is no reference."""

    frame: int
    seconds: float
    width: int
    height: int
    gray: str
    color: str | None
    confidence: str | None
    reference: str | None


class PlayerView(VideoFacts):
    """A film to play, gray at the left and in colour at the right, each half ``width`` x ``height`` px.

    ``start_frame``: of the film, where it begins. ``is_outdated``: the plan was changed.
    """

    url: str
    start_frame: int
    is_outdated: bool


class Players(BaseModel):
    """The whole film, and the clip that was tried last; null where there is none.

    ``clock``: when the frames of the film itself are shown; null before it was looked at.
    """

    clock: FrameTimes | None
    film: PlayerView | None
    clip: PlayerView | None


router = APIRouter(prefix="/projects/{project}", route_class=ApiRoute)


@router.get("/frames/{frame}/look")
def look_at_frame(service: ServiceDependency, own_project: OwnProject, frame: int) -> FrameLook:
    """Look at a frame: as it was rendered, else coloured alone by the plan."""
    seen = service.previewer.preview_frame(own_project, frame)
    return FrameLook(
        frame=frame,
        width=seen.size[1],
        height=seen.size[0],
        references=list(seen.references),
        doubt=seen.doubt,
        is_rendered=seen.is_rendered,
        gray=make_file_url(own_project, seen.gray),
        color=make_file_url(own_project, seen.color),
        confidence=make_file_url(own_project, seen.confidence),
    )


@router.get("/frames/{frame}/thumbnail")
def get_thumbnail(service: ServiceDependency, own_project: OwnProject, frame: int) -> ThumbnailView:
    """Get what a frame looks like now, at most 240 px wide and high; coloured coarsely where it was not rendered."""
    made = service.previewer.save_thumbnail(own_project, frame)
    return ThumbnailView(color=make_file_url(own_project, made.picture), doubt=round(made.doubt, 3))


@router.get("/frames/{frame}/origin")
def get_origin(
    service: ServiceDependency, own_project: OwnProject, frame: int, row: Place, column: Place
) -> OriginView:
    """Get where the colour of a point comes from; ``row`` and ``column``: 0..1 of the frame."""
    found = service.previewer.find_color_origin(own_project, frame, row, column)
    return OriginView(**asdict(found)) if found else OriginView()


@router.get("/frames/{frame}/paintable")
def open_frame(service: ServiceDependency, own_project: OwnProject, frame: int) -> PaintableView:
    """Open a frame to paint on it."""
    opened = service.previewer.open_frame(own_project, frame)
    return PaintableView(
        picture=make_file_url(own_project, opened.picture),
        painted_on=opened.picture.name,
        width=opened.size[1],
        height=opened.size[0],
        references=list(opened.references),
        strokes=_url(own_project, opened.strokes),
    )


@router.get("/frames/{frame}/regions", response_class=FileResponse)
def get_regions(service: ServiceDependency, own_project: OwnProject, frame: int) -> FileResponse:
    """Get the regions of a frame between its edges: a PNG in which each has a colour, of the size of ``paintable``."""
    return make_file_response(service.looker.save_regions(own_project, frame))


@router.post("/frames/{frame}/strokes", status_code=201)
def add_strokes(service: ServiceDependency, own_project: OwnProject, frame: int, strokes: SentStrokes) -> ProjectView:
    """Make strokes on a frame a reference of its shot."""
    service.previewer.correct_by_strokes(own_project, frame, strokes.layer, strokes.painted_on)
    return service.view_project(own_project)


@router.post("/frames/{frame}/picture", status_code=201)
def add_picture(
    service: ServiceDependency, user: UserKey, own_project: OwnProject, frame: int, sent: SentPicture
) -> ProjectView:
    """Make an uploaded picture of a frame, in colour all over or transparent elsewhere, a reference of its shot."""
    with service.intake.uploads.take(user, [sent.upload]) as ((_, path),):
        service.previewer.correct_by_picture(own_project, frame, path)
    return service.view_project(own_project)


@router.post("/frames/{frame}/spread")
def spread_strokes(service: ServiceDependency, own_project: OwnProject, frame: int, strokes: SentSpread) -> SpreadView:
    """Show other frames of the shot as they would be with strokes on this one; nothing is changed."""
    made = service.previewer.spread_strokes(own_project, frame, strokes.layer, strokes.painted_on, strokes.frames)
    return SpreadView(
        frames=[
            SpreadFrameView(
                frame=one.frame,
                before=make_file_url(own_project, one.before),
                after=make_file_url(own_project, one.after),
            )
            for one in made
        ]
    )


@router.get("/frames/{frame}/{show}", response_class=FileResponse)
def get_frame(
    service: ServiceDependency,
    own_project: OwnProject,
    frame: int,
    show: FrameVariant,
    saturation: Saturation = None,
    edge_filter: EdgeFilter | None = None,
) -> FileResponse:
    """Get a frame: ``gray``, ``picture`` (gray at full size, to be coloured), ``color`` by the plan, ``confidence``.

    ``saturation`` and ``edge_filter``: of ``color``, to try; the plan stays as it is.
    """
    if show == "gray":
        return make_file_response(service.looker.save_gray_frame(own_project, frame))
    if show == "picture":
        return make_file_response(service.looker.export_frame(own_project, frame), download=True)
    preview = service.previewer.preview_frame(own_project, frame, saturation, edge_filter)
    return make_file_response(preview.color if show == "color" else preview.confidence)


@router.get("/first-look")
def get_first_look(service: ServiceDependency, own_project: OwnProject) -> FirstLookView:
    """Get an early frame of the film, in the colours of the references there are; needs neither shots nor plan."""
    has_references = bool(own_project.list_references())
    look = (service.previewer.color_first_look if has_references else service.looker.save_first_look)(own_project)
    return FirstLookView(
        frame=look.frame,
        seconds=look.seconds,
        width=look.size[1],
        height=look.size[0],
        gray=make_file_url(own_project, look.gray),
        color=_url(own_project, look.color),
        confidence=_url(own_project, look.confidence),
        reference=look.reference,
    )


@router.get("/players")
def list_players(service: ServiceDependency, own_project: OwnProject) -> Players:
    """List what can be played: the whole film, and the clip that was tried last."""
    clip = own_project.preview_clip_file
    return Players(
        clock=service.looker.list_frame_times(own_project),
        film=_view_player(service, own_project, own_project.comparison_file, own_project.rendered_plan_file, 0),
        clip=_view_player(service, own_project, clip, own_project.preview_plan_file, read_clip_start(own_project)),
    )


def _view_player(
    service: Service, own_project: Project, file: Path, made_by: Path, start_frame: int
) -> PlayerView | None:
    if not file.is_file():
        return None
    facts = service.looker.measure_video(file)
    return PlayerView(
        **facts.model_dump() | {"width": facts.width // 2},
        url=make_dated_url(own_project, file),
        start_frame=start_frame,
        is_outdated=is_outdated(own_project, made_by),
    )


def _url(own_project: Project, file: Path | None) -> str | None:
    return None if file is None else make_file_url(own_project, file)
