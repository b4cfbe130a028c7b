// The preview of a release: records which frames have been watched, shows what is left, and keeps the original footage
// in step. Independent of Gradio: it finds `section.watch` on the page.
import { RequestRefused, request, textOf } from "./api.js";
import { BLINK, Coverage, frameAt } from "./coverage.js";

/** @import { Span } from "./coverage.js" */

/** One clip of the preview, as the server sends it. @typedef {{ output: number, frames: number, unwatched: Span[], watched: { name: string, frames: number }[] }} Output */
/** @typedef {{ content: string, outputs: Output[] }} Watched */
/** Seconds of every frame of the clip from its first, and of the first in the review proxy. @typedef {{ times: number[], start: number }} FrameTimes */

const SEND_EVERY = 5000; // ms
const FRAMES_AT_ONCE = 20000;
const MOST_SPANS = 500;
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4, 8];
const IN_STEP = 0.02; // s between the two videos, too little to notice
const FAR = 0.5; // s from which the footage jumps instead of catching up
const SEEK_TIMEOUT = 2; // s
const BAR_WIDTH = 200; // px at least

/** @param {number} seconds */
const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
};

/** @param {number} part @param {number} whole */
const share = (part, whole) => `${part === whole ? 100 : Math.floor((100 * part) / whole)}%`;

/** @param {string} footage @param {number} first @param {number} last @returns {Promise<FrameTimes>} */
async function frameTimes(footage, first, last) {
  /** @type {{ time_base: [number, number], start: number }} */
  const about = await request(`/api/footage/${footage}`);
  const [top, bottom] = about.time_base;
  /** @type {number[]} */
  const pts = [];
  while (pts.length <= last - first) {
    const from = first + pts.length;
    const count = Math.min(FRAMES_AT_ONCE, last - from + 1);
    /** @type {{ pts: number[] }} */
    const chunk = await request(`/api/footage/${footage}/frames?from=${from}&count=${count}`);
    if (!chunk.pts.length) throw new Error("The frame times of this footage are missing.");
    pts.push(...chunk.pts);
  }
  const times = pts.map((value) => ((value - pts[0]) * top) / bottom);
  return { times, start: about.start + (pts[0] * top) / bottom };
}

/** @template {HTMLElement} Kind @param {HTMLElement} section @param {string} selector @param {new () => Kind} kind */
function find(section, selector, kind) {
  const element = section.querySelector(selector);
  if (!(element instanceof kind)) throw new Error(`The page has no ${selector}.`);
  return element;
}

/** One section of the page with its two videos. */
class Preview {
  /** @param {HTMLElement} section @param {FrameTimes} frames */
  constructor(section, { times, start }) {
    const { release = "", output, content } = section.dataset;
    this.section = section;
    this.times = times;
    this.start = start;
    this.coverage = new Coverage(times);
    this.content = content;
    this.output = Number(output);
    this.address = `/api/releases/${encodeURIComponent(release)}/watched`;
    this.copy = find(section, "video.copy", HTMLVideoElement);
    this.master = find(section, "video.master", HTMLVideoElement);
    this.bar = find(section, "canvas.coverage", HTMLCanvasElement);
    this.message = find(section, ".coverage-words", HTMLElement);
    this.next = document.createElement("button");
    /** @type {number | null} the frame shown last */
    this.shown = null;
    /** @type {number | null} the same; null during a seek, when the picture may be from before it */
    this.standing = null;
    /** @type {number | null} the first frame of the span that was played last */
    this.tried = null;
    this.starting = false;
    /** @type {Span[]} */
    this.unwatched = [];
    this.sending = false;
    this.inSight = true;
    this.sight = new IntersectionObserver(
      ([{ intersectionRatio, intersectionRect }]) => {
        this.inSight = intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2;
      },
      { threshold: [0, 0.25, 0.5, 0.75] },
    );
    this.#addControls();
    this.#listen();
    this.sight.observe(this.copy);
    this.timer = setInterval(() => (this.section.isConnected ? this.send() : this.end()), SEND_EVERY);
    this.hiding = () => {
      if (document.visibilityState === "hidden") this.send();
    };
    document.addEventListener("visibilitychange", this.hiding);
  }

