// The masks over the picture, and moving them by mouse and keyboard.

import { Emitter } from "../model/emitter.js";
import { LEAST_BOX, NEW_BOX, clamp, edges, nudged, resized, turn } from "../model/geometry.js";
import { h, surface } from "./dom.js";
import { CORNERS, MaskPainter, TURN_HANDLE } from "./mask_painter.js";

/** @import { Box, Point, ReviewItem, Shape, Shared } from "../types.js" */
/** @import { View } from "./mask_painter.js" */

/** @typedef {"draw" | "area"} NewKind a box for a new track, or for a fixed area */

/** A new box that the keys move. @typedef {{ kind: NewKind, shape: Shape }} GrabbedNew */
/** The selected mask, moved by keys. @typedef {{ kind: "grab", track: number, frame: number, shape: Shape }} GrabbedMask */
/** @typedef {{ kind: "draw", start: Point, shape: Shape | null, frame: number }} DrawDrag */
/** @typedef {{ kind: "pan", from: Point, view: View }} PanDrag */
/**
 * @typedef {{ kind: "move" | "turn" | "resize" | "follow", track: number, handle: number, start: Point, from: Point,
 *   frame: number, was: Shape, shape: Shape, rows: Map<number, Shape> }} MaskDrag
 */

/** @typedef {{ box: Box, angle?: number, frame: number, mode: NewKind | null }} Drawn */
/** @typedef {{ track: number, frame: number, box: Box, angle: number }} Placed */
/** @typedef {{ track: number, rows: Map<number, Shape> }} Followed */

const REACH = 14;
const MAX_ZOOM = 12;
const CURSORS = ["nwse-resize", "ns-resize", "nesw-resize", "ew-resize"];

/**
 * Events: "drawn" (a new box), "placed" (a mask has been moved), "followed" (a mask followed the mouse during playback),
 * "picked" (a track, or none, has been clicked), "painted".
 * @extends {Emitter<{ drawn: Drawn, placed: Placed, followed: Followed, picked: { track: number | null, more: boolean },
 *   painted: undefined }>}
 */
