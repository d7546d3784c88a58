"""Run by a Python that has VapourSynth and no torch: `test_filter` looks at what it keeps.

``script.py LUMA REFERENCES PLAN PYTHON RESULT``: luma codes of a film of 10 bits as .npy.
"""

import contextlib
import gc
import glob
import os
import sys

import numpy as np
import vapoursynth as vs

from kinemacolor.vapoursynth import colorize

luma_file, references, plan, python, result = sys.argv[1:]
core, kept = vs.core, {}
LUMA = np.load(luma_file)
BLOCKS = os.path.join(references, "blocks.png")
SMALL = {"options": {"short_side": 64}, "python": python}


def planes(frame):
    return [np.asarray(frame[plane]).copy() for plane in range(frame.format.num_planes)]


def make_clip(form, luma=LUMA, **props):
    """The film as a clip: its luma in any format, chroma of noise."""
    blank = core.std.BlankClip(format=form, width=luma.shape[2], height=luma.shape[1], length=len(luma), fpsnum=24)

    def fill(n, f):
        frame = f.copy()
        np.asarray(frame[0])[:] = luma[n]
        for name, value in props.items():
            frame.props[name] = value[n] if isinstance(value, list) else value
        return frame

    return blank.std.ModifyFrame(blank, fill)


def told(**changes):
    try:
        colorize(**{"clip": make_clip(vs.YUV420P10), "references": references, **SMALL, **changes})
    except vs.Error as error:
        return str(error)
    return "nothing"


def keep(name, clip, frames):
    for n in frames:
        for index, plane in enumerate(planes(clip.get_frame(n))):
            kept[f"{name}.{n}.{index}"] = plane


def count_workers():
    """Processes that this one started and that have not ended; none where there is no /proc."""
    found = glob.glob("/proc/[0-9]*/stat")
    parents = []
    for path in found:
        with contextlib.suppress(OSError), open(path) as stream:  # it has ended
            parents.append(int(stream.read().rpartition(")")[2].split()[1]))
    return parents.count(os.getpid())


def count_workers_of_clips():
    """While each of two clips is there, and after each; frames of one were asked for."""
    counts = []
    for at in range(2):
        clip, sure = colorize(make_clip(vs.YUV420P10), BLOCKS, shots=[0], confidence=True, **SMALL)
        clip.set_output()
        if at:
            planes(clip.get_frame(0)), planes(sure.get_frame(0))
        counts.append(count_workers())
        del clip, sure
        vs.clear_outputs()
        gc.collect()
        counts.append(count_workers())
    return counts


kept["workers"] = np.array(count_workers_of_clips())

everything = range(len(LUMA))
clip = make_clip(vs.YUV420P10, _Mark=list(everything), _ChromaLocation=0)

core.num_threads = 8
color, sure = colorize(clip, plan=plan, python=python, confidence=True)
for n, (frame, doubt) in enumerate(zip(color.frames(), sure.frames(), strict=True)):  # many are asked for at once
    kept[f"all.{n}.0"], kept[f"all.{n}.1"], kept[f"all.{n}.2"] = planes(frame)
    kept[f"sure.{n}"] = planes(doubt)[0]
    kept[f"mark.{n}"] = np.array([frame.props[f"_{name}"] for name in ("Mark", "Matrix", "ChromaLocation")])
keep("again", color, (9, 2, 13, 0))
kept["sure.format"] = np.array([sure.format.name, int(sure.get_frame(0).props["_Range"])])

core.num_threads = 1
color, sure = colorize(clip, plan=plan, python=python, confidence=True)
both = zip(color.frames(), sure.frames(), strict=True)
kept["one thread.sure"] = np.array([int(planes(doubt)[0].sum()) for _, doubt in both])
keep("one thread", color, (5, 12))

scenes = [int(n == 8) for n in everything]
props = {"_SceneChangePrev": scenes, "_Matrix": 6, "_Range": 0}
keep("properties", colorize(make_clip(vs.YUV420P10, **props), references, **SMALL), (10, 4))
gray = colorize(make_clip(vs.GRAY10), references, shots=np.array([8]), **SMALL)
keep("gray", gray, (10, 4))
kept["gray.format"] = np.array([gray.format.name, int(gray.get_frame(4).props["_ChromaLocation"])])
odd = colorize(make_clip(vs.GRAY10, LUMA[:2, 1:].copy()), BLOCKS, shots=[0], **SMALL)
keep("odd", odd, (1,))
eight = (LUMA >> 2).astype(np.uint8)
for name, props in {"limited": {"_Range": 0}, "full": {"_Range": 1}, "old full": {"_ColorRange": 0}}.items():
    props = props | {"_Matrix": 1}
    keep(name, colorize(make_clip(vs.YUV444P8, eight[:2], **props), BLOCKS, shots=[0], **SMALL), (1,))
picture = core.std.BlankClip(format=vs.RGB24, width=96, height=72, color=[200, 60, 40], length=1)
keep("picture", colorize(clip, [picture], shots=[0], **SMALL), (1,))

kept["told"] = np.array(
    [
        told(clip=core.std.BlankClip(format=vs.RGB24)),
        told(clip=core.std.Splice([core.std.BlankClip(format=one) for one in (vs.YUV420P8, vs.GRAY10)], mismatch=True)),
        told(clip=core.std.BlankClip(format=vs.YUV444PS)),
        told(references=None),
        told(plan=plan),
        told(references=os.path.join(references, "none.png")),
        told(references=core.std.BlankClip(format=vs.YUV420P8)),
        told(python=None),
        told(python="/none/python"),
        told(references=[]),
        told(references=3),
        told(references=[BLOCKS, None]),
        told(shots=[1.5]),
        told(shots=99),
        told(options=5),
        told(options={"short_side": 64.5}),
        told(options={"short_side": np.float32(64)}),
    ]
)


def fail(n, f):
    raise vs.Error("the disk is on fire")


broken = colorize(
    make_clip(vs.YUV420P10)[:1] + clip[1:].std.ModifyFrame(clip[1:], fail), references, shots=[0], **SMALL
)
try:
    broken.get_frame(3)
except vs.Error as error:
    kept["broken"] = np.array(str(error))
np.savez(result, **kept)
