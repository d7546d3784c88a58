/** What runs and waits: one slim line at the bottom of every view, which opens to a list. */
import { live, post, Problem, remove } from "../core/client.js";
import { count } from "../core/format.js";
import { icon } from "../core/icons.js";
import { isActive } from "../core/jobs.js";
import { notify } from "../core/notify.js";
import { StoreController } from "../core/store.js";
import { shared } from "../core/styles.js";
import { css, html, LitElement, nothing, repeat } from "../vendor/lit.js";
import { describeJob, describeSending, listJobs } from "./words.js";

/** @typedef {import("../core/api.d.ts").JobView} JobView */
/** @typedef {import("./words.js").Words} Words */

/** Asks for something, and tells of a failure; what it changes is heard. @param {() => Promise<unknown>} ask */
async function attempt(ask) {
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    notify(error.message, "problem");
  }
}

/** Says what has ended since it was looked at. @param {JobView[]} jobs @param {JobView[]} before */
function tellOfEnds(jobs, before) {
  for (const job of jobs) {
    if (before.find((one) => one.id === job.id)?.state !== "running") continue;
    if (job.state === "failed") notify(`${job.title}: ${job.message ?? "it failed"}`, "problem");
    if (job.state === "done" && job.kind === "render") notify(`${job.title} is coloured.`);
  }
}

class Queue extends LitElement {
  static styles = [
    shared,
    css`
      .line {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        min-height: calc(var(--queue-height) - 1px);
        padding: 0 var(--space-2) 0 var(--space-3);
        color: var(--text-soft);
        font-size: var(--text-12);
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      .line .button {
        min-width: 24px;
        min-height: 24px;
      }
      .line progress {
        flex: none;
        width: 120px;
      }
      .title {
        color: var(--text);
        text-decoration: none;
      }
      a.title:hover {
        text-decoration: underline;
      }
      .opener svg {
        transform: rotate(180deg);
      }
      .opener[aria-expanded="true"] svg {
        transform: none;
      }
      .menu {
        position: fixed;
        inset: auto var(--space-2) calc(var(--queue-height) + 4px) auto;
        width: min(480px, calc(100vw - 2 * var(--space-2)));
        max-height: 60dvh;
        margin: 0;
        padding: var(--space-2) var(--space-3);
        background: var(--surface-1);
        overflow: auto;
      }
      .menu .button {
        width: auto;
        background: var(--surface-2);
      }
      .menu .button.bare {
        background: none;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-1);
        padding: var(--space-2) 0;
        border-bottom: 1px solid var(--line);
        overflow-wrap: anywhere;
      }
      .menu > .row {
        padding-top: var(--space-1);
      }
      @media (max-width: 720px) {
        .line .button {
          min-width: 44px;
          min-height: 43px;
        }
        .what {
          flex: 1;
        }
      }
    `,
  ];

  constructor() {
    super();
    new StoreController(this, () => live);
    this.stopListening = () => {};
  }

  connectedCallback() {
    super.connectedCallback();
    this.stopListening = live.listen((state, before) => tellOfEnds(state.jobs, before.jobs));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.stopListening();
  }

