// The sound lane: the waveform and the hidden spans.

import { clamp } from "../model/geometry.js";
import { button, drags, h } from "./dom.js";

/** @import { SoundSpan } from "../types.js" */
/** @import { Timeline } from "./timeline.js" */
/** @import { Colours } from "./track_lane.js" */

/**
 * A span that is being dragged: a new one, or `was` by its start, its end or as a whole. `from` is where the drag began.
 * @typedef {{ id: null, start: number, end: number, effect: string, from: number }} NewDrag
 * @typedef {SoundSpan & { side: "start" | "end" | "both", from: number, was: SoundSpan }} SpanDrag
 */

const HEIGHT = 56;
const EDGE = 6; // pixels about a span's edge that grab it
const SHORTEST_DRAG = 0.03; // seconds; a shorter drag is a click
const SHORTEST = 0.01; // seconds
const [STEP, FINE_STEP] = [0.1, 0.01];

/** Part of the timeline, which emits its events. */
export class SoundLane {
  /** @param {Timeline} timeline @param {HTMLElement} tools the buttons beside the lane */
  constructor(timeline, tools) {
    const { model, player, selection, mayEdit } = timeline;
    this.timeline = timeline;
    this.model = model;
    this.player = player;
    this.selection = selection;
    this.mayEdit = mayEdit;
    /** @type {number[] | null} */
    this.peaks = null;
    /** @type {{ view: string, peaks: number[], heights: number[] } | null} the waveform as last painted */
    this.bars = null;
    /** @type {NewDrag | SpanDrag | null} */
    this.drag = null;
    /** @type {SoundSpan & { was: SoundSpan } | null} a span that the arrow keys move */
    this.grabbed = null;
    this.canvas = h("canvas", { class: "rv-sound", "aria-hidden": "true" });
    const hide = button("Hide sound from here", () => timeline.emit("sound-here"), { picture: "mute", key: "B" });
    const name = model.info.sound ? "Sound" : "No sound";
    if (model.info.sound && mayEdit) tools.prepend(hide);
    this.element = h("div", { class: "rv-soundline", role: "group", "aria-label": "Sound and timeline" },
      h("div", { class: "rv-corner" }, h("span", { class: "rv-soundname" }, name), tools), this.canvas);
    drags(this.canvas, (e) => this.#down(e), (e) => this.#moved(e), () => this.#up());
  }

  /** @param {MouseEvent} event */
  #x(event) {
    return event.clientX - this.canvas.getBoundingClientRect().left;
  }

