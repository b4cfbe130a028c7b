// A lane for each track, and the sound below them. Only the visible lanes are drawn, so hundreds cost as much as ten.

import { Emitter } from "../model/emitter.js";
import { clamp } from "../model/geometry.js";
import { button, counted, drags, h, surface, timecode } from "./dom.js";
import { SoundLane } from "./sound_lane.js";
import { LANE, drawLane } from "./track_lane.js";

/** @import { Shared, SoundSpan, Track } from "../types.js" */
/** @import { Colours } from "./track_lane.js" */

const HEAD = 208; // width of the lanes' names
const BAR = 14; // width of the scroll bar
const RULER = 26;
const LEAST_FRAMES = 12;
const STEPS = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/**
 * Events: "picked" (a lane has been clicked), "scrub" (go to a frame), "sound-here" (hide the sound from this frame),
 * "sound-drawn", "sound-changed" and "sound-picked" (spans of sound).
 * @extends {Emitter<{ picked: { track: number, more: boolean }, scrub: { frame: number }, "sound-here": undefined,
 *   "sound-drawn": { start: number, end: number }, "sound-changed": SoundSpan, "sound-picked": { span: number } }>}
 */
export class Timeline extends Emitter {
  /** @param {Pick<Shared, "model" | "player" | "selection" | "api" | "mayEdit">} shared */
  constructor({ model, player, selection, api, mayEdit }) {
    super();
    this.model = model;
    this.player = player;
    this.selection = selection;
    this.api = api;
    this.mayEdit = mayEdit;
    this.first = 0; // the frames in view, not whole numbers
    this.last = Math.max(model.info.frames, LEAST_FRAMES);
    this.width = 10; // of the lanes, in pixels
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    /** @type {string | null} the listed class of tracks; null for all */
    this.only = null;
    /** @type {number | null} the lane reached by keys without selecting it */
    this.cursor = null;
    /** @type {Track[] | null} the listed tracks */
    this.shown = null;
    /** @type {Map<number, number>} place of each listed track */
    this.places = new Map();
    this.labels = "";
    /** @type {number | undefined} animation frame in which everything is painted */
    this.painting = undefined;
    /** @type {number | undefined} the same for the lanes only */
    this.scrolling = undefined;
    this.ruler = h("canvas", { class: "rv-ruler", "aria-hidden": "true" });
    this.lanes = h("canvas", { class: "rv-lanes", "aria-hidden": "true" });
    this.list = h("div", { class: "rv-rows" });
    this.body = h(
      "div",
      { class: "rv-lanebox", role: "listbox", tabindex: "0", "aria-label": "Tracks", "aria-multiselectable": "true" },
      this.list,
    );
    this.scroller = h("div", { class: "rv-scroller" }, this.body);
    this.sound = new SoundLane(this, h("div", { class: "rv-zooming" },
      button("Zoom out", () => this.zoom(2), { picture: "zoomOut", key: "Minus" }),
      button("Zoom in", () => this.zoom(0.5), { picture: "zoomIn", key: "Plus" }),
      button("Show whole clip", () => this.whole(), { picture: "whole", key: "0" })));
    this.filter = h("select", { "aria-label": "Show tracks of class", onchange: () => this.#filtered() });
    this.summary = h("span", { class: "rv-count" });
    this.element = h(
      "section",
      { class: "rv-timeline", "aria-label": "Timeline" },
      h("div", { class: "rv-rulerline" },
        h("div", { class: "rv-corner" }, this.summary, this.filter),
        this.ruler),
      h("div", { class: "rv-lanewrap" }, this.lanes, this.scroller),
      this.sound.element,
    );
    this.#listen();
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.element);
  }

  /** @param {number[]} peaks of the waveform, 0 to 1 */
  setPeaks(peaks) {
    this.sound.peaks = peaks;
    this.draw();
  }

  /** The tracks changed. */
  update() {
    const labels = [...new Set(this.model.lanes().map((track) => track.label))].sort();
    if (labels.join("\n") !== this.labels) {
      this.labels = labels.join("\n");
      const options = labels.map((label) => h("option", { value: label }, label));
      this.filter.replaceChildren(h("option", { value: "" }, "All classes"), ...options);
      this.filter.value = this.only !== null && labels.includes(this.only) ? this.only : "";
    }
    this.#filtered();
  }

  #filtered() {
    this.only = this.filter.value || null;
    this.shown = this.model.lanes().filter((track) => this.only === null || track.label === this.only);
    this.places = new Map(this.shown.map((track, i) => [track.id, i]));
    if (this.cursor !== null && !this.places.has(this.cursor)) this.cursor = null;
    this.summary.textContent = counted(this.shown.filter((track) => track.deleted === null).length, "track");
    this.list.style.height = `${this.shown.length * LANE}px`;
    this.draw();
  }

