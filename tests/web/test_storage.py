"""Names, folders and who may reach what: the server's own disk."""

import os
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.web.storage import NotFoundError, Storage, is_kept_file, make_user_key


@pytest.fixture
def place(tmp_path: Path) -> Storage:
    films = tmp_path / "films"
    (films / "silent").mkdir(parents=True)
    (films / "silent" / "metropolis.mkv").write_bytes(b"film")
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    made = Storage(tmp_path / "root", films)
    made.create_folders()
    return made


def test_a_film_of_the_folder_is_found(place: Storage) -> None:
    assert place.list_films() == ["silent/metropolis.mkv"]
    assert place.resolve_film("silent/metropolis.mkv").read_bytes() == b"film"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.mp4",
        "silent/../../secret.mp4",
        "/etc/passwd",
        "",
        ".",
        "none.mkv",
        "a\0b",
        "x" * 300,
        "\ud800",
        "a/" * 2000,
    ],
)
def test_nothing_outside_of_the_folder_is_a_film(place: Storage, name: str) -> None:
    with pytest.raises(NotFoundError):
        place.resolve_film(name)


def test_a_link_does_not_lead_out_of_the_folder(place: Storage, tmp_path: Path) -> None:
    assert place.films
    (place.films / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (place.films / "elsewhere").symlink_to(tmp_path)
    for name in ("link.mp4", "elsewhere/secret.mp4"):
        with pytest.raises(NotFoundError):
            place.resolve_film(name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_would_be_waited_for_is_no_film(place: Storage) -> None:
    assert place.films
    os.mkfifo(place.films / "pipe.mp4")
    pictures = place.films / "pictures"
    pictures.mkdir()
    for name in ("1.png", "2.png"):
        (pictures / name).write_bytes(b"x")
    assert place.list_films() == ["pictures", "silent/metropolis.mkv"]
    assert place.resolve_film("pictures") == pictures
    os.mkfifo(pictures / "3.png")  # is no picture, and left aside
    assert place.resolve_film("pictures") == pictures
    with pytest.raises(NotFoundError):
        place.resolve_film("pipe.mp4")


def test_a_kept_file_is_really_in_its_folder(tmp_path: Path) -> None:
    folder, outside = tmp_path / "project", tmp_path / "outside.mp4"
    (folder / "results").mkdir(parents=True)
    outside.write_bytes(b"x")
    (folder / "real.mp4").write_bytes(b"x")
    (folder / "inner.mp4").symlink_to("real.mp4")
    (folder / "outer.mp4").symlink_to(outside)
    (folder / "elsewhere").symlink_to(tmp_path)
    assert [is_kept_file(folder, folder / name) for name in ("real.mp4", "inner.mp4")] == [True, True]
    for name in ("outer.mp4", "elsewhere/outside.mp4", "results", "none", "../outside.mp4", "x" * 300, "a\0b"):
        assert not is_kept_file(folder, folder / name), name


def test_without_a_folder_there_are_no_films(tmp_path: Path) -> None:
    made = Storage(tmp_path)
    assert made.list_films() == []
    with pytest.raises(UsageError, match="upload"):
        made.resolve_film("film.mp4")


def test_only_uploads_that_nobody_came_for_are_swept(place: Storage) -> None:
    project = place.create_project_folder("a")
    old, fresh, folder = (place.uploads_folder / name for name in ("old", "fresh", "folder"))
    for file in (old, fresh):
        file.write_bytes(b"x")
    folder.mkdir()
    (folder / "inside").write_bytes(b"x")
    (place.uploads_folder / "link").symlink_to(project)
    os.utime(place.uploads_folder / "link", (0, 0), follow_symlinks=False)
    for path in (old, folder, project):
        os.utime(path, (time.time() - 90_000,) * 2)
    place.remove_old_uploads()
    assert [path.name for path in place.uploads_folder.iterdir()] == ["fresh"]
    assert project.is_dir()


def test_an_upload_that_vanishes_meanwhile_does_not_end_the_sweep(
    place: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = place.uploads_folder / "old"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter((folder / "gone", folder / "old")))
    place.remove_old_uploads()
    assert not old.exists()


def test_a_project_is_its_users_alone(place: Storage) -> None:
    mine, other = make_user_key("me"), make_user_key("you")
    folder = place.create_project_folder(mine)
    assert place.find_project_folder(mine, folder.name) == folder
    assert place.list_project_folders(mine) == [folder]
    assert place.list_project_folders(other) == []
    assert list(place.iter_all_projects()) == [(mine, folder)]
    for user, name in (
        (other, folder.name),
        (mine, f"../{mine}/{folder.name}"),
        (mine, ".."),
        (mine, ""),
        (mine, "\0"),
    ):
        with pytest.raises(NotFoundError):
            place.find_project_folder(user, name)


def test_stray_files_are_nobodys_projects(place: Storage) -> None:
    folder = place.create_project_folder("a")
    (place.root / "users" / ".DS_Store").write_bytes(b"x")
    (folder.parent / ".DS_Store").write_bytes(b"x")
    assert [found for _, found in place.iter_all_projects()] == [folder]


def test_a_users_key_tells_nothing_and_is_a_name_for_a_folder() -> None:
    secret = "the secret of a cookie, long enough"
    assert secret not in make_user_key(secret)
    assert make_user_key(secret) == make_user_key(secret) != make_user_key(secret + ".")
    assert make_user_key("login:../..").isalnum()


def test_what_others_read_does_not_tell_where_things_lie(place: Storage) -> None:
    folder = place.create_project_folder(make_user_key("a"))
    for path in (
        folder / "film" / "x.mp4",
        folder / "plan.json",
        place.uploads_folder / "y.png",
        place.root / "lock",
        folder,
    ):
        told = place.hide_server_paths(f"{path} may not be read")
        assert str(place.root) not in told
    assert place.hide_server_paths(f"{folder / 'film' / 'x.mp4'} is gone") == "x.mp4 is gone"
    assert place.films
    assert place.hide_server_paths(f"{place.films / 'silent' / 'm.mkv'} is gone") == "silent/m.mkv is gone"


def test_only_the_servers_user_may_look_into_its_folders(place: Storage) -> None:
    for folder in (place.root, place.uploads_folder, place.create_project_folder("a")):
        assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ResourceError, match="file"):
        Storage(tmp_path / "file").create_folders()
