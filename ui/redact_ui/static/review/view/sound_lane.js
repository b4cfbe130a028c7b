// The lane of the sound: its waveform, and the spans that are not to be heard.

import { button, clamp, drags, h } from "./dom.js";

const HEIGHT = 56;
const EDGE = 6; // pixels about a span's edge that take hold of it
const SHORTEST = 0.03; // seconds; a shorter drag is a click
const LEAST = 0.01; // seconds
const [STEP, FINE] = [0.1, 0.01];

/** A part of the timeline `lanes`, which sends its events and says where a frame is; `tools` stand beside it. */
export class SoundLane {
  constructor(lanes, tools) {
    const { model, player, selection, mayEdit } = lanes;
    Object.assign(this, { lanes, model, player, selection, mayEdit });
    this.peaks = null;
    this.held = null; // a span that keys move
    this.canvas = h("canvas", { class: "rv-sound", "aria-hidden": "true" });
    const hide = button("Hide sound from here", () => lanes.dispatchEvent(new CustomEvent("sound-here")), { picture: "hush", key: "B" });
    const name = model.info.sound ? "Sound" : "No sound";
    if (model.info.sound && mayEdit) tools.prepend(hide);
    this.element = h("div", { class: "rv-soundline", role: "group", "aria-label": "Sound and timeline" },
      h("div", { class: "rv-corner" }, h("span", { class: "rv-soundname" }, name), tools), this.canvas);
    drags(this.canvas, (e) => this.#down(e), (e) => this.#moved(e), () => this.#up());
  }

  #x(event) {
    return event.clientX - this.canvas.getBoundingClientRect().left;
  }

