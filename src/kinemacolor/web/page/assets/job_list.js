const root = element.querySelector(".kc");
const list = make("ul", { class: "jobs" });
const empty = make("p", { class: "quiet" }, "Nothing is rendering, and nothing waits.");
const said = make("p", { class: "unseen", role: "status" });
root.append(list, empty, said);

const STATES = { queued: "waiting", running: "running", done: "done", failed: "failed", stopped: "stopped" };
const KINDS = { look: "finding shots", plan: "choosing pictures", try: "a few seconds", render: "colouring" };
const states = new Map(); // id of a job: the state that was heard last
const cards = new Map(); // id of a job: its card
let source = null, heard = null;

function left(seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 50) return "less than a minute left";
  if (minutes < 90) return `about ${count(Math.max(1, minutes), "minute", "minutes")} left`;
  const hours = Math.floor(minutes / 60), rest = Math.round((minutes % 60) / 10) * 10;
  return `about ${count(hours + (rest === 60), "hour", "hours")}${rest % 60 ? ` ${rest} minutes` : ""} left`;
}

function progressText(job) {
  const of = job.expected === null ? count(job.done, "frame", "frames") : `${job.done} of ${count(job.expected, "frame", "frames")}`;
  if (job.state === "queued") return job.place === null ? "Waiting for its turn" : `Waiting, number ${job.place} in the queue`;
  if (job.state === "running") return [job.step, of, job.seconds_left === null ? null : left(job.seconds_left)].filter(Boolean).join(" · ");
  return job.state === "done" ? "" : of;
}

function makeCard(id) {
  const title = make("span", { class: "title" }), kind = make("span", { class: "quiet" }), state = make("span", { class: "state" });
  const bar = make("progress", {}), text = make("p", { class: "quiet" });
  const message = make("p", { class: "problem", hidden: true }), links = make("p", { class: "row", hidden: true });
  const button = (label, event) => make("button", { type: "button", onclick: () => trigger(event, { id }) }, label);
  const [stop, retry, remove] = [button("Cancel", "stop"), button("Go on", "retry"), button("Remove", "delete")];
  const node = make("li", { class: "job" },
    make("div", { class: "row head" }, title, kind, state), bar, text, message, make("div", { class: "row" }, links, stop, retry, remove));

  function update(job) {
    const focused = document.activeElement;
    write(title, job.title);
    write(kind, KINDS[job.kind] ?? job.kind);
    write(state, STATES[job.state] ?? job.state);
    node.dataset.state = job.state;
    bar.hidden = !["running", "stopped", "failed"].includes(job.state);
    put(bar, "aria-label", `Progress of ${job.title}`);
    put(bar, "max", job.expected || 1);
    put(bar, "value", job.expected === null ? null : job.done);
    write(text, progressText(job));
    text.hidden = !text.textContent;
    message.hidden = !job.message;
    write(message, job.message ?? "");
    showLinks(job.result ?? []);
    const ended = ["done", "failed", "stopped"].includes(job.state);
    for (const [one, shown, what] of [[stop, !ended, "Cancel"], [retry, ended && job.state !== "done", "Go on with"], [remove, ended, "Remove"]]) {
      one.hidden = !shown;
      put(one, "aria-label", `${what} ${job.title}`);
    }
    if (focused?.hidden && node.contains(focused)) node.querySelector("button:not([hidden])")?.focus();
  }

  function showLinks(result) {
    const content = JSON.stringify(result);
    if (links.content === content) return;
    links.content = content;
    links.hidden = !result.length;
    links.replaceChildren(...result.map(({ label, url }) => make("a", { class: "link", href: url }, label)));
  }
  return { node, update };
}

function hear(job) {
  const before = states.get(job.id);
  states.set(job.id, job.state);
  if (before === undefined || before === job.state) return;
  write(said, `${job.title}, ${KINDS[job.kind] ?? job.kind}: ${STATES[job.state] ?? job.state}`);
  if (job.state === "done" || job.state === "failed") trigger("end", { id: job.id, state: job.state });
}

function showJobs(all) {
  const jobs = all.filter((job) => job.state !== "done" || job.result?.length); // the others left nothing to take away
  const ids = new Set(jobs.map(({ id }) => id));
  for (const [id, { node }] of cards) {
    if (ids.has(id)) continue;
    node.remove();
    cards.delete(id);
  }
  jobs.forEach((job, index) => {
    if (!cards.has(job.id)) cards.set(job.id, makeCard(job.id));
    const card = cards.get(job.id);
    if (list.children[index] !== card.node) list.insertBefore(card.node, list.children[index] ?? null);
    card.update(job);
  });
  all.forEach(hear);
  empty.hidden = jobs.length > 0;
}

function listen(url) {
  if (url === heard && source && source.readyState !== EventSource.CLOSED) return;
  source?.close();
  [source, heard] = [null, url];
  if (!url) return;
  const own = (source = new EventSource(url));
  own.onmessage = ({ data }) => (element.isConnected ? showJobs(JSON.parse(data).jobs) : own.close());
}

// A server that starts again refuses at first, and a browser then gives up: ask again now and then.
const watching = setInterval(() => {
  if (element.isConnected) return listen(heard);
  source?.close();
  clearInterval(watching);
}, 2000);

function show() {
  root.hidden = !props.value;
  showJobs(props.value?.jobs ?? []);
  listen(address(props.value?.events));
}

watch("value", show);
show();
