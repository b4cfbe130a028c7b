// One track's lane on the timeline.

/** @import { Track } from "../types.js" */

/**
 * @typedef {Record<"text" | "line" | "machine" | "manual" | "corrected" | "filled" | "weak" | "head" | "selected" | "rejected"
 *   | "key" | "cut" | "wave" | "sound" | "paper", string>} Colours
 */

export const LANE = 34;

/**
 * Paints a lane. `at` returns the pixel of a frame's left edge.
 * @param {CanvasRenderingContext2D} context @param {Track} track @param {number} top
 * @param {{ at: (frame: number) => number, width: number, colours: Colours, selected: boolean }} view
 */
export function drawLane(context, track, top, { at, width, colours, selected }) {
  if (selected) {
    context.fillStyle = colours.selected;
    context.fillRect(0, top, width, LANE);
  }
  context.fillStyle = colours.line;
  context.fillRect(0, top + LANE - 1, width, 1);
  /** @param {number} first @param {number} last @param {number} y @param {number} height @returns {[number, number] | null} */
  const bar = (first, last, y, height) => {
    const [x0, x1] = [at(first), at(last + 1)];
    if (x1 < 0 || x0 > width) return null;
    const [left, right] = [Math.max(x0, -2), Math.min(Math.max(x1, x0 + 2), width + 2)];
    context.fillRect(left, top + y, right - left, height);
    return [left, right];
  };
  context.fillStyle = track.deleted === null ? colours[track.origin] : colours.rejected;
  for (const [first, last] of track.runs) bar(first, last, 11, 12);
  if (track.deleted !== null) return;
  // Shape as well as colour distinguishes them: weak spans are half as high, filled ones are hatched.
  for (const [first, last] of track.weak) {
    context.fillStyle = colours.paper;
    bar(first, last, 11, 12);
    context.fillStyle = colours.weak;
    bar(first, last, 17, 6);
  }
  for (const [first, last] of track.filled) {
    context.fillStyle = colours.paper;
    bar(first, last, 11, 12);
    context.fillStyle = colours.filled;
    const ends = bar(first, last, 11, 1);
    bar(first, last, 22, 1);
    if (ends) hatch(context, ends, top, colours.filled);
  }
  context.fillStyle = colours.key;
  context.strokeStyle = colours.paper;
  context.lineWidth = 1;
  for (const frame of track.keyframes) {
    const x = at(frame + 0.5);
    if (x >= -6 && x <= width + 6) diamond(context, x, top + 17);
  }
  for (const frame of track.outsides) endMark(context, at(frame), top);
}

/** @param {CanvasRenderingContext2D} context @param {[number, number]} ends @param {number} top @param {string} colour */
function hatch(context, [left, right], top, colour) {
  context.save();
  context.beginPath();
  context.rect(left, top + 11, right - left, 12);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.beginPath();
  for (let x = left - 12; x < right; x += 6) {
    context.moveTo(x, top + 23);
    context.lineTo(x + 12, top + 11);
  }
  context.stroke();
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y */
function diamond(context, x, y) {
  context.beginPath();
  context.moveTo(x, y - 8);
  context.lineTo(x + 6, y);
  context.lineTo(x, y + 8);
  context.lineTo(x - 6, y);
  context.closePath();
  context.fill();
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} top */
function endMark(context, x, top) {
  context.fillRect(x - 1, top + 7, 2, 20);
  context.fillRect(x - 4, top + 7, 4, 2);
  context.fillRect(x - 4, top + 25, 4, 2);
}