  #secondAt(x) {
    const { player } = this;
    const frame = this.lanes.first + (x / this.lanes.width) * (this.lanes.last - this.lanes.first);
    const whole = clamp(Math.floor(frame), 0, this.model.info.frames - 1);
    const next = whole + 1 < player.known ? player.seconds(whole + 1) : player.end;
    return player.seconds(whole) + (frame - whole) * (next - player.seconds(whole));
  }

  #xOf(second) {
    const { player } = this;
    const frame = player.frameAt(second);
    const next = frame + 1 < player.known ? player.seconds(frame + 1) : player.end;
    const within = next > player.seconds(frame) ? (second - player.seconds(frame)) / (next - player.seconds(frame)) : 0;
    return this.lanes.at(frame + clamp(within, 0, 1));
  }

  /** The heights of the waveform's bars are worked out anew only when another part of the clip is in view. */
  #drawWave(context, colours) {
    const { player, peaks } = this;
    const { first, last, width } = this.lanes;
    const view = `${first} ${last} ${width} ${player.known}`;
    if (this.bars?.view !== view || this.bars.peaks !== peaks) {
      const heights = [];
      for (let x = 0; x < width; x += 2) {
        const [a, b] = [this.#secondAt(x), this.#secondAt(x + 2)].map((s) => (s / player.end) * peaks.length);
        const part = peaks.slice(Math.floor(a), Math.max(Math.ceil(b), Math.floor(a) + 1));
        heights.push(Math.max(1, Math.max(0, ...part) * (HEIGHT - 14)));
      }
      this.bars = { view, peaks, heights };
    }
    context.fillStyle = colours.wave;
    this.bars.heights.forEach((tall, i) => context.fillRect(2 * i, (HEIGHT - tall) / 2, 1.4, tall));
  }

  draw() {
    const context = this.lanes.prepare(this.canvas, HEIGHT);
    const { player } = this;
    if (!player.known) return;
    const colours = this.lanes.colours();
    if (this.peaks?.length) this.#drawWave(context, colours);
    const moving = this.span ?? this.held;
    const spans = [...this.model.sounds().values()].map((span) => (span.id === moving?.id ? moving : span));
    if (this.span && this.span.id === null) spans.push(this.span);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "top";
    for (const span of spans) {
      const [x0, x1] = [this.#xOf(span.start), this.#xOf(span.end)];
      context.fillStyle = colours.sound;
      context.globalAlpha = span.id === this.selection.sound ? 0.55 : 0.3;
      context.fillRect(x0, 2, Math.max(x1 - x0, 2), HEIGHT - 4);
      context.globalAlpha = 1;
      context.fillRect(x0, 2, 2, HEIGHT - 4);
      context.fillRect(x1 - 2, 2, 2, HEIGHT - 4);
      context.fillStyle = colours.key;
      if (x1 - x0 > 40) context.fillText(span.effect, x0 + 6, 5);
    }
    this.lanes.playhead(context, HEIGHT, colours);
  }

  /** From now on keys move `span`, until it is put or let go of. */
  hold(span) {
    this.held = { ...span, was: span };
    this.lanes.draw();
  }

  /** Left and right move it; with Shift its end, with Alt its start, with Ctrl by little. */
  nudge({ key, shiftKey, altKey, ctrlKey }) {
    const by = ({ ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0) * (ctrlKey ? FINE : STEP);
    const { held, player } = this;
    if (shiftKey) held.end = clamp(held.end + by, held.start + LEAST, Math.max(player.end, held.end));
    else if (altKey) held.start = clamp(held.start + by, 0, held.end - LEAST);
    else {
      const all = clamp(by, -held.start, Math.max(player.end - held.end, 0));
      [held.start, held.end] = [held.start + all, held.end + all];
    }
    this.lanes.draw();
  }

  put() {
    const { id, start, end, effect, was } = this.held;
    this.held = null;
    this.lanes.draw();
    if (start !== was.start || end !== was.end) {
      this.lanes.dispatchEvent(new CustomEvent("sound-changed", { detail: { span: id, start, end, effect } }));
    }
  }

  /** True if there was anything to let go of. */
  cancel() {
    const any = this.held !== null;
    this.held = null;
    this.lanes.draw();
    return any;
  }

  #down(event) {
    if (!this.model.info.sound || !this.player.known) return false;
    const x = this.#x(event);
    this.span = null;
    for (const span of this.model.sounds().values()) {
      const [x0, x1] = [this.#xOf(span.start), this.#xOf(span.end)];
      if (x < x0 - EDGE || x > x1 + EDGE) continue;
      this.lanes.dispatchEvent(new CustomEvent("sound-picked", { detail: { span: span.id } }));
      const side = Math.abs(x - x0) <= EDGE ? "start" : Math.abs(x - x1) <= EDGE ? "end" : "both";
      this.span = { ...span, side, from: this.#secondAt(x), was: span };
      return this.mayEdit;
    }
    if (!this.mayEdit) return false;
    const from = this.#secondAt(x);
    this.span = { id: null, start: from, end: from, effect: "mute", side: "new", from };
    return true;
  }

  #moved(event) {
    if (!this.span) return;
    const { side, from, was } = this.span;
    const to = clamp(this.#secondAt(this.#x(event)), 0, this.player.end);
    if (side === "new") [this.span.start, this.span.end] = [Math.min(from, to), Math.max(from, to)];
    else if (side === "start") this.span.start = Math.min(to, was.end - LEAST);
    else if (side === "end") this.span.end = Math.max(to, was.start + LEAST);
    else {
      const by = clamp(to - from, -was.start, Math.max(this.player.end - was.end, 0));
      [this.span.start, this.span.end] = [was.start + by, was.end + by];
    }
    this.lanes.draw();
  }

  #up() {
    const { span } = this;
    this.span = null;
    this.lanes.draw();
    if (!span) return;
    if (span.id === null && span.end - span.start < SHORTEST) {
      this.lanes.dispatchEvent(new CustomEvent("scrub", { detail: { frame: this.player.frameAt(span.from) } }));
    } else if (span.id === null) {
      this.lanes.dispatchEvent(new CustomEvent("sound-drawn", { detail: { start: span.start, end: span.end } }));
    } else if (span.start !== span.was.start || span.end !== span.was.end) {
      const { id, start, end, effect } = span;
      this.lanes.dispatchEvent(new CustomEvent("sound-changed", { detail: { span: id, start, end, effect } }));
    }
  }
}
