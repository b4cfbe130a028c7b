// The masks over the picture, and the hands that move them.

import { clamp, h } from "./dom.js";
import { edges } from "./state.js";

export const LOOKS = { effect: "As released", solid: "Solid", mosaic: "Mosaic", outline: "Outline" };
const HANDLE = 9; // pixels on the screen
const REACH = 14;
const LEAST = 3; // pixels of the picture
const MAX_ZOOM = 12;
const TILES = 9; // along the shorter side of a mosaic

const turn = (x, y, degrees) => {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return [x * c - y * s, x * s + y * c];
};

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
    this.small = document.createElement("canvas");
    this.stage = h("div", { class: "rv-stage" }, video, this.canvas);
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
    const any = Boolean(this.drag || this.mode);
    this.drag = null;
    this.setMode(null);
    this.draw();
    return any;
  }

  zoom(factor, at = null) {
    const { width, height } = this.stage.getBoundingClientRect();
    const [x, y] = at ?? [width / 2, height / 2];
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
    const held = this.drag?.track;
    if (this.look !== "outline") {
      for (const row of model.shapesAt(frame)) if (row[0] !== held) this.#mask(context, row);
    }
    for (const [track, box] of boxes ?? []) {
      const chosen = this.selection.has(track);
      if (track !== held && (chosen || this.look === "outline" || track === this.hover)) {
        this.#outline(context, box, track, chosen);
      }
    }
    if (this.drag?.box) {
      this.#outline(context, this.drag.box, held, true);
      if (held) this.#handles(context, this.drag.box);
    } else if (this.selection.size === 1 && this.mayEdit && !player.playing) {
      const box = boxes?.get(this.selection.main);
      if (box && model.tracks().get(this.selection.main)?.kind !== "frame") this.#handles(context, box);
    }
    this.stage.dataset.frame = frame;
    this.dispatchEvent(new CustomEvent("painted"));
  }

  /** Called for each new frame: a mask held by the mouse while playing goes where the mouse is. */
  onFrame() {
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
    this.#coarse(context, box, look === "blur");
    context.restore();
  }

  #whole() {
    const { width, height } = this.model.info;
    return [width / 2, height / 2, width, height, 0];
  }

  /** What is under `box`, in a few tiles: an impression of the effect, which only the rendered copy shows exactly. */
  #coarse(context, [cx, cy, w, height, angle], smooth) {
    const { width: pictureWidth, height: pictureHeight } = this.model.info;
    // The upright rectangle about the turned box, within the picture.
    const radians = (angle * Math.PI) / 180;
    const [c, s] = [Math.abs(Math.cos(radians)), Math.abs(Math.sin(radians))];
    const [halfWidth, halfHeight] = [(w * c + height * s) / 2, (w * s + height * c) / 2];
    const [left, right] = [Math.max(cx - halfWidth, 0), Math.min(cx + halfWidth, pictureWidth)];
    const [top, bottom] = [Math.max(cy - halfHeight, 0), Math.min(cy + halfHeight, pictureHeight)];
    if (right <= left || bottom <= top) return;
    const tile = Math.max(Math.min(right - left, bottom - top) / TILES, 1);
    const across = Math.max(1, Math.round((right - left) / tile));
    const down = Math.max(1, Math.round((bottom - top) / tile));
    this.small.width = across;
    this.small.height = down;
    const few = this.small.getContext("2d");
    few.imageSmoothingQuality = "high";
    const [kx, ky] = [this.video.videoWidth / pictureWidth, this.video.videoHeight / pictureHeight];
    few.drawImage(this.video, left * kx, top * ky, (right - left) * kx, (bottom - top) * ky, 0, 0, across, down);
    context.imageSmoothingEnabled = smooth;
    const [x0, y0] = this.#toScreen(left, top);
    const [x1, y1] = this.#toScreen(right, bottom);
    context.drawImage(this.small, 0, 0, across, down, x0, y0, x1 - x0, y1 - y0);
    context.imageSmoothingEnabled = true;
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
      drag.box = this.#resized(drag, x, y, event);
    } else {
      drag.box = [drag.was[0] + x - drag.start[0], drag.was[1] + y - drag.start[1], ...drag.was.slice(2)];
      drag.box = this.#near(drag.box);
    }
    this.draw();
  }

  #resized({ was: [cx, cy, w, height, angle], handle, start }, x, y, event) {
    const [ux, uy] = CORNERS[handle];
    const [dx, dy] = turn(x - start[0], y - start[1], -angle);
    const about = event.altKey ? 2 : 1; // with Alt the centre stays, else the other side
    const newWidth = Math.max(LEAST, w + ux * dx * about);
    const newHeight = Math.max(LEAST, height + uy * dy * about);
    if (event.altKey) return [cx, cy, newWidth, newHeight, angle];
    const [mx, my] = turn((ux * (newWidth - w)) / 2, (uy * (newHeight - height)) / 2, angle);
    return [cx + mx, cy + my, newWidth, newHeight, angle];
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
      if (drag.box && drag.box[2] >= LEAST && drag.box[3] >= LEAST) {
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
