// Sorted lists of frame spans.

/** @import { Span } from "../types.js" */

/** All frames of `spans`, in order and without overlaps. @param {readonly Span[]} spans @returns {Span[]} */
export function joined(spans) {
  /** @type {Span[]} */
  const out = [];
  for (const [first, last] of [...spans].sort((a, b) => a[0] - b[0])) {
    const before = out.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else if (first <= last) out.push([first, last]);
  }
  return out;
}

/** The frames between `first` and `last`. @param {readonly Span[]} spans @param {number} first @param {number} last */
export function cut(spans, first, last) {
  return spans
    .filter(([a, b]) => a <= last && b >= first)
    .map(([a, b]) => /** @type {Span} */ ([Math.max(a, first), Math.min(b, last)]));
}

/** `spans` without the frames of `others`. Both must be joined. @param {readonly Span[]} spans @param {readonly Span[]} others */
export function without(spans, others) {
  let left = [...spans];
  for (const [first, last] of others) {
    left = left.flatMap(([a, b]) => {
      if (b < first || a > last) return [/** @type {Span} */ ([a, b])];
      /** @type {Span[]} */
      const parts = [[a, first - 1], [last + 1, b]];
      return parts.filter((part) => part[0] <= part[1]);
    });
  }
  return left;
}

/** @param {readonly Span[]} spans @param {number} frame */
export const contains = (spans, frame) => spans.some(([first, last]) => first <= frame && frame <= last);

/** Spans of the frames in a sorted list. @param {readonly number[]} frames */
export const spansOf = (frames) => joined(frames.map((frame) => [frame, frame]));