  /** @param {number} x */
  #secondAt(x) {
    const { player } = this;
    const frame = this.timeline.first + (x / this.timeline.width) * (this.timeline.last - this.timeline.first);
    const whole = clamp(Math.floor(frame), 0, this.model.info.frames - 1);
    const next = whole + 1 < player.known ? player.seconds(whole + 1) : player.end;
    return player.seconds(whole) + (frame - whole) * (next - player.seconds(whole));
  }

  /** @param {number} second */
  #xOf(second) {
    const { player } = this;
    const frame = player.frameAt(second);
    const next = frame + 1 < player.known ? player.seconds(frame + 1) : player.end;
    const within = next > player.seconds(frame) ? (second - player.seconds(frame)) / (next - player.seconds(frame)) : 0;
    return this.timeline.at(frame + clamp(within, 0, 1));
  }

  /** Recomputes the waveform's bars only when another part of the clip is in view. @param {CanvasRenderingContext2D} context @param {number[]} peaks @param {Colours} colours */
  #drawWave(context, peaks, colours) {
    const { player } = this;
    const { first, last, width } = this.timeline;
    const view = `${first} ${last} ${width} ${player.known}`;
    if (this.bars?.view !== view || this.bars.peaks !== peaks) {
      /** @type {number[]} */
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
    const context = this.timeline.prepare(this.canvas, HEIGHT);
    const { player } = this;
    if (!player.known) return;
    const colours = this.timeline.colours();
    if (this.peaks?.length) this.#drawWave(context, this.peaks, colours);
    const moving = this.drag ?? this.grabbed;
    /** @type {(SoundSpan | NewDrag)[]} */
    const spans = [...this.model.sounds().values()].map((span) => (moving?.id === span.id ? moving : span));
    if (this.drag?.id === null) spans.push(this.drag);
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
    this.timeline.playhead(context, HEIGHT, colours);
  }

  /** Lets the arrow keys move `span` until it is placed or released. @param {SoundSpan} span */
  grab(span) {
    this.grabbed = { ...span, was: span };
    this.timeline.draw();
  }

  /** Left and right move the span; with Shift its end, with Alt its start, with Ctrl in small steps. @param {KeyboardEvent} event */
  nudge({ key, shiftKey, altKey, ctrlKey }) {
    const { grabbed, player } = this;
    if (!grabbed) return;
    const direction = key === "ArrowLeft" ? -1 : key === "ArrowRight" ? 1 : 0;
    const by = direction * (ctrlKey ? FINE_STEP : STEP);
    if (shiftKey) grabbed.end = clamp(grabbed.end + by, grabbed.start + SHORTEST, Math.max(player.end, grabbed.end));
    else if (altKey) grabbed.start = clamp(grabbed.start + by, 0, grabbed.end - SHORTEST);
    else {
      const all = clamp(by, -grabbed.start, Math.max(player.end - grabbed.end, 0));
      [grabbed.start, grabbed.end] = [grabbed.start + all, grabbed.end + all];
    }
    this.timeline.draw();
  }

  /** Places the grabbed span. */
  place() {
    if (!this.grabbed) return;
    const { id, start, end, effect, was } = this.grabbed;
    this.grabbed = null;
    this.timeline.draw();
    if (start !== was.start || end !== was.end) this.timeline.emit("sound-changed", { id, start, end, effect });
  }

  /** Releases the grabbed span. Returns whether there was one. */
  cancel() {
    const any = this.grabbed !== null;
    this.grabbed = null;
    this.timeline.draw();
    return any;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (!this.model.info.sound || !this.player.known) return false;
    const x = this.#x(event);
    this.drag = null;
    for (const span of this.model.sounds().values()) {
      const [x0, x1] = [this.#xOf(span.start), this.#xOf(span.end)];
      if (x < x0 - EDGE || x > x1 + EDGE) continue;
      this.timeline.emit("sound-picked", { span: span.id });
      const side = Math.abs(x - x0) <= EDGE ? "start" : Math.abs(x - x1) <= EDGE ? "end" : "both";
      this.drag = { ...span, side, from: this.#secondAt(x), was: span };
      return this.mayEdit;
    }
    if (!this.mayEdit) return false;
    const from = this.#secondAt(x);
    this.drag = { id: null, start: from, end: from, effect: "mute", from };
    return true;
  }

  /** @param {PointerEvent} event */
  #moved(event) {
    const { drag } = this;
    if (!drag) return;
    const to = clamp(this.#secondAt(this.#x(event)), 0, this.player.end);
    if (drag.id === null) [drag.start, drag.end] = [Math.min(drag.from, to), Math.max(drag.from, to)];
    else if (drag.side === "start") drag.start = Math.min(to, drag.was.end - SHORTEST);
    else if (drag.side === "end") drag.end = Math.max(to, drag.was.start + SHORTEST);
    else {
      const by = clamp(to - drag.from, -drag.was.start, Math.max(this.player.end - drag.was.end, 0));
      [drag.start, drag.end] = [drag.was.start + by, drag.was.end + by];
    }
    this.timeline.draw();
  }

  #up() {
    const { drag } = this;
    this.drag = null;
    this.timeline.draw();
    if (!drag) return;
    const { id, start, end, effect } = drag;
    if (id === null) {
      if (end - start < SHORTEST_DRAG) this.timeline.emit("scrub", { frame: this.player.frameAt(drag.from) });
      else this.timeline.emit("sound-drawn", { start, end });
    } else if (start !== drag.was.start || end !== drag.was.end) {
      this.timeline.emit("sound-changed", { id, start, end, effect });
    }
  }
}
