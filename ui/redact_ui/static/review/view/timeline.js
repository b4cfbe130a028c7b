// A lane for each track, under them the sound. Only the lanes in sight are drawn, so hundreds cost what ten do.

import { button, clamp, drags, h, timecode } from "./dom.js";
import { LANE, drawLane } from "./track_lane.js";
import { SoundLane } from "./sound_lane.js";

const HEAD = 208; // width of the lanes' names
const BAR = 14; // and of the scroll bar
const RULER = 26;
const LEAST_FRAMES = 12;
const STEPS = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/**
 * Events: "picked" {track, more}, "scrub" {frame}, "sound-drawn" {start, end}, "sound-changed" {span, start, end},
 * "sound-picked" {span}.
 */
export class Timeline extends EventTarget {
  constructor({ model, player, selection, api, mayEdit }) {
    super();
    Object.assign(this, { model, player, selection, api, mayEdit });
    this.first = 0; // the frames in view, as real numbers
    this.last = Math.max(model.info.frames, LEAST_FRAMES);
    this.rows = new Map();
    this.only = null; // a class of tracks, or all
    this.cursor = null; // the lane that keys are looking at, if it is another than the chosen one
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
      button("Zoom out", () => this.zoom(2), { picture: "less", key: "Minus" }),
      button("Zoom in", () => this.zoom(0.5), { picture: "more", key: "Plus" }),
      button("Whole clip", () => this.whole(), { picture: "whole", key: "0" })));
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
      this.filter.value = labels.includes(this.only) ? this.only : "";
    }
    this.#filtered();
  }

  #filtered() {
    this.only = this.filter.value || null;
    this.shown = this.model.lanes().filter((track) => this.only === null || track.label === this.only);
    this.places = new Map(this.shown.map((track, i) => [track.id, i]));
    if (!this.places.has(this.cursor)) this.cursor = null;
    const left = this.shown.filter((track) => track.deleted === null).length;
    this.summary.textContent = `${left} track${left === 1 ? "" : "s"}`;
    this.list.style.height = `${this.shown.length * LANE}px`;
    this.draw();
  }

  /** Paints in the next frame, once however often it is asked for. */
  draw() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = undefined;
      this.#rows();
      this.#drawRuler();
      this.#drawLanes();
      this.sound.draw();
    });
  }

  // Up and down only the lanes move.
  #scrolled() {
    this.moved ??= requestAnimationFrame(() => {
      this.moved = undefined;
      this.#rows();
      this.#drawLanes();
    });
  }

  zoom(factor, about = this.player.frame) {
    const all = Math.max(this.model.info.frames, LEAST_FRAMES);
    const span = clamp((this.last - this.first) * factor, LEAST_FRAMES, all);
    const at = clamp((about - this.first) / (this.last - this.first), 0, 1);
    this.#view(about - at * span, span);
  }

  whole() {
    this.#view(0, Math.max(this.model.info.frames, LEAST_FRAMES));
  }

  #view(first, span) {
    const all = Math.max(this.model.info.frames, LEAST_FRAMES);
    this.first = clamp(first, 0, all - span);
    this.last = this.first + span;
    this.draw();
  }

  /** By a part of what is in view. */
  scroll(part) {
    const span = this.last - this.first;
    this.#view(this.first + part * span, span);
  }

  /** The track's lane in sight and its time filling most of the width. */
  zoomTo(track) {
    const span = Math.max((track.last - track.first + 1) * 1.3, LEAST_FRAMES);
    this.#view((track.first + track.last + 1) / 2 - span / 2, Math.min(span, this.model.info.frames));
    this.reveal(track.id);
  }

  reveal(id) {
    const place = this.places?.get(id);
    if (place === undefined) return;
    const { scrollTop, clientHeight } = this.scroller;
    if (place * LANE < scrollTop) this.scroller.scrollTop = place * LANE;
    if ((place + 1) * LANE > scrollTop + clientHeight) this.scroller.scrollTop = (place + 1) * LANE - clientHeight;
    this.draw();
  }

  /** While playing, the view turns its page when the playhead leaves it. */
  follow() {
    const { frame } = this.player;
    if (frame < this.first || frame >= this.last) this.#view(frame - (this.last - this.first) * 0.05, this.last - this.first);
    this.draw();
  }

  /** Looks at the lane `by` lanes on, and chooses nothing. */
  moveCursor(by) {
    const track = this.neighbour(by);
    if (!track) return;
    this.cursor = track.id;
    this.reveal(track.id);
  }

  /** The track `by` lanes on from the cursor, or from the main one. */
  neighbour(by) {
    if (!this.shown?.length) return null;
    const place = this.places.get(this.cursor ?? this.selection.main);
    const start = this.shown.findIndex((track) => track.last >= this.player.frame);
    return this.shown[place === undefined ? Math.max(start, 0) : clamp(place + by, 0, this.shown.length - 1)];
  }

  #listen() {
    this.selection.addEventListener("change", () => (this.cursor = null));
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("[data-track]");
      if (row) this.#pick(Number(row.dataset.track), event);
    });
    drags(this.ruler, (event) => this.#scrub(event), (event) => this.#scrub(event));
    // Presses go through the list that lies over the lanes.
    drags(
      this.body,
      (event) => {
        if (this.x(event) < HEAD) return false;
        const { top } = this.list.getBoundingClientRect();
        const track = this.shown[Math.floor((event.clientY - top) / LANE)];
        if (track) this.#pick(track.id, event);
        return this.#scrub(event);
      },
      (event) => this.#scrub(event),
    );
    for (const canvas of [this.ruler, this.scroller, this.sound.canvas]) {
      canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    }
  }

  #pick(track, event) {
    this.dispatchEvent(
      new CustomEvent("picked", { detail: { track, more: event.ctrlKey || event.metaKey || event.shiftKey } }),
    );
  }

  x(event) {
    return event.clientX - this.element.getBoundingClientRect().left;
  }

  #frameOf(event) {
    return this.first + ((this.x(event) - HEAD) / this.width) * (this.last - this.first);
  }

  #scrub(event) {
    const frame = clamp(Math.floor(this.#frameOf(event)), 0, this.model.info.frames - 1);
    this.dispatchEvent(new CustomEvent("scrub", { detail: { frame } }));
  }

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

  // The names of the lanes in sight: elements, for those who hear the page and for pictures.
  #rows() {
    if (!this.shown) return;
    const from = Math.max(0, Math.floor(this.scroller.scrollTop / LANE) - 2);
    const to = Math.min(this.shown.length, Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / LANE) + 2);
    const wanted = new Set(this.shown.slice(from, to).map((track) => track.id));
    const looked = this.cursor ?? this.selection.main;
    if (looked !== null && this.places.has(looked)) wanted.add(looked);
    for (const [id, row] of this.rows) {
      if (!wanted.has(id)) {
        row.remove();
        this.rows.delete(id);
      }
    }
    for (const id of wanted) {
      const place = this.places.get(id);
      const { label, first, last, filled, deleted } = this.shown[place];
      const saved = this.model.isSaved(id);
      const state = JSON.stringify([place, label, first, last, filled.length, deleted, this.shown.length, saved]);
      let row = this.rows.get(id);
      if (row?.dataset.state !== state) {
        row?.remove();
        row = this.#row(this.shown[place], place);
        row.dataset.state = state;
        this.rows.set(id, row);
        this.list.append(row);
      }
      row.setAttribute("aria-selected", String(this.selection.has(id)));
      row.classList.toggle("rv-looked", id === this.cursor);
    }
    const active = this.rows.get(looked);
    if (active) this.body.setAttribute("aria-activedescendant", active.id);
    else this.body.removeAttribute("aria-activedescendant");
  }

  #row(track, place) {
    const picture = h("img", {
      class: "rv-thumb", alt: "", loading: "lazy", draggable: "false", width: 28, height: 28,
      src: this.api.url(`/thumbs/${track.id}.jpg`),
      onerror: (event) => event.target.replaceWith(h("span", { class: "rv-thumb rv-nothumb" })),
    });
    const row = h(
      "div",
      {
        role: "option", id: `rv-track-${track.id}`, class: "rv-row", "data-track": track.id,
        "aria-setsize": this.shown.length, "aria-posinset": place + 1,
      },
      // There is a picture of it once the server knows it.
      this.model.isSaved(track.id) ? picture : h("span", { class: "rv-thumb rv-nothumb" }),
      h("span", { class: "rv-name" }, track.label), " ",
      h("span", { class: "rv-number" }, `${track.id}`),
    );
    if (track.deleted !== null) row.classList.add("rv-deleted");
    row.style.top = `${place * LANE}px`;
    const gaps = track.filled.length ? `, ${track.filled.length} filled gaps` : "";
    const span = `from ${timecode(this.player.seconds(track.first))} to ${timecode(this.player.seconds(track.last))}`;
    row.setAttribute("aria-label", `${track.label} ${track.id}, ${span}${gaps}${track.deleted === null ? "" : ", deleted"}`);
    return row;
  }

  prepare(canvas, height) {
    const ratio = window.devicePixelRatio || 1;
    this.width = Math.max(this.element.clientWidth - HEAD - BAR, 10);
    const [w, tall] = [Math.round(this.width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w || canvas.height !== tall) {
      [canvas.width, canvas.height] = [w, tall];
      [canvas.style.width, canvas.style.height] = [`${this.width}px`, `${height}px`];
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, height);
    return context;
  }

  colours() {
    const style = getComputedStyle(this.element);
    const colour = (name) => style.getPropertyValue(`--rv-${name}`).trim();
    return {
      text: colour("quiet"), line: colour("line"), machine: colour("machine"), manual: colour("manual"),
      corrected: colour("corrected"), filled: colour("warn"), weak: colour("weak"), head: colour("playhead"),
      chosen: colour("chosen"), gone: colour("gone"), key: colour("ink"), cut: colour("cut"), wave: colour("wave"),
      sound: colour("manual"), paper: colour("paper"),
    };
  }

  at(frame) {
    return ((frame - this.first) / (this.last - this.first)) * this.width;
  }

  #drawRuler() {
    const context = this.prepare(this.ruler, RULER);
    const colours = this.colours();
    const { player } = this;
    if (!player.known) return;
    const [from, to] = [player.seconds(Math.floor(this.first)), player.seconds(Math.ceil(this.last))];
    const step = STEPS.find((each) => ((to - from) / each) * 96 < this.width) ?? STEPS.at(-1);
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
      const chosen = this.selection.has(this.shown[i].id);
      drawLane(context, this.shown[i], i * LANE - scrollTop, { at: (frame) => this.at(frame), width: this.width, colours, chosen });
    }
    this.playhead(context, height, colours);
  }
}
