// The masks over the picture, and the hands that move them.

import { clamp, h } from "./dom.js";
import { LEAST_BOX, NEW_BOX, nudged, resized, turn } from "../model/geometry.js";
import { coarse } from "./mosaic.js";
import { centred, edges } from "../model/track_model.js";

export const LOOKS = { effect: "As released", solid: "Solid", mosaic: "Mosaic", outline: "Outline" };
const HANDLE = 9; // pixels on the screen
const REACH = 14;
const MAX_ZOOM = 12;

const CORNERS = [[-1, -1], [0, -1], [1, -1], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0]];
const CURSORS = ["nwse-resize", "ns-resize", "nesw-resize", "ew-resize"];

/**
 * Events: "placed" {track, box, angle, frame}, "drawn" {box}, "followed" {track, rows}, "picked" {track, more}.
 * Boxes are [left, top, right, bottom] in the pixels of the upright picture.
 */
export class Overlay extends EventTarget {
  constructor({ model, player, video, selection, mayEdit }) {
    super();
    Object.assign(this, { model, player, video, selection, mayEdit });
    this.look = "effect";
    this.view = { k: 1, x: 0, y: 0 };
    this.mode = null; // "draw" or "area": the next drag makes a new box
    this.drag = null;
    this.canvas = h("canvas", { class: "rv-overlay" });
    this.held = null; // a box that keys move: a new one, or the chosen mask's
    this.suspect = null; // an item of the risk queue with a box that is no mask
    this.stage = h("div", { class: "rv-stage", tabindex: "0", role: "application", "aria-label": "Picture with its masks" }, video, this.canvas);
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#moved(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("lostpointercapture", () => this.drag?.kind === "pan" && (this.drag = null));
    canvas.addEventListener("dblclick", () => this.fit());
    this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.resizing = new ResizeObserver(() => this.#resize());
    this.resizing.observe(this.stage);
  }

  setMode(mode) {
    this.mode = mode;
    this.canvas.style.cursor = mode ? "crosshair" : "";
    this.stage.classList.toggle("rv-drawing", Boolean(mode));
  }

  /** Lets go of what is being dragged, with no edit. True if there was anything. */
  cancel() {
    const any = Boolean(this.drag || this.mode || this.held);
    [this.drag, this.held] = [null, null];
    this.setMode(null);
    this.draw();
    return any;
  }

  /** A new box in the middle of what is in sight, for keys; the mouse may draw another. */
  holdNew(mode) {
    this.setMode(mode);
    const { width, height } = this.stage.getBoundingClientRect();
    const [sx, sy] = this.scale;
    const side = Math.min(width, height) * NEW_BOX;
    const [x, y] = [(width / 2 - this.view.x) / sx, (height / 2 - this.view.y) / sy];
    this.#take({ kind: mode, box: [x, y, side / sx, side / sy, 0] });
  }

  /** The mask of `track` on this frame, for keys. False if it is not there. */
  hold(track) {
    const box = this.model.boxOf(track, this.player.frame);
    if (box) this.#take({ kind: "grab", track, frame: this.player.frame, box: [...box] });
    return box !== null;
  }

  #take(held) {
    this.held = held;
    // The button that began it has the focus otherwise, and Enter would be the button's.
    this.stage.focus({ preventScroll: true });
    this.draw();
  }

  nudge(event) {
    const { width, height } = this.model.info;
    this.held.box = nudged(this.held.box, event, width);
    [this.held.box[0], this.held.box[1]] = [clamp(this.held.box[0], 0, width), clamp(this.held.box[1], 0, height)];
    this.draw();
  }

  put() {
    const { kind, track, frame, box } = this.held;
    this.cancel();
    if (kind === "grab") this.dispatchEvent(new CustomEvent("placed", { detail: { track, frame, box: edges(box), angle: box[4] } }));
    else this.dispatchEvent(new CustomEvent("drawn", { detail: { box: edges(box), angle: box[4], frame: this.player.frame, mode: kind } }));
  }

  /** By a part of what is in sight. */
  pan(right, down) {
    const { width, height } = this.stage.getBoundingClientRect();
    this.view = { ...this.view, x: this.view.x - right * width, y: this.view.y - down * height };
    this.#viewed();
  }

