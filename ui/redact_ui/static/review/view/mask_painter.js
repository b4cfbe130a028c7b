// The zoomed picture on the screen, and the masks, outlines and handles painted over it.

import { centred, turn } from "../model/geometry.js";
import { paintCoarse } from "./mosaic.js";

/** @import { FootageInfo, MaskRow, Point, ReviewItem, Shape, TrackKind } from "../types.js" */

/** Zoom factor, and offset in pixels of the screen. @typedef {{ k: number, x: number, y: number }} View */

/** @type {Record<string, string>} */
export const MASK_STYLES = { effect: "As released", solid: "Solid", mosaic: "Mosaic", outline: "Outline" };

/** The sides and corners of a box, in the order of its handles. @type {Point[]} */
export const CORNERS = [[-1, -1], [0, -1], [1, -1], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0]];
export const TURN_HANDLE = 8;
const HANDLE = 9; // pixels on the screen

export class MaskPainter {
  /** @param {HTMLCanvasElement} canvas @param {HTMLVideoElement} video @param {FootageInfo} info */
  constructor(canvas, video, info) {
    this.canvas = canvas;
    this.video = video;
    this.info = info;
    this.style = "effect"; // one of MASK_STYLES
    /** @type {View} */
    this.view = { k: 1, x: 0, y: 0 };
  }

  /** Screen pixels per picture pixel, in each direction: picture pixels need not be square. @returns {Point} */
  get scale() {
    const { width, height } = this.info;
    return [(this.canvas.clientWidth / width) * this.view.k, (this.canvas.clientHeight / height) * this.view.k];
  }

  /** @param {number} x @param {number} y @returns {Point} */
  toScreen(x, y) {
    const [sx, sy] = this.scale;
    return [x * sx + this.view.x, y * sy + this.view.y];
  }

  /** @param {MouseEvent} event @returns {Point} */
  toPicture(event) {
    const at = this.canvas.getBoundingClientRect();
    const [sx, sy] = this.scale;
    return [(event.clientX - at.left - this.view.x) / sx, (event.clientY - at.top - this.view.y) / sy];
  }

  /** Coordinates are pixels of the picture from now on. @param {CanvasRenderingContext2D} context */
  #inPicture(context) {
    const ratio = this.canvas.width / Math.max(this.canvas.clientWidth, 1);
    const [sx, sy] = this.scale;
    context.setTransform(sx * ratio, 0, 0, sy * ratio, this.view.x * ratio, this.view.y * ratio);
  }

  /** Coordinates are pixels of the screen from now on. @param {CanvasRenderingContext2D} context */
  #onScreen(context) {
    const ratio = this.canvas.width / Math.max(this.canvas.clientWidth, 1);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /** @param {CanvasRenderingContext2D} context @param {string} form @param {Shape} shape */
  #path(context, form, [cx, cy, w, height, angle]) {
    this.#inPicture(context);
    context.beginPath();
    if (form === "full") {
      context.rect(0, 0, this.info.width, this.info.height);
    } else {
      context.translate(cx, cy);
      context.rotate((angle * Math.PI) / 180);
      if (form === "ellipse") context.ellipse(0, 0, w / 2, height / 2, 0, 0, 2 * Math.PI);
      else context.rect(-w / 2, -height / 2, w, height);
    }
    this.#onScreen(context);
  }

  /** @param {CanvasRenderingContext2D} context @param {MaskRow} row */
  mask(context, [, form, cx, cy, w, height, angle, effect]) {
    const { info } = this;
    const style = this.style === "effect" ? effect : this.style;
    /** @type {Shape} */
    const shape = form === "full" ? [info.width / 2, info.height / 2, info.width, info.height, 0] : [cx, cy, w, height, angle];
    this.#path(context, form, shape);
    if (style === "solid" || this.video.readyState < 2) {
      context.fillStyle = "#0b0d10";
      context.fill();
      return;
    }
    context.save();
    context.clip();
    paintCoarse(context, this.video, shape, { info, smooth: style === "blur", toScreen: (x, y) => this.toScreen(x, y) });
    context.restore();
  }

  /** @param {CanvasRenderingContext2D} context @param {Shape} shape @param {TrackKind | undefined} kind @param {boolean} selected */
  outline(context, shape, kind, selected) {
    this.#path(context, kind === "frame" ? "full" : "rectangle", shape);
    context.lineWidth = selected ? 4 : 3;
    context.strokeStyle = "rgba(0, 0, 0, 0.75)";
    context.stroke();
    context.lineWidth = selected ? 2 : 1.25;
    context.setLineDash(selected ? [] : [5, 3]);
    context.strokeStyle = selected ? "#ffd34d" : "#9fd6ff";
    context.stroke();
    context.setLineDash([]);
  }

  /** An unmasked detection in the redacted copy, fainter away from its own frame. @param {CanvasRenderingContext2D} context @param {ReviewItem} detection @param {number} frame */
  detection(context, detection, frame) {
    if (!detection.box || frame < detection.first || frame > detection.last) return;
    this.#path(context, "rectangle", centred(detection.box));
    context.globalAlpha = frame === detection.frame ? 1 : 0.6;
    /** @type {[number, string, number[]][]} */
    const strokes = [[5, "rgba(0, 0, 0, 0.75)", []], [2.5, "#ff8a7a", [8, 5]]];
    for (const [wide, colour, dash] of strokes) {
      [context.lineWidth, context.strokeStyle] = [wide, colour];
      context.setLineDash(dash);
      context.stroke();
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  /** Screen positions of the eight handles and the rotation handle. @param {Shape} shape @returns {Point[]} */
  places([cx, cy, w, height, angle]) {
    const places = CORNERS.map(([ux, uy]) => {
      const [dx, dy] = turn((ux * w) / 2, (uy * height) / 2, angle);
      return this.toScreen(cx + dx, cy + dy);
    });
    const [tx, ty] = places[1];
    const [bx, by] = places[5];
    const length = Math.hypot(tx - bx, ty - by) || 1;
    return [...places, [tx + ((tx - bx) / length) * 26, ty + ((ty - by) / length) * 26]];
  }

  /** @param {CanvasRenderingContext2D} context @param {Shape} shape */
  handles(context, shape) {
    this.#onScreen(context);
    const places = this.places(shape);
    context.strokeStyle = "#ffd34d";
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(...places[1]);
    context.lineTo(...places[TURN_HANDLE]);
    context.stroke();
    places.forEach(([x, y], i) => {
      context.beginPath();
      if (i === TURN_HANDLE) context.arc(x, y, HANDLE / 2 + 1, 0, 2 * Math.PI);
      else context.rect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE);
      context.fillStyle = "#16181d";
      context.fill();
      context.stroke();
    });
  }
}
