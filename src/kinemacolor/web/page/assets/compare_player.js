const root = element.querySelector(".kc");
const video = make("video", { playsinline: true, preload: "auto", tabindex: -1, "aria-hidden": "true" });
const canvas = make("canvas", { role: "img" });
const pen = canvas.getContext("2d");
const stage = makeStage((at) => { part = at; draw(); }, video, canvas);
const play = iconButton("play", "Play", () => (video.paused ? video.play() : video.pause()));
const slider = make("input", { type: "range", class: "time", min: 0, max: 0, step: 1, "aria-label": "Time", oninput: () => seek(Number(slider.value)) });
const time = make("span", { class: "now" });
const speed = make("select", { onchange: () => (video.playbackRate = Number(speed.value)) },
  ...[["0.25", "¼ speed"], ["0.5", "½ speed"], ["1", "Full speed"]].map(([value, text]) => make("option", { value }, text)));
speed.setAttribute("aria-label", "Speed");
const mute = iconButton("sound", "Mute", () => (video.muted = !video.muted), { "aria-pressed": "false" });
const full = iconButton("full", "Full screen", () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()));
const correct = make("button", { type: "button", class: "main", onclick: ask }, "Correct this frame");
const problem = make("p", { class: "problem", role: "alert", hidden: true });
const said = make("p", { class: "unseen", role: "status" });
root.append(
  stage, problem, said,
  make("div", { class: "row" },
    iconButton("back", "One frame back", () => step(-1)), play, iconButton("forward", "One frame forward", () => step(1)), slider, time),
  make("div", { class: "row" }, speed, mute, full, make("span", { class: "gap" }), correct),
);

let part = 0.5, seconds = 0, film = null, wanted = null;

const rate = () => props.value?.rate || 24;
const frame = () => Math.max(0, Math.floor(seconds * rate() + 0.05));
const last = () => Math.max(0, Math.round((video.duration || 0) * rate()) - 1);

function draw() {
  if (video.readyState < 2) return;
  const half = video.videoWidth / 2, { width, height } = canvas, split = Math.round(width * part), cut = (split / width) * half;
  if (split > 0) pen.drawImage(video, 0, 0, cut, video.videoHeight, 0, 0, split, height);
  if (split < width) pen.drawImage(video, half + cut, 0, half - cut, video.videoHeight, split, 0, width - split, height);
}

function tell() {
  const text = `${clock(seconds)} of ${clock(video.duration || 0)}, frame ${frame()}`;
  if (wanted === null) slider.value = frame();
  slider.setAttribute("aria-valuetext", text);
  write(time, `${clock(seconds)} / ${clock(video.duration || 0)} · frame ${frame()}`);
}

function shown(at) {
  seconds = at;
  draw();
  tell();
}

// While one frame is being looked for, only the last wish waits.
function seek(number) {
  const idle = wanted === null;
  wanted = Math.min(Math.max(0, number), last());
  seconds = wanted / rate();
  tell();
  if (idle) video.currentTime = (wanted + 0.5) / rate();
}

video.addEventListener("seeked", () => {
  if (wanted !== null && Math.abs(video.currentTime * rate() - wanted - 0.5) > 0.4) {
    video.currentTime = (wanted + 0.5) / rate();
    return;
  }
  wanted = null;
  if (!video.requestVideoFrameCallback) seconds = video.currentTime;
  shown(seconds);
});

function step(by) {
  video.pause();
  seek((wanted ?? frame()) + by);
  said.textContent = `Frame ${wanted ?? frame()}, ${clock((wanted ?? frame()) / rate())}`;
}

function ask() {
  video.pause();
  trigger("select", { frame: wanted ?? frame(), seconds });
}

function follow() {
  if (video.requestVideoFrameCallback) {
    video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (wanted === null || Math.abs(mediaTime * rate() - wanted) < 0.6) shown(mediaTime);
      follow();
    });
  } else if (!video.paused) {
    shown(video.currentTime);
    requestAnimationFrame(follow);
  }
}

function named(button, name, label) {
  button.replaceChildren(icon(name));
  put(button, "aria-label", label);
  put(button, "title", label);
}

for (const event of ["play", "pause", "ended"]) {
  video.addEventListener(event, () => named(play, video.paused ? "play" : "pause", video.paused ? "Play" : "Pause"));
}
video.addEventListener("volumechange", () => {
  put(mute, "aria-pressed", String(video.muted));
  mute.replaceChildren(icon(video.muted ? "silent" : "sound"));
});
video.addEventListener("loadedmetadata", () => { slider.max = last(); tell(); });
video.addEventListener("loadeddata", () => { draw(); tell(); });
video.addEventListener("error", () => {
  problem.hidden = !film;
  write(problem, "This film cannot be played here: load the page again, or download it and play it in another program.");
});
if (video.requestVideoFrameCallback) follow();
else video.addEventListener("play", follow);

function show() {
  const value = props.value;
  root.hidden = !value;
  correct.hidden = !value?.correctable;
  put(root, "aria-label", value ? `Compare: ${value.title}` : null);
  if (value) {
    put(canvas, "aria-label", `${value.title}: gray left of the divider, colour right of it`);
    [canvas.width, canvas.height] = [value.width, value.height];
    stage.setAspect(value.width, value.height);
  }
  if (film === (value?.film ?? null)) return draw();
  film = value?.film ?? null;
  video.pause();
  [seconds, wanted, problem.hidden] = [0, null, true];
  put(video, "src", film);
  video.load();
  video.playbackRate = Number(speed.value);
}

speed.value = "1";
stage.move();
watch("value", show);
show();