  /** Without a place about the chosen mask, or the middle. */
  zoom(factor, at = null) {
    const { width, height } = this.stage.getBoundingClientRect();
    const chosen = this.model.boxOf(this.selection.main, this.player.frame);
    const [x, y] = at ?? (chosen ? this.#toScreen(chosen[0], chosen[1]) : [width / 2, height / 2]);
    const k = clamp(this.view.k * factor, 1, MAX_ZOOM);
    const grown = k / this.view.k;
    this.view = { k, x: x - (x - this.view.x) * grown, y: y - (y - this.view.y) * grown };
    this.#viewed();
  }

  fit() {
    this.view = { k: 1, x: 0, y: 0 };
    this.#viewed();
  }

  /** Paints what is known of the frame on the screen. */
  draw() {
    const { canvas, player, model } = this;
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const { frame } = player;
    const boxes = model.boxesAt(frame);
    const moving = this.drag ?? this.held;
    const held = moving?.track;
    if (this.look !== "outline") {
      for (const row of model.shapesAt(frame)) if (row[0] !== held) this.#mask(context, row);
    }
    for (const [track, box] of boxes ?? []) {
      const chosen = this.selection.has(track);
      if (track !== held && (chosen || this.look === "outline" || track === this.hover)) {
        this.#outline(context, box, track, chosen);
      }
    }
    this.#drawSuspect(context, frame);
    if (moving?.box) {
      this.#outline(context, moving.box, held, true);
      if (held !== undefined) this.#handles(context, moving.box);
    } else if (this.selection.size === 1 && this.mayEdit && !player.playing) {
      const box = boxes?.get(this.selection.main);
      if (box && model.tracks().get(this.selection.main)?.kind !== "frame") this.#handles(context, box);
    }
    this.stage.dataset.frame = frame;
    this.dispatchEvent(new CustomEvent("painted"));
  }

  /** Called for each new frame: a mask held by the mouse while playing goes where the mouse is. */
  onFrame() {
    if (this.held?.kind === "grab" && this.held.frame !== this.player.frame) this.held = null;
    if (this.drag?.kind === "follow") this.drag.rows.set(this.player.frame, [...this.drag.box]);
    this.draw();
  }

  // From the picture's pixels to the screen's and back. The picture's need not be square.
  get scale() {
    const { width, height } = this.model.info;
    return [(this.canvas.clientWidth / width) * this.view.k, (this.canvas.clientHeight / height) * this.view.k];
  }

  #toScreen(x, y) {
    const [sx, sy] = this.scale;
    return [x * sx + this.view.x, y * sy + this.view.y];
  }

