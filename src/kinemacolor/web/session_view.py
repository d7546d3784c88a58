"""What a page must know before anything else: who asks, what the server takes and makes, and how much room there is."""

import shutil

from pydantic import BaseModel

from kinemacolor._version import __version__
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.options import DEFAULT_MODEL, EdgeFilter
from kinemacolor.video.images import FILM_SUFFIXES, UPLOAD_PICTURE_SUFFIXES
from kinemacolor.web.project_views import compute_revision
from kinemacolor.web.requests import OUTPUT_FORMATS
from kinemacolor.web.service import Service
from kinemacolor.weights.manifest import weights_notices


class SessionLimits(BaseModel):
    """What may be uploaded: bytes of one file, and endings of names."""

    largest_upload: int
    picture_suffixes: list[str]
    film_suffixes: list[str]


class DiskUse(BaseModel):
    """Bytes: of the user's films, null until they were measured; free ones; the most that a user may take, or null."""

    used_bytes: int | None
    free_bytes: int
    share_bytes: int | None


class ModelChoice(BaseModel):
    """A model, and the options that it has by itself.

    ``can_fill``: it knows typical colours. ``matches``: it tells where in a reference a colour comes from. ``notices``:
    sentences about its weights that a user must know.
    """

    name: str
    is_default: bool
    short_side: int
    saturation: float
    edge_filter: EdgeFilter
    can_fill: bool
    matches: bool
    notices: list[str]


class FormatChoice(BaseModel):
    """A form in which a film can be rendered: ``name`` is what a task takes, ``label`` is for people."""

    name: str
    label: str
    suffix: str


class SessionView(BaseModel):
    """Who asks (``user``: null where the server asks for no name), what this server takes, and what it can do.

    ``is_shared``: all users see the same films. ``has_films``: there is a folder of films to open. ``has_sample``:
    there is a film to try.
    """

    version: str
    user: str | None
    is_shared: bool
    has_films: bool
    has_sample: bool
    limits: SessionLimits
    disk: DiskUse
    models: list[ModelChoice]
    formats: list[FormatChoice]


def view_session(service: Service, user: str, login: str | None) -> SessionView:
    """Return what the page of a user begins with. ``user``: the key of the folder; ``login``: the name, if any."""
    sizes = [service.sizes.find_size(one.folder, compute_revision(one)) for one in service.list_projects(user)]
    options, storage = service.options, service.storage
    return SessionView(
        version=__version__,
        user=login,
        is_shared=options.shared,
        has_films=storage.films is not None,
        has_sample=True,
        limits=SessionLimits(
            largest_upload=options.limits.largest_upload,
            picture_suffixes=list(UPLOAD_PICTURE_SUFFIXES),
            film_suffixes=list(FILM_SUFFIXES),
        ),
        disk=DiskUse(
            used_bytes=None if None in sizes else sum(size or 0 for size in sizes),
            free_bytes=shutil.disk_usage(storage.root).free,
            share_bytes=storage.disk_per_user or None,
        ),
        models=[_describe_model(name) for name in MODEL_CATALOG],
        formats=[
            FormatChoice(name=name, label=label, suffix=suffix) for name, (label, suffix, _) in OUTPUT_FORMATS.items()
        ],
    )


def _describe_model(name: str) -> ModelChoice:
    spec = MODEL_CATALOG[name].spec
    return ModelChoice(
        name=name,
        is_default=name == DEFAULT_MODEL,
        short_side=spec.short_side,
        saturation=spec.saturation,
        edge_filter=spec.edge_filter,
        can_fill=spec.can_fill,
        matches=spec.matches,
        notices=list(weights_notices(name)),
    )