  get #list() {
    return /** @type {HTMLElement} */ (this.renderRoot.querySelector("[popover]"));
  }

  render() {
    const { jobs, others, uploads } = live.state;
    const [running] = jobs.filter((job) => job.state === "running");
    const [sending] = uploads;
    const waiting = jobs.filter((job) => job.state === "queued").length + Math.max(0, uploads.length - 1);
    const stop = sending
      ? () => sending.stop()
      : running && !running.is_stopping
      ? () => void attempt(() => post(`/jobs/${running.id}/stop`))
      : null;
    return html`
      <footer class="line">
        ${icon("queue")}
        ${sending
          ? this.#drawLine(sending.name, describeSending(sending))
          : running
          ? this.#drawLine(running.title, describeJob(running))
          : html`<span class="grow">Nothing is running</span>`}
        ${waiting ? html`<span class="desk">${waiting} waiting</span>` : nothing}
        ${others ? html`<span class="wide-only">${count(others, "job")} of others</span>` : nothing}
        ${stop
          ? html`<button class="button bare" aria-label="Stop" title="Stop" @click=${stop}>${icon("stop")}</button>`
          : nothing}
        <button
          class="button bare opener"
          popovertarget="list"
          aria-expanded="false"
          aria-label="All jobs"
          title="All jobs"
        >
          ${icon("chevron-down")}
        </button>
      </footer>
      <div id="list" class="menu" popover role="dialog" aria-label="Jobs" @toggle=${this.#toggle}>
        ${this.#drawList()}
      </div>
    `;
  }

  /** @param {ToggleEvent} event */
  #toggle(event) {
    const opener = this.renderRoot.querySelector(".opener");
    opener?.setAttribute("aria-expanded", String(event.newState === "open"));
  }

  /** @param {string} title @param {Words} words */
  #drawLine(title, words) {
    return html`
      <span class="cut title" dir="auto" title=${title}>${title}</span>
      <span class="cut what">· ${words.doing}</span>
      <progress class="desk" aria-label=${words.doing} value=${words.part ?? nothing}></progress>
      <span class="desk">${words.speed}</span>
      <span>${words.left}</span>
      <span class="grow desk"></span>
    `;
  }

  #drawList() {
    const { jobs, others, uploads } = live.state;
    const shown = listJobs(jobs);
    const ended = jobs.filter((job) => !isActive(job)); // also those that are not shown, so that none comes after
    const clear = () => void attempt(() => Promise.all(ended.map((job) => remove(`/jobs/${job.id}`))));
    if (!shown.length && !uploads.length) return html`<p class="soft">Nothing has run yet.</p>`;
    return html`
      <ul>
        ${uploads.map((sending) =>
          html`
            <li>
              <div class="row">
                <bdi class="title cut grow">${sending.name}</bdi>
                <button
                  class="button bare"
                  aria-label="Stop uploading ${sending.name}"
                  title="Stop"
                  @click=${sending.stop}
                >
                  ${icon("stop")}
                </button>
              </div>
              ${this.#drawWords(describeSending(sending), true)}
            </li>
          `
        )}
        ${repeat(shown, (job) => job.id, (job) => this.#drawJob(job))}
      </ul>
      <div class="row small soft">
        <span class="grow">${others ? `${count(others, "job")} of other users` : nothing}</span>
        ${shown.some((job) => !isActive(job))
          ? html`<button class="button bare" @click=${clear}>Clear what has ended</button>`
          : nothing}
      </div>
    `;
  }

  /** @param {Words} words @param {boolean} isRunning */
  #drawWords(words, isRunning) {
    return html`
      <p class="row small soft number">
        <span class="grow">${words.doing}</span> <span>${words.speed}</span> <span>${words.left}</span>
      </p>
      ${isRunning ? html`<progress aria-label=${words.doing} value=${words.part ?? nothing}></progress>` : nothing}
    `;
  }

  /** @param {JobView} job */
  #drawJob(job) {
    const words = describeJob(job);
    const [isEnded, canResume] = [!isActive(job), job.state === "stopped" || job.state === "failed"];
    const ask = (/** @type {() => Promise<unknown>} */ work) => () => void attempt(work);
    return html`
      <li>
        <div class="row">
          <a
            class="title cut grow"
            dir="auto"
            title=${job.title}
            href="/films/${job.project}"
            @click=${() => this.#list.hidePopover()}
          >${job.title}</a>
          ${canResume
            ? html`
              <button
                class="button bare"
                aria-label="Resume ${job.title}"
                title="Resume"
                @click=${ask(() => post(`/jobs/${job.id}/resume`))}
              >
                ${icon("resume")}
              </button>
            `
            : nothing}
          ${isEnded
            ? html`
              <button
                class="button bare"
                aria-label="Remove ${job.title} from the list"
                title="Remove from the list"
                @click=${ask(() => remove(`/jobs/${job.id}`))}
              >
                ${icon("close")}
              </button>
            `
            : html`
              <button
                class="button bare"
                ?disabled=${job.is_stopping}
                aria-label="Stop ${job.title}"
                title="Stop"
                @click=${ask(() => post(`/jobs/${job.id}/stop`))}
              >
                ${icon("stop")}
              </button>
            `}
        </div>
        ${this.#drawWords(words, job.state === "running")}
        ${job.message && job.state !== "stopped"
          ? html`<p class="small ${job.state === "failed" ? "bad" : "soft"}" dir="auto">${job.message}</p>`
          : nothing}
        ${(job.result ?? []).map((file) =>
          html`<a class="small row" href=${file.url} download>${
            icon("download")
          } <bdi class="cut">${file.label}</bdi></a>`
        )}
      </li>
    `;
  }
}
customElements.define("kc-queue", Queue);
