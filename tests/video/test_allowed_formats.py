"""Which of FFmpeg's demuxers read films: files of films, never scripts and lists that name other files."""

from pathlib import Path

import av
import pytest

from kinemacolor.errors import InputError
from kinemacolor.video.container import FILM_FORMATS, UPLOAD_FORMATS, open_film
from kinemacolor.video.reader import probe_film
from support.films import write_film

SCRIPTS = {
    "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nfilm.ts\n#EXT-X-ENDLIST\n",
    "a.mkv": "ffconcat version 1.0\nfile film.ts\n",
    "a.mpd": """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011">
</MPD>
""",
    "a.sdp": """v=0
o=- 0 0 IN IP4 127.0.0.1
s=x
c=IN IP4 127.0.0.1
t=0 0
m=video 5004 RTP/AVP 96
a=rtpmap:96 H264/90000
""",
    "a.avs": 'DirectShowSource("film.ts")\n',
    "a.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    "a.txt": "[playlist]\nFile1=film.ts\n",
    "a.srt": "1\n00:00:00,000 --> 00:00:00,200\nA\n",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_lists_and_scripts_are_no_films(tmp_path: Path, name: str) -> None:
    write_film(tmp_path / "film.ts")
    (tmp_path / name).write_text(SCRIPTS[name])
    with pytest.raises(InputError, match="film"):
        probe_film(tmp_path / name)


def test_the_lists_name_demuxers_that_there_are_and_none_that_opens_other_files() -> None:
    known = {part for name in av.formats_available for part in name.split(",")}
    assert set(FILM_FORMATS) <= known
    assert set(UPLOAD_FORMATS) < set(FILM_FORMATS)
    dangerous = {"hls", "concat", "dash", "imf", "image2", "lavfi", "avisynth", "vapoursynth", "sdp", "rtsp", "vobsub"}
    assert not dangerous & set(FILM_FORMATS)


def test_uploads_take_fewer_formats(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.h264")
    with open_film(film) as container:
        assert container.format.name == "h264"
    with pytest.raises(InputError, match="no film file"):
        open_film(film, UPLOAD_FORMATS)
    with open_film(write_film(tmp_path / "film.mp4"), UPLOAD_FORMATS) as container:
        assert container.streams.video