  /** Schedules one painting for the next animation frame. */
  draw() {
    this.painting ??= requestAnimationFrame(() => {
      this.painting = undefined;
      this.#rows();
      this.#drawRuler();
      this.#drawLanes();
      this.sound.draw();
    });
  }

  /** Scrolling up and down moves the lanes only. */
  #scrolled() {
    this.scrolling ??= requestAnimationFrame(() => {
      this.scrolling = undefined;
      this.#rows();
      this.#drawLanes();
    });
  }

  /** @param {number} factor of the number of frames in view @param {number} [about] */
  zoom(factor, about = this.player.frame) {
    const all = Math.max(this.model.info.frames, LEAST_FRAMES);
    const span = clamp((this.last - this.first) * factor, LEAST_FRAMES, all);
    const at = clamp((about - this.first) / (this.last - this.first), 0, 1);
    this.#view(about - at * span, span);
  }

  whole() {
    this.#view(0, Math.max(this.model.info.frames, LEAST_FRAMES));
  }

  /** @param {number} first @param {number} span */
  #view(first, span) {
    const all = Math.max(this.model.info.frames, LEAST_FRAMES);
    this.first = clamp(first, 0, all - span);
    this.last = this.first + span;
    this.draw();
  }

  /** @param {number} part of the frames in view */
  scroll(part) {
    const span = this.last - this.first;
    this.#view(this.first + part * span, span);
  }

  /** Shows the track's lane, with its span across most of the width. @param {{ id: number, first: number, last: number }} track */
  zoomTo(track) {
    const span = Math.max((track.last - track.first + 1) * 1.3, LEAST_FRAMES);
    this.#view((track.first + track.last + 1) / 2 - span / 2, Math.min(span, this.model.info.frames));
    this.reveal(track.id);
  }

  /** Scrolls the track's lane into view. @param {number} id */
  reveal(id) {
    const place = this.places.get(id);
    if (place === undefined) return;
    const { scrollTop, clientHeight } = this.scroller;
    if (place * LANE < scrollTop) this.scroller.scrollTop = place * LANE;
    if ((place + 1) * LANE > scrollTop + clientHeight) this.scroller.scrollTop = (place + 1) * LANE - clientHeight;
    this.draw();
  }

  /** Moves the view when the playhead leaves it during playback. */
  follow() {
    const { frame } = this.player;
    if (frame < this.first || frame >= this.last) this.#view(frame - (this.last - this.first) * 0.05, this.last - this.first);
    this.draw();
  }

  /** Moves to the lane `by` lanes further down without selecting it. @param {number} by */
  moveCursor(by) {
    const track = this.neighbour(by);
    if (!track) return;
    this.cursor = track.id;
    this.reveal(track.id);
  }

  /** The track `by` lanes further down from the cursor, or from the main track. @param {number} by */
  neighbour(by) {
    if (!this.shown?.length) return null;
    const from = this.cursor ?? this.selection.main;
    const place = from === null ? undefined : this.places.get(from);
    const start = this.shown.findIndex((track) => track.last >= this.player.frame);
    return this.shown[place === undefined ? Math.max(start, 0) : clamp(place + by, 0, this.shown.length - 1)];
  }

  #listen() {
    this.selection.on("change", () => {
      this.cursor = null;
    });
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.body.addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest("[data-track]") : null;
      if (row instanceof HTMLElement) this.#pick(Number(row.dataset.track), event);
    });
    drags(this.ruler, (event) => this.#scrub(event), (event) => this.#scrub(event));
    // The list covers the lanes and receives their clicks.
    drags(
      this.body,
      (event) => {
        if (this.x(event) < HEAD) return false;
        const { top } = this.list.getBoundingClientRect();
        const track = this.shown?.[Math.floor((event.clientY - top) / LANE)];
        if (track) this.#pick(track.id, event);
        this.#scrub(event);
        return true;
      },
      (event) => this.#scrub(event),
    );
    const wheel = (/** @type {WheelEvent} */ event) => this.#wheel(event);
    this.ruler.addEventListener("wheel", wheel, { passive: false });
    this.scroller.addEventListener("wheel", wheel, { passive: false });
    this.sound.canvas.addEventListener("wheel", wheel, { passive: false });
  }

  /** @param {number} track @param {MouseEvent} event */
  #pick(track, event) {
    this.emit("picked", { track, more: event.ctrlKey || event.metaKey || event.shiftKey });
  }

  /** @param {MouseEvent} event */
  x(event) {
    return event.clientX - this.element.getBoundingClientRect().left;
  }

  /** @param {MouseEvent} event */
  #frameOf(event) {
    return this.first + ((this.x(event) - HEAD) / this.width) * (this.last - this.first);
  }

  /** @param {MouseEvent} event */
  #scrub(event) {
    this.emit("scrub", { frame: clamp(Math.floor(this.#frameOf(event)), 0, this.model.info.frames - 1) });
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY / 300), this.#frameOf(event));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const span = this.last - this.first;
      this.#view(this.first + (sideways / this.width) * span, span);
    }
  }

  /** Builds the names of the visible lanes as elements, for screen readers and thumbnails. */
  #rows() {
    const { shown } = this;
    if (!shown) return;
    const from = Math.max(0, Math.floor(this.scroller.scrollTop / LANE) - 2);
    const to = Math.min(shown.length, Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / LANE) + 2);
    const wanted = new Set(shown.slice(from, to).map((track) => track.id));
    const current = this.cursor ?? this.selection.main;
    if (current !== null && this.places.has(current)) wanted.add(current);
    for (const [id, row] of this.rows) {
      if (!wanted.has(id)) {
        row.remove();
        this.rows.delete(id);
      }
    }
    for (const id of wanted) {
      const place = this.places.get(id) ?? 0;
      const { label, first, last, filled, deleted } = shown[place];
      const saved = this.model.isSaved(id);
      const state = JSON.stringify([place, label, first, last, filled.length, deleted, shown.length, saved]);
      let row = this.rows.get(id);
      if (!row || row.dataset.state !== state) {
        row?.remove();
        row = this.#row(shown[place], place, shown.length);
        row.dataset.state = state;
        this.rows.set(id, row);
        this.list.append(row);
      }
      row.setAttribute("aria-selected", String(this.selection.has(id)));
      row.classList.toggle("rv-cursor", id === this.cursor);
    }
    const active = current === null ? undefined : this.rows.get(current);
    if (active) this.body.setAttribute("aria-activedescendant", active.id);
    else this.body.removeAttribute("aria-activedescendant");
  }

  /** @param {Track} track @param {number} place @param {number} total */
  #row(track, place, total) {
    const picture = h("img", {
      class: "rv-thumb", alt: "", loading: "lazy", draggable: "false", width: 28, height: 28,
      src: this.api.url(`/thumbs/${track.id}.jpg`),
      onerror: () => picture.replaceWith(h("span", { class: "rv-thumb rv-nothumb" })),
    });
    const row = h(
      "div",
      {
        role: "option", id: `rv-track-${track.id}`, class: "rv-row", "data-track": track.id,
        "aria-setsize": total, "aria-posinset": place + 1,
      },
      // The server has a thumbnail only of tracks it knows.
      this.model.isSaved(track.id) ? picture : h("span", { class: "rv-thumb rv-nothumb" }),
      h("span", { class: "rv-name" }, track.label), " ",
      h("span", { class: "rv-number" }, `${track.id}`),
    );
    if (track.deleted !== null) row.classList.add("rv-deleted");
    row.style.top = `${place * LANE}px`;
    const gaps = track.filled.length ? `, ${counted(track.filled.length, "filled gap")}` : "";
    const span = `from ${timecode(this.player.seconds(track.first))} to ${timecode(this.player.seconds(track.last))}`;
    row.setAttribute("aria-label", `${track.label} ${track.id}, ${span}${gaps}${track.deleted === null ? "" : ", rejected"}`);
    return row;
  }

  /** Sizes and clears a canvas of the timeline. @param {HTMLCanvasElement} canvas @param {number} height */
  prepare(canvas, height) {
    const ratio = window.devicePixelRatio || 1;
    this.width = Math.max(this.element.clientWidth - HEAD - BAR, 10);
    const [w, tall] = [Math.round(this.width * ratio), Math.round(height * ratio)]; // in device pixels
    if (canvas.width !== w || canvas.height !== tall) {
      [canvas.width, canvas.height] = [w, tall];
      [canvas.style.width, canvas.style.height] = [`${this.width}px`, `${height}px`];
    }
    const context = surface(canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, height);
    return context;
  }

  /** @returns {Colours} */
  colours() {
    const style = getComputedStyle(this.element);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--rv-${name}`).trim();
    return {
      text: colour("quiet"), line: colour("line"), machine: colour("machine"), manual: colour("manual"),
      corrected: colour("corrected"), filled: colour("warn"), weak: colour("weak"), head: colour("playhead"),
      selected: colour("chosen"), rejected: colour("gone"), key: colour("ink"), cut: colour("cut"), wave: colour("wave"),
      sound: colour("manual"), paper: colour("paper"),
    };
  }

  /** The pixel of a frame's left edge. @param {number} frame */
  at(frame) {
    return ((frame - this.first) / (this.last - this.first)) * this.width;
  }

  #drawRuler() {
    const context = this.prepare(this.ruler, RULER);
    const colours = this.colours();
    const { player } = this;
    if (!player.known) return;
    const [from, to] = [player.seconds(Math.floor(this.first)), player.seconds(Math.ceil(this.last))];
    const step = STEPS.find((each) => ((to - from) / each) * 96 < this.width) ?? STEPS[STEPS.length - 1];
    context.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    context.textBaseline = "middle";
    for (let s = Math.ceil(from / step) * step; s <= to; s += step) {
      const x = this.at(player.frameAt(s + 1e-4));
      context.fillStyle = colours.line;
      context.fillRect(x, RULER - 7, 1, 7);
      context.fillStyle = colours.text;
      context.fillText(step < 1 ? timecode(s).slice(3) : timecode(s).slice(0, 8), x + 3, RULER / 2 - 3);
    }
    this.playhead(context, RULER, colours, true);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} height @param {Colours} colours @param {boolean} [knob] */
  playhead(context, height, colours, knob = false) {
    const x = this.at(this.player.frame + 0.5);
    context.fillStyle = colours.head;
    context.fillRect(x - 0.75, 0, 1.5, height);
    if (!knob) return;
    context.beginPath();
    context.moveTo(x - 6, height - 12);
    context.lineTo(x + 6, height - 12);
    context.lineTo(x, height - 3);
    context.fill();
  }

  #drawLanes() {
    const { scrollTop, clientHeight: height } = this.scroller;
    const context = this.prepare(this.lanes, height);
    if (!this.shown) return;
    const colours = this.colours();
    for (const frame of this.model.info.cuts ?? []) {
      context.fillStyle = colours.cut;
      const x = this.at(frame);
      for (let y = -(scrollTop % 8); y < height; y += 8) context.fillRect(x, y, 1, 4);
    }
    const from = Math.floor(scrollTop / LANE);
    for (let i = from; i < this.shown.length && i * LANE < scrollTop + height; i++) {
      const selected = this.selection.has(this.shown[i].id);
      drawLane(context, this.shown[i], i * LANE - scrollTop, { at: (frame) => this.at(frame), width: this.width, colours, selected });
    }
    this.playhead(context, height, colours);
  }
}