export class Overlay extends Emitter {
  /** @param {Pick<Shared, "model" | "player" | "selection" | "mayEdit"> & { video: HTMLVideoElement }} shared */
  constructor({ model, player, video, selection, mayEdit }) {
    super();
    this.model = model;
    this.player = player;
    this.video = video;
    this.selection = selection;
    this.mayEdit = mayEdit;
    /** @type {NewKind | null} the next drag makes a new box */
    this.mode = null;
    /** @type {DrawDrag | PanDrag | MaskDrag | null} */
    this.drag = null;
    /** @type {GrabbedNew | GrabbedMask | null} what the arrow keys move */
    this.grabbed = null;
    /** @type {number | null} the track under the pointer */
    this.hover = null;
    /** @type {ReviewItem | null} a detection without a mask */
    this.detection = null;
    this.canvas = h("canvas", { class: "rv-overlay" });
    this.painter = new MaskPainter(this.canvas, video, model.info);
    this.stage = h("div", { class: "rv-stage", tabindex: "0", role: "application", "aria-label": "Picture with its masks" }, video, this.canvas);
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#moved(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("lostpointercapture", () => {
      if (this.drag?.kind === "pan") this.drag = null;
    });
    canvas.addEventListener("dblclick", () => this.fit());
    this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.resizing = new ResizeObserver(() => this.#resize());
    this.resizing.observe(this.stage);
  }

  /** @param {NewKind | null} mode */
  setMode(mode) {
    this.mode = mode;
    this.canvas.style.cursor = mode ? "crosshair" : "";
    this.stage.classList.toggle("rv-drawing", Boolean(mode));
  }

  /** Cancels a drag or grab, without an edit. Returns whether there was one. */
  cancel() {
    const any = Boolean(this.drag || this.mode || this.grabbed);
    [this.drag, this.grabbed] = [null, null];
    this.setMode(null);
    this.draw();
    return any;
  }

  /** Puts a new box in the middle of the view, to be moved by arrow keys. The mouse may draw another instead. @param {NewKind} mode */
  grabNew(mode) {
    this.setMode(mode);
    const { width, height } = this.stage.getBoundingClientRect();
    const [sx, sy] = this.painter.scale;
    const side = Math.min(width, height) * NEW_BOX;
    const [x, y] = [(width / 2 - this.painter.view.x) / sx, (height / 2 - this.painter.view.y) / sy];
    this.#grab({ kind: mode, shape: [x, y, side / sx, side / sy, 0] });
  }

  /** Grabs the mask of `track` on this frame. False if it is not on this frame. @param {number} track */
  grab(track) {
    const shape = this.model.boxOf(track, this.player.frame);
    if (shape) this.#grab({ kind: "grab", track, frame: this.player.frame, shape: [...shape] });
    return shape !== null;
  }

  /** @param {GrabbedNew | GrabbedMask} grabbed */
  #grab(grabbed) {
    this.grabbed = grabbed;
    // Otherwise the button that was pressed keeps the focus, and Enter would press it again.
    this.stage.focus({ preventScroll: true });
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  nudge(event) {
    if (!this.grabbed) return;
    this.grabbed.shape = this.#inside(nudged(this.grabbed.shape, event, this.model.info.width));
    this.draw();
  }

  /** Places the grabbed box. */
  place() {
    const { grabbed } = this;
    if (!grabbed) return;
    this.cancel();
    const { shape } = grabbed;
    const [box, angle] = [edges(shape), shape[4]];
    if (grabbed.kind === "grab") this.emit("placed", { track: grabbed.track, frame: grabbed.frame, box, angle });
    else this.emit("drawn", { box, angle, frame: this.player.frame, mode: grabbed.kind });
  }

  /** @param {number} right @param {number} down parts of the view */
  pan(right, down) {
    const { width, height } = this.stage.getBoundingClientRect();
    this.painter.view = { ...this.painter.view, x: this.painter.view.x - right * width, y: this.painter.view.y - down * height };
    this.#viewed();
  }

  /** Zooms about `at`, or about the selected mask or the middle. @param {number} factor @param {Point | null} [at] */
  zoom(factor, at = null) {
    const { width, height } = this.stage.getBoundingClientRect();
    const selected = this.model.boxOf(this.selection.main, this.player.frame);
    const [x, y] = at ?? (selected ? this.painter.toScreen(selected[0], selected[1]) : [width / 2, height / 2]);
    const k = clamp(this.painter.view.k * factor, 1, MAX_ZOOM);
    const grown = k / this.painter.view.k;
    this.painter.view = { k, x: x - (x - this.painter.view.x) * grown, y: y - (y - this.painter.view.y) * grown };
    this.#viewed();
  }

  /** Shows the whole picture. */
  fit() {
    this.painter.view = { k: 1, x: 0, y: 0 };
    this.#viewed();
  }

  /** Paints the masks, boxes and handles of the frame on the screen. */
  draw() {
    const { canvas, player, model } = this;
    const context = surface(canvas);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const { frame } = player;
    /** @type {Map<number, Shape>} */
    const boxes = model.boxesAt(frame) ?? new Map();
    const kindOf = (/** @type {number | undefined} */ id) => (id === undefined ? undefined : model.tracks().get(id)?.kind);
    const moving = this.drag ?? this.grabbed;
    const held = moving && "track" in moving ? moving.track : undefined;
    const { painter } = this;
    if (painter.style !== "outline") {
      for (const row of model.shapesAt(frame)) if (row[0] !== held) painter.mask(context, row);
    }
    for (const [track, shape] of boxes) {
      const selected = this.selection.has(track);
      const outlined = selected || painter.style === "outline" || track === this.hover;
      if (track !== held && outlined) painter.outline(context, shape, kindOf(track), selected);
    }
    if (this.detection) painter.detection(context, this.detection, frame);
    const shape = moving && "shape" in moving ? moving.shape : null;
    if (shape) {
      painter.outline(context, shape, kindOf(held), true);
      if (held !== undefined) painter.handles(context, shape);
    } else {
      const main = this.#main();
      const own = main === null ? undefined : boxes.get(main);
      if (own) painter.handles(context, own);
    }
    this.stage.dataset.frame = String(frame);
    this.emit("painted");
  }

  /** A new frame is on the screen. A mask held by the mouse during playback moves to the mouse. */
  onFrame() {
    if (this.grabbed?.kind === "grab" && this.grabbed.frame !== this.player.frame) this.grabbed = null;
    if (this.drag?.kind === "follow") this.drag.rows.set(this.player.frame, [...this.drag.shape]);
    this.draw();
  }

  #resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.stage.clientWidth * ratio);
    this.canvas.height = Math.round(this.stage.clientHeight * ratio);
    this.#viewed();
  }

  #viewed() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    const { view } = this.painter;
    view.x = clamp(view.x, width * (1 - view.k), 0);
    view.y = clamp(view.y, height * (1 - view.k), 0);
    this.video.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.k})`;
    this.stage.classList.toggle("rv-zoomed", view.k > 1);
    this.draw();
  }

  /** The only selected track, if its mask can be moved now. */
  #main() {
    const { main, size } = this.selection;
    if (size !== 1 || main === null || !this.mayEdit || this.player.playing) return null;
    return this.model.tracks().get(main)?.kind === "frame" ? null : main;
  }

  /** The number of the selected mask's handle under the pointer, or null. @param {MouseEvent} event */
  #handleAt(event) {
    const shape = this.model.boxOf(this.#main(), this.player.frame);
    if (!shape) return null;
    const at = this.canvas.getBoundingClientRect();
    /** @type {number | null} */
    let found = null;
    let nearest = REACH;
    this.painter.places(shape).forEach(([x, y], i) => {
      const away = Math.hypot(event.clientX - at.left - x, event.clientY - at.top - y);
      if (away < nearest) [found, nearest] = [i, away];
    });
    return /** @type {number | null} */ (found);
  }

  /** The smallest mask under the pointer, preferring a selected one. Whole-picture masks can only be clicked by lane. @param {MouseEvent} event */
  #trackAt(event) {
    const [x, y] = this.painter.toPicture(event);
    /** @type {number | null} */
    let found = null;
    let least = Infinity;
    for (const [track, [cx, cy, w, height, angle]] of this.model.boxesAt(this.player.frame) ?? []) {
      const [dx, dy] = turn(x - cx, y - cy, -angle);
      const area = this.selection.has(track) ? 0 : w * height;
      const inside = Math.abs(dx) <= w / 2 && Math.abs(dy) <= height / 2;
      if (inside && area < least && this.model.tracks().get(track)?.kind !== "frame") [found, least] = [track, area];
    }
    return found;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const start = this.painter.toPicture(event);
    const { frame } = this.player;
    /** @type {Point} */
    const from = [event.clientX, event.clientY];
    if (this.mode && this.mayEdit) {
      this.grabbed = null; // the mouse draws the box instead
      this.drag = { kind: "draw", start, shape: null, frame };
      return;
    }
    const handle = this.#handleAt(event);
    const track = handle === null ? this.#trackAt(event) : this.selection.main;
    if (track === null) {
      this.drag = { kind: "pan", from, view: { ...this.painter.view } };
      return;
    }
    const more = event.ctrlKey || event.metaKey || event.shiftKey;
    if (!this.selection.has(track) || more) this.emit("picked", { track, more });
    const was = this.model.boxOf(track, frame);
    if (more || !this.mayEdit || !was || !this.selection.has(track)) return;
    const kind = this.player.playing ? "follow" : handle === null ? "move" : handle === TURN_HANDLE ? "turn" : "resize";
    this.drag = { kind, track, handle: handle ?? 0, start, from, frame, was, shape: [...was], rows: new Map() };
    if (kind === "follow") this.drag.rows.set(frame, [...was]);
  }

  /** @param {PointerEvent} event */
  #moved(event) {
    const { drag } = this;
    if (!drag) {
      this.#hovered(event);
      return;
    }
    if (drag.kind === "pan") {
      const { k, x, y } = drag.view;
      this.painter.view = { k, x: x + event.clientX - drag.from[0], y: y + event.clientY - drag.from[1] };
      this.#viewed();
      return;
    }
    const [x, y] = this.painter.toPicture(event);
    if (drag.kind === "draw") {
      const { width, height } = this.model.info;
      const [x0, x1] = [clamp(drag.start[0], 0, width), clamp(x, 0, width)];
      const [y0, y1] = [clamp(drag.start[1], 0, height), clamp(y, 0, height)];
      drag.shape = [(x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0), Math.abs(y1 - y0), 0];
    } else {
      drag.shape = this.#dragged(drag, [x, y], event);
    }
    this.draw();
  }

  /** @param {MaskDrag} drag @param {Point} at in the picture @param {PointerEvent} event @returns {Shape} */
  #dragged({ kind, was, start, handle }, [x, y], { shiftKey, altKey }) {
    const [cx, cy, w, height, angle] = was;
    const [dx, dy] = [x - start[0], y - start[1]];
    if (kind === "turn") {
      const turned = (Math.atan2(x - cx, cy - y) * 180) / Math.PI;
      return [cx, cy, w, height, shiftKey ? Math.round(turned / 15) * 15 : turned];
    }
    if (kind === "resize") return resized(was, CORNERS[handle], turn(dx, dy, -angle), altKey);
    return this.#inside([cx + dx, cy + dy, w, height, angle]);
  }

  /** A mask may reach beyond the picture, but its centre stays inside. @param {Shape} shape @returns {Shape} */
  #inside([cx, cy, w, height, angle]) {
    return [clamp(cx, 0, this.model.info.width), clamp(cy, 0, this.model.info.height), w, height, angle];
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const { drag } = this;
    if (!drag) return;
    this.drag = null;
    const far = "from" in drag ? Math.hypot(event.clientX - drag.from[0], event.clientY - drag.from[1]) : 0;
    if (drag.kind === "draw") {
      const { mode } = this;
      if (drag.shape && drag.shape[2] >= LEAST_BOX && drag.shape[3] >= LEAST_BOX) {
        this.setMode(null);
        this.emit("drawn", { box: edges(drag.shape), frame: drag.frame, mode });
      }
    } else if (drag.kind === "pan") {
      if (far < 4) this.emit("picked", { track: null, more: false });
    } else if (drag.kind === "follow") {
      drag.rows.set(this.player.frame, [...drag.shape]);
      if (drag.rows.size > 1) this.emit("followed", { track: drag.track, rows: drag.rows });
    } else if (far >= 2) {
      this.emit("placed", { track: drag.track, frame: drag.frame, box: edges(drag.shape), angle: drag.shape[4] });
    }
    this.draw();
  }

  /** @param {PointerEvent} event */
  #hovered(event) {
    const track = this.#trackAt(event);
    const handle = this.#handleAt(event);
    if (!this.mode) {
      const free = this.painter.view.k > 1 ? "grab" : "";
      const edge = handle === null ? null : handle === TURN_HANDLE ? "grab" : CURSORS[handle % 4];
      this.canvas.style.cursor = edge ?? (track ? "move" : free);
    }
    if (track !== this.hover) {
      this.hover = track;
      this.draw();
    }
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey && this.painter.view.k === 1 && !event.altKey) return; // the page scrolls
    event.preventDefault();
    const at = this.stage.getBoundingClientRect();
    this.zoom(Math.exp(-event.deltaY / 300), [event.clientX - at.left, event.clientY - at.top]);
  }
}