  /** @param {string} text */
  say(text) {
    if (this.message.textContent !== text) this.message.textContent = text;
  }

  #addControls() {
    const line = document.createElement("p");
    line.className = "watch-controls";
    const label = document.createElement("label");
    const speed = document.createElement("select");
    for (const value of SPEEDS) speed.add(new Option(`${value} ×`, String(value), value === 1, value === 1));
    speed.addEventListener("change", () => {
      this.copy.playbackRate = Number(speed.value);
    });
    this.copy.addEventListener("ratechange", () => {
      speed.value = String(this.copy.playbackRate);
    });
    label.append("Speed ", speed);
    this.next.type = "button";
    this.next.textContent = "Play next unwatched part";
    this.next.addEventListener("click", () => this.playNext());
    line.append(label, this.next);
    this.bar.before(line);
  }

  async playNext() {
    if (this.starting) return;
    this.starting = true;
    await this.send();
    if (this.unwatched.length) await this.#play(this.unwatched[0]);
    this.starting = false;
  }

  /** @param {Span} span */
  async #play([first]) {
    const { copy } = this;
    // If this computer cannot show the whole span at one speed, the next slower one is used.
    if (first === this.tried && this.standing !== null && this.standing > first) {
      copy.playbackRate = SPEEDS.findLast((speed) => speed < copy.playbackRate) ?? SPEEDS[0];
    }
    this.tried = first;
    // The first frame counts only if playback continues from it. So it must be on the screen before playback begins,
    // with a short run-up if there is footage before it.
    copy.pause();
    this.standing = null;
    copy.currentTime = Math.max(0, this.times[first] - BLINK);
    const until = performance.now() + 1000 * SEEK_TIMEOUT;
    while (this.standing === null && performance.now() < until) await new Promise(requestAnimationFrame);
    copy.play().catch(() => undefined);
  }

  #listen() {
    const { copy, coverage } = this;
    /** @type {VideoFrameRequestCallback} */
    const presented = (now, frame) => {
      this.#presented(frame);
      copy.requestVideoFrameCallback(presented);
    };
    copy.requestVideoFrameCallback(presented);
    const moved = () => {
      this.standing = null;
      coverage.broken();
    };
    for (const name of ["seeking", "emptied"]) copy.addEventListener(name, moved);
    // The target picture of a seek may appear before the seek ends.
    copy.addEventListener("seeked", () => {
      if (this.shown === frameAt(this.times, copy.currentTime)) this.standing = this.shown;
    });
    // A video that has ended is paused as well.
    copy.addEventListener("pause", () => (copy.ended && !copy.seeking ? coverage.ended() : coverage.broken()));
    // The first picture of playback was shown earlier, and the browser does not report it again.
    copy.addEventListener("play", () => {
      if (this.standing !== null && this.#isVisible()) coverage.stands(this.standing);
    });
    copy.addEventListener("pause", () => this.send());
    for (const name of ["play", "pause", "seeked", "ratechange", "timeupdate"]) copy.addEventListener(name, () => this.#follow());
  }

  /** The section has been removed from the page. */
  end() {
    clearInterval(this.timer);
    this.sight.disconnect();
    document.removeEventListener("visibilitychange", this.hiding);
    this.send();
  }

  #isVisible() {
    return this.inSight && document.visibilityState === "visible";
  }

  /** @param {VideoFrameCallbackMetadata} picture */
  #presented({ mediaTime, presentationTime, presentedFrames }) {
    const { copy, coverage } = this;
    this.shown = frameAt(this.times, mediaTime);
    this.standing = copy.seeking ? null : this.shown;
    if (copy.paused || this.standing === null || !this.#isVisible()) {
      coverage.broken();
      return;
    }
    coverage.presented(this.standing, presentationTime / 1000, presentedFrames, copy.playbackRate);
    if (!this.master.paused) this.#keepStep(mediaTime);
  }

  /** While both play, the footage plays a little faster or slower until it is in step with the copy. @param {number} seconds */
  #keepStep(seconds) {
    if (this.master.seeking) return;
    const behind = this.start + seconds - this.master.currentTime;
    if (Math.abs(behind) > FAR) this.master.currentTime = this.start + seconds;
    const chase = Math.abs(behind) > IN_STEP ? Math.min(0.25, Math.max(-0.25, behind)) : 0;
    const rate = this.copy.playbackRate * (1 + chase);
    if (Math.abs(this.master.playbackRate - rate) > 0.005) this.master.playbackRate = rate;
  }

  /** The footage plays, pauses and seeks with the copy. */
  #follow() {
    const { copy, master } = this;
    if (copy.paused) {
      if (!master.paused) master.pause();
      // To the middle of the frame on the screen: its start may be rounded into the frame before.
      const frame = frameAt(this.times, copy.currentTime);
      const end = this.times[frame + 1] ?? this.times[frame] + 0.02;
      const wanted = this.start + (this.times[frame] + end) / 2;
      if (Math.abs(master.currentTime - wanted) > 0.002) master.currentTime = wanted;
    } else if (master.paused) {
      master.currentTime = this.start + copy.currentTime;
      master.playbackRate = copy.playbackRate;
      master.play().catch(() => undefined);
    }
  }

  /** Sends the spans watched since the last call. Those that cannot be sent are kept for the next call. */
  async send() {
    if (this.sending) return;
    const spans = this.coverage.taken(MOST_SPANS);
    if (!spans.length) return;
    this.sending = true;
    try {
      this.#draw(await request(this.address, { method: "POST", body: { output: this.output, spans, content: this.content } }));
    } catch (problem) {
      const status = problem instanceof RequestRefused ? problem.status : 0;
      if (status === 0 || status >= 500) this.coverage.back(spans);
      this.say(status === 0 ? "The server cannot be reached. What you watch is kept on this page and sent later." : textOf(problem));
    } finally {
      this.sending = false;
    }
  }

  async refresh() {
    this.#draw(await request(this.address));
  }

  /** @param {Watched} answer */
  #draw(answer) {
    const mine = answer.outputs.find((one) => one.output === this.output);
    if (answer.content !== this.content || !mine) {
      this.say("The release has changed since this preview was rendered. Render the preview again.");
      return;
    }
    this.unwatched = mine.unwatched;
    this.next.hidden = !mine.unwatched.length;
    this.#drawBar(mine);
    const left = mine.unwatched.reduce((frames, [first, last]) => frames + last - first + 1, 0);
    const text = left
      ? `${share(mine.frames - left, mine.frames)} watched. The next unwatched part starts at ${clock(this.times[mine.unwatched[0][0]])}.`
      : "All of the preview has been watched.";
    const people = mine.watched.map(({ name, frames }) => `${name} (${share(frames, mine.frames)})`).join(", ");
    this.bar.setAttribute("aria-label", text);
    this.say(people ? `${text} Watched by ${people}.` : text);
  }

  /** @param {Output} output */
  #drawBar({ unwatched, frames }) {
    const width = Math.max(BAR_WIDTH, this.bar.clientWidth);
    this.bar.width = width;
    const context = this.bar.getContext("2d");
    if (!context) return;
    const style = getComputedStyle(this.section);
    context.fillStyle = style.getPropertyValue("--well");
    context.fillRect(0, 0, width, this.bar.height);
    context.fillStyle = style.getPropertyValue("--ground");
    for (const [first, last] of unwatched) {
      context.fillRect((first / frames) * width, 0, Math.max(2, ((last - first + 1) / frames) * width), this.bar.height);
    }
  }
}

/** @param {HTMLElement} section */
async function open(section) {
  const { footage = "", first, last } = section.dataset;
  try {
    const preview = new Preview(section, await frameTimes(footage, Number(first), Number(last)));
    await preview.refresh();
  } catch {
    find(section, ".coverage-words", HTMLElement).textContent = "What you watch cannot be recorded at the moment. Reload the page.";
  }
}

export function mount() {
  const known = new WeakSet();
  const mountSections = () => {
    for (const section of document.querySelectorAll("section.watch")) {
      if (known.has(section) || !(section instanceof HTMLElement)) continue;
      known.add(section);
      open(section);
    }
  };
  new MutationObserver(mountSections).observe(document.body, { childList: true, subtree: true });
  mountSections();
}