  #toPicture(event) {
    const at = this.canvas.getBoundingClientRect();
    const [sx, sy] = this.scale;
    return [(event.clientX - at.left - this.view.x) / sx, (event.clientY - at.top - this.view.y) / sy];
  }

  #resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.stage.clientWidth * ratio);
    this.canvas.height = Math.round(this.stage.clientHeight * ratio);
    this.#viewed();
  }

  #viewed() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    const { view } = this;
    view.x = clamp(view.x, width * (1 - view.k), 0);
    view.y = clamp(view.y, height * (1 - view.k), 0);
    this.video.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.k})`;
    this.stage.classList.toggle("rv-zoomed", view.k > 1);
    this.draw();
  }

  #inPicture(context) {
    const ratio = this.canvas.width / Math.max(this.canvas.clientWidth, 1);
    const [sx, sy] = this.scale;
    context.setTransform(sx * ratio, 0, 0, sy * ratio, this.view.x * ratio, this.view.y * ratio);
  }

  #onScreen(context) {
    const ratio = this.canvas.width / Math.max(this.canvas.clientWidth, 1);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  #path(context, form, [cx, cy, w, height, angle]) {
    this.#inPicture(context);
    context.beginPath();
    if (form === "full") {
      context.rect(0, 0, this.model.info.width, this.model.info.height);
    } else {
      context.translate(cx, cy);
      context.rotate((angle * Math.PI) / 180);
      if (form === "ellipse") context.ellipse(0, 0, w / 2, height / 2, 0, 0, 2 * Math.PI);
      else context.rect(-w / 2, -height / 2, w, height);
    }
    this.#onScreen(context);
  }

  #mask(context, [, form, cx, cy, w, height, angle, effect]) {
    const look = this.look === "effect" ? effect : this.look;
    const box = form === "full" ? this.#whole() : [cx, cy, w, height, angle];
    this.#path(context, form, box);
    if (look === "solid" || this.video.readyState < 2) {
      context.fillStyle = "#0b0d10";
      context.fill();
      return;
    }
    context.save();
    context.clip();
    coarse(context, this.video, box, { info: this.model.info, smooth: look === "blur", toScreen: (x, y) => this.#toScreen(x, y) });
    context.restore();
  }

  #whole() {
    const { width, height } = this.model.info;
    return [width / 2, height / 2, width, height, 0];
  }

  #outline(context, box, track, chosen) {
    const kind = this.model.tracks().get(track)?.kind;
    this.#path(context, kind === "frame" ? "full" : "rectangle", box);
    context.lineWidth = chosen ? 4 : 3;
    context.strokeStyle = "rgba(0, 0, 0, 0.75)";
    context.stroke();
    context.lineWidth = chosen ? 2 : 1.25;
    context.setLineDash(chosen ? [] : [5, 3]);
    context.strokeStyle = chosen ? "#ffd34d" : "#9fd6ff";
    context.stroke();
    context.setLineDash([]);
  }

  /** Found in the rendered copy: on the frame it was found on, and fainter where it may be elsewhere by then. */
  #drawSuspect(context, frame) {
    const { suspect } = this;
    if (!suspect || frame < suspect.first || frame > suspect.last) return;
    this.#path(context, "rectangle", centred(suspect.box));
    context.globalAlpha = frame === suspect.frame ? 1 : 0.6;
    for (const [wide, colour, dash] of [[5, "rgba(0, 0, 0, 0.75)", []], [2.5, "#ff8a7a", [8, 5]]]) {
      [context.lineWidth, context.strokeStyle] = [wide, colour];
      context.setLineDash(dash);
      context.stroke();
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  /** Places [x, y] on the screen of the eight handles and the one to turn by. */
  #places([cx, cy, w, height, angle]) {
    const places = CORNERS.map(([ux, uy]) => {
      const [dx, dy] = turn((ux * w) / 2, (uy * height) / 2, angle);
      return this.#toScreen(cx + dx, cy + dy);
    });
    const [tx, ty] = places[1];
    const [bx, by] = places[5];
    const length = Math.hypot(tx - bx, ty - by) || 1;
    return [...places, [tx + ((tx - bx) / length) * 26, ty + ((ty - by) / length) * 26]];
  }

  #handles(context, box) {
    this.#onScreen(context);
    const places = this.#places(box);
    context.strokeStyle = "#ffd34d";
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(...places[1]);
    context.lineTo(...places[8]);
    context.stroke();
    places.forEach(([x, y], i) => {
      context.beginPath();
      if (i === 8) context.arc(x, y, HANDLE / 2 + 1, 0, 2 * Math.PI);
      else context.rect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE);
      context.fillStyle = "#16181d";
      context.fill();
      context.stroke();
    });
  }

  /** What of the selected track is under the pointer: a handle's number, or null. */
  #handleAt(event) {
    if (this.selection.size !== 1 || !this.mayEdit || this.player.playing) return null;
    const box = this.model.boxOf(this.selection.main, this.player.frame);
    if (!box || this.model.tracks().get(this.selection.main)?.kind === "frame") return null;
    const at = this.canvas.getBoundingClientRect();
    let [found, nearest] = [null, REACH];
    this.#places(box).forEach(([x, y], i) => {
      const away = Math.hypot(event.clientX - at.left - x, event.clientY - at.top - y);
      if (away < nearest) [found, nearest] = [i, away];
    });
    return found;
  }

  /** The smallest mask under the pointer, the selected one first; a hidden frame only by its lane. */
  #trackAt(event) {
    const [x, y] = this.#toPicture(event);
    let [found, least] = [null, Infinity];
    for (const [track, [cx, cy, w, height, angle]] of this.model.boxesAt(this.player.frame) ?? []) {
      const [dx, dy] = turn(x - cx, y - cy, -angle);
      const area = this.selection.has(track) ? 0 : w * height;
      const inside = Math.abs(dx) <= w / 2 && Math.abs(dy) <= height / 2;
      if (inside && area < least && this.model.tracks().get(track)?.kind !== "frame") [found, least] = [track, area];
    }
    return found;
  }

  #down(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const start = this.#toPicture(event);
    const [frame, from] = [this.player.frame, [event.clientX, event.clientY]];
    if (this.mode && this.mayEdit) {
      this.held = null; // the mouse draws it
      this.drag = { kind: "draw", start, box: null, frame };
      return;
    }
    const handle = this.#handleAt(event);
    const track = handle === null ? this.#trackAt(event) : this.selection.main;
    if (track === null) {
      this.drag = { kind: "pan", from, view: { ...this.view } };
      return;
    }
    const more = event.ctrlKey || event.metaKey || event.shiftKey;
    if (!this.selection.has(track) || more) this.dispatchEvent(new CustomEvent("picked", { detail: { track, more } }));
    const box = this.model.boxOf(track, frame);
    if (more || !this.mayEdit || !box || !this.selection.has(track)) return;
    const kind = this.player.playing ? "follow" : handle === null ? "move" : handle === 8 ? "turn" : "resize";
    this.drag = { kind, track, handle, start, from, frame, was: box, box: [...box], rows: new Map() };
    if (kind === "follow") this.drag.rows.set(frame, [...box]);
  }

  #moved(event) {
    const { drag } = this;
    if (!drag) {
      this.#hovered(event);
      return;
    }
    const [x, y] = this.#toPicture(event);
    if (drag.kind === "pan") {
      this.view = {
        k: drag.view.k,
        x: drag.view.x + event.clientX - drag.from[0],
        y: drag.view.y + event.clientY - drag.from[1],
      };
      this.#viewed();
      return;
    }
    if (drag.kind === "draw") {
      const { width, height } = this.model.info;
      const [x0, x1] = [clamp(drag.start[0], 0, width), clamp(x, 0, width)];
      const [y0, y1] = [clamp(drag.start[1], 0, height), clamp(y, 0, height)];
      drag.box = [(x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0), Math.abs(y1 - y0), 0];
    } else if (drag.kind === "turn") {
      const [cx, cy] = drag.was;
      const angle = (Math.atan2(x - cx, cy - y) * 180) / Math.PI;
      drag.box[4] = event.shiftKey ? Math.round(angle / 15) * 15 : angle;
    } else if (drag.kind === "resize") {
      const [dx, dy] = [x - drag.start[0], y - drag.start[1]];
      drag.box = resized(drag.was, CORNERS[drag.handle], turn(dx, dy, -drag.was[4]), event.altKey);
    } else {
      drag.box = [drag.was[0] + x - drag.start[0], drag.was[1] + y - drag.start[1], ...drag.was.slice(2)];
      drag.box = this.#near(drag.box);
    }
    this.draw();
  }

  /** A mask may be partly out of the picture, but its centre stays in it. */
  #near([cx, cy, ...rest]) {
    return [clamp(cx, 0, this.model.info.width), clamp(cy, 0, this.model.info.height), ...rest];
  }

  #up(event) {
    const { drag } = this;
    if (!drag) return;
    this.drag = null;
    const far = drag.from ? Math.hypot(event.clientX - drag.from[0], event.clientY - drag.from[1]) : 0;
    if (drag.kind === "draw") {
      const { mode } = this;
      if (drag.box && drag.box[2] >= LEAST_BOX && drag.box[3] >= LEAST_BOX) {
        this.setMode(null);
        this.dispatchEvent(new CustomEvent("drawn", { detail: { box: edges(drag.box), frame: drag.frame, mode } }));
      }
    } else if (drag.kind === "pan") {
      if (far < 4) this.dispatchEvent(new CustomEvent("picked", { detail: { track: null, more: false } }));
    } else if (drag.kind === "follow") {
      drag.rows.set(this.player.frame, [...drag.box]);
      if (drag.rows.size > 1) this.dispatchEvent(new CustomEvent("followed", { detail: drag }));
    } else if (far >= 2) {
      const { track, frame, box } = drag;
      this.dispatchEvent(new CustomEvent("placed", { detail: { track, frame, box: edges(box), angle: box[4] } }));
    }
    this.draw();
  }

  #hovered(event) {
    const track = this.#trackAt(event);
    const handle = this.#handleAt(event);
    if (!this.mode) {
      const free = this.view.k > 1 ? "grab" : "";
      this.canvas.style.cursor = handle === 8 ? "grab" : handle !== null ? CURSORS[handle % 4] : track ? "move" : free;
    }
    if (track !== this.hover) {
      this.hover = track;
      this.draw();
    }
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey && this.view.k === 1 && !event.altKey) return; // the page scrolls
    event.preventDefault();
    const at = this.stage.getBoundingClientRect();
    this.zoom(Math.exp(-event.deltaY / 300), [event.clientX - at.left, event.clientY - at.top]);
  }
}
