// Boxes in pixels of the upright picture, angles in degrees clockwise.

/** @import { Box, Point, Shape } from "../types.js" */

export const LEAST_BOX = 3;
export const NEW_BOX = 0.2; // of the shorter side of the visible picture
const STEPS = 200; // arrow key presses across the picture
const COARSE_TURN = 15;

/** @type {Record<string, Point>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {Box} box @param {number} [angle] @returns {Shape} */
export const centred = ([left, top, right, bottom], angle = 0) => [
  (left + right) / 2, (top + bottom) / 2, right - left, bottom - top, angle,
];

/** The box before rotation. @param {Shape} shape @returns {Box} */
export const edges = ([cx, cy, w, h]) => [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2];

/** @param {Shape} shape @param {number} factor @returns {Shape} */
export const scaled = ([cx, cy, w, h, angle], factor) => [cx, cy, Math.max(w * factor, 1), Math.max(h * factor, 1), angle];

/** [x, y] rotated about the origin. @param {number} x @param {number} y @param {number} degrees @returns {Point} */
export function turn(x, y, degrees) {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return [x * c - y * s, x * s + y * c];
}

/** The upright box that encloses a rotated one. @param {Shape} shape @returns {Box} */
export function enclosing([cx, cy, w, h, angle]) {
  const radians = (angle * Math.PI) / 180;
  const [c, s] = [Math.abs(Math.cos(radians)), Math.abs(Math.sin(radians))];
  return edges([cx, cy, w * c + h * s, w * s + h * c, 0]);
}

/** The upright shape that covers both. @param {Shape} one @param {Shape} other @returns {Shape} */
export function hull(one, other) {
  const [a, b] = [enclosing(one), enclosing(other)];
  return centred([Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])]);
}

/**
 * Moves the side or corner `[ux, uy]` by `[dx, dy]` along the box's own sides. The opposite corner stays fixed, or the
 * centre with `aboutCentre`.
 * @param {Shape} shape @param {Point} corner @param {Point} by @param {boolean} [aboutCentre] @returns {Shape}
 */
export function resized([cx, cy, w, h, angle], [ux, uy], [dx, dy], aboutCentre = false) {
  const sides = aboutCentre ? 2 : 1;
  const newWidth = Math.max(LEAST_BOX, w + ux * dx * sides);
  const newHeight = Math.max(LEAST_BOX, h + uy * dy * sides);
  if (aboutCentre) return [cx, cy, newWidth, newHeight, angle];
  const [mx, my] = turn((ux * (newWidth - w)) / 2, (uy * (newHeight - h)) / 2, angle);
  return [cx + mx, cy + my, newWidth, newHeight, angle];
}

/**
 * The effect of an arrow key: moves the box, with Shift resizes it, with Alt turns it; with Ctrl by one pixel.
 * @param {Shape} shape
 * @param {Pick<KeyboardEvent, "key" | "shiftKey" | "altKey" | "ctrlKey">} event
 * @param {number} width of the picture
 * @returns {Shape}
 */
export function nudged([cx, cy, w, h, angle], { key, shiftKey, altKey, ctrlKey }, width) {
  const [right, down] = ARROWS[key];
  const step = ctrlKey ? 1 : Math.max(1, Math.round(width / STEPS));
  if (altKey) return [cx, cy, w, h, angle + right + down * COARSE_TURN];
  if (shiftKey) return resized([cx, cy, w, h, angle], [1, 1], [right * step, down * step]);
  return [cx + right * step, cy + down * step, w, h, angle];
}
