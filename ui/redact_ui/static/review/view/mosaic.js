// A preview of a mosaic or a blur. Only the redacted copy shows the effect exactly.

import { enclosing } from "../model/geometry.js";
import { surface } from "./dom.js";

/** @import { Point, Shape } from "../types.js" */

const TILES = 9; // along the shorter side
const small = document.createElement("canvas");

/**
 * Paints the video under `shape` as a few tiles. `toScreen` maps pixels of the picture to the canvas.
 * @param {CanvasRenderingContext2D} context @param {HTMLVideoElement} video @param {Shape} shape
 * @param {{ info: { width: number, height: number }, smooth: boolean, toScreen: (x: number, y: number) => Point }} options
 */
export function paintCoarse(context, video, shape, { info, smooth, toScreen }) {
  const box = enclosing(shape);
  const [left, right] = [Math.max(box[0], 0), Math.min(box[2], info.width)];
  const [top, bottom] = [Math.max(box[1], 0), Math.min(box[3], info.height)];
  if (right <= left || bottom <= top) return;
  const tile = Math.max(Math.min(right - left, bottom - top) / TILES, 1);
  small.width = Math.max(1, Math.round((right - left) / tile));
  small.height = Math.max(1, Math.round((bottom - top) / tile));
  const tiles = surface(small);
  tiles.imageSmoothingQuality = "high";
  const [kx, ky] = [video.videoWidth / info.width, video.videoHeight / info.height];
  tiles.drawImage(video, left * kx, top * ky, (right - left) * kx, (bottom - top) * ky, 0, 0, small.width, small.height);
  context.imageSmoothingEnabled = smooth;
  const [x0, y0] = toScreen(left, top);
  const [x1, y1] = toScreen(right, bottom);
  context.drawImage(small, 0, 0, small.width, small.height, x0, y0, x1 - x0, y1 - y0);
  context.imageSmoothingEnabled = true;
}
