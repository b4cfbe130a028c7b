// The frames on which a track is visible, by the rules of redact/mask/edits/layers.py and shapes.py, without the boxes.

import { contains, cut, joined, without } from "./spans.js";

/** @import { Span, Track } from "../types.js" */

/** A keyframe; hidden from here; visible again, according to the rows. @typedef {"key" | "out" | "in"} Mark */

/**
 * `rows`: frames with a known box, ignoring the marks. `still`: those of `rows` on which it only stands still.
 * @typedef {{ rows: Span[], still: Span[], marks: Map<number, Mark> }} Layers
 */

/** The number of frames, and the time of each in seconds. @typedef {{ frames: number, seconds: (frame: number) => number }} Clock */

const LINE_SECONDS = 3;
const BRIDGE_SECONDS = 3;
const LIFE_SECONDS = 3;
const SLACK = 1e-6;

/** @param {Layers["marks"]} marks */
const inOrder = (marks) => [...marks].sort((a, b) => a[0] - b[0]);

/** @param {Layers["marks"]} marks @param {number} frame */
export const isHidden = (marks, frame) => inOrder(marks).findLast(([at]) => at <= frame)?.[1] === "out";

/**
 * The layers of a track as sent by the server. Rows that its marks hide stay unknown.
 * @param {Pick<Track, "runs" | "filled" | "keyframes" | "outsides">} track @returns {Layers}
 */
export function layersOf({ runs, filled, keyframes, outsides }) {
  /** @type {Layers["marks"]} */
  const marks = new Map();
  for (const frame of outsides) marks.set(frame, "out");
  for (const frame of keyframes) marks.set(frame, "key");
  const rows = joined([...runs, ...filled]);
  for (const [first] of rows) if (isHidden(marks, first)) marks.set(first, "in");
  return { rows, still: joined(filled), marks };
}

/** The frames on which a track is visible. @param {Layers} layers @param {Clock} clock */
export function visible({ rows, still, marks }, { frames, seconds }) {
  const ordered = inOrder(marks);
  const after = (/** @type {number} */ frame) => ordered.find(([at]) => at > frame)?.[0] ?? frames;
  const hidden = ordered.filter(([, mark]) => mark === "out").map(([at]) => /** @type {Span} */ ([at, after(at) - 1]));
  const remaining = without(rows, hidden);
  const keys = ordered.filter(([, mark]) => mark === "key").map(([at]) => at);
  const breaks = ordered.filter(([, mark]) => mark !== "key").map(([at]) => at);
  const sameRun = (/** @type {number} */ p, /** @type {number} */ q) => !breaks.some((at) => p < at && at <= q);
  const near = (/** @type {number} */ p, /** @type {number} */ q) => seconds(q) - seconds(p) <= BRIDGE_SECONDS + SLACK;
  const evidence = without(remaining, still);
  /** @type {Span[]} */
  const lines = [];
  keys.slice(1).forEach((key, i) => {
    const close = seconds(key) - seconds(keys[i]) <= LINE_SECONDS + SLACK;
    if (sameRun(keys[i], key) && (close || !cut(evidence, keys[i] + 1, key - 1).length)) lines.push([keys[i], key]);
  });
  const known = joined([...remaining, ...keys.map((key) => /** @type {Span} */ ([key, key])), ...lines]);
  /** @type {Span[]} */
  const fillers = [];
  for (const key of keys.filter((each) => !contains(remaining, each))) {
    const before = known.findLast(([, last]) => last < key)?.[1];
    const alone = !contains(known, key - 1);
    if (alone && before !== undefined && sameRun(before, key) && near(before, key)) fillers.push([before + 1, key - 1]);
    if (contains(known, key + 1)) continue;
    const next = known.find(([first]) => first > key)?.[0];
    if (next !== undefined && sameRun(key, next) && near(key, next)) {
      fillers.push([key + 1, next - 1]);
    } else {
      let end = key;
      const stop = Math.min(after(key), next ?? frames) - 1;
      while (end < stop && seconds(end + 1) - seconds(key) <= LIFE_SECONDS + SLACK) end++;
      fillers.push([key, end]);
    }
  }
  return joined([...known, ...fillers]);
}

/** A track limited to the frames from `first` to `last`. @param {Layers} layers @param {Span} span @param {Clock} clock @returns {Layers} */
export function trimmed(layers, [first, last], clock) {
  const shown = visible(layers, clock);
  const [low, high] = shown.length ? [shown[0][0], shown[shown.length - 1][1]] : [clock.frames, -1];
  const wasHidden = low < first && first <= high && isHidden(layers.marks, first);
  /** @type {Layers["marks"]} */
  const marks = new Map();
  for (const [at, mark] of layers.marks) {
    if (first <= at && at <= last && (mark === "key" || (low < at && at <= high))) marks.set(at, mark);
  }
  if (first > 0 && !marks.has(first)) marks.set(first, wasHidden ? "out" : "in");
  if (first > 0) marks.set(0, "out");
  else if (wasHidden && !marks.has(first)) marks.set(first, "out");
  if (last + 1 < clock.frames) marks.set(last + 1, "out");
  const rest = { ...layers, marks };
  let ends = visible(rest, clock);
  if (!ends.length) ends = shown;
  if (!ends.length) return rest;
  // It stands still from its ends to `first` and `last`.
  /** @type {Span[]} */
  const added = joined([[first, Math.min(last, ends[0][0] - 1)], [Math.max(first, ends[ends.length - 1][1] + 1), last]]);
  return { marks, rows: joined([...layers.rows, ...added]), still: joined([...layers.still, ...added]) };
}

/** The part before `frame`, and the part from `frame` on. @param {Layers} layers @param {number} frame @param {Clock} clock @returns {[Layers, Layers]} */
export function split({ rows, still, marks }, frame, clock) {
  const end = clock.frames - 1;
  const all = joined([...rows, ...visible({ rows, still, marks }, clock)]);
  /** @type {Layers["marks"]} */
  const left = new Map([...marks].filter(([at]) => at < frame));
  const right = new Map([...marks].filter(([at]) => at >= frame));
  if (!right.has(frame) && isHidden(marks, frame)) right.set(frame, "out");
  return [
    { rows: cut(all, 0, frame - 1), still: cut(still, 0, frame - 1), marks: left },
    { rows: cut(all, frame, end), still: cut(still, frame, end), marks: right },
  ];
}

/** Two tracks merged, with short gaps between them bridged. @param {Layers} one @param {Layers} other @param {Clock} clock @returns {Layers} */
export function merged(one, other, clock) {
  const [a, b] = [visible(one, clock), visible(other, clock)];
  const ends = [...one.marks, ...other.marks].filter(([, mark]) => mark === "out").map(([at]) => at);
  const rows = joined([...a, ...b]);
  /** @type {Span[]} */
  const bridges = [];
  rows.slice(1).forEach(([q], i) => {
    const p = rows[i][1];
    const crossing = ![a, b].some((part) => contains(part, p) && contains(part, q));
    const cutOff = ends.some((at) => p < at && at <= q);
    if (crossing && !cutOff && clock.seconds(q) - clock.seconds(p) <= BRIDGE_SECONDS + SLACK) bridges.push([p + 1, q - 1]);
  });
  const all = joined([...rows, ...bridges]);
  /** @type {Layers["marks"]} */
  const marks = new Map([...one.marks, ...other.marks].filter(([, mark]) => mark === "key"));
  all.slice(1).forEach(([q], i) => {
    marks.set(all[i][1] + 1, "out");
    if (marks.get(q) !== "key") marks.set(q, "in");
  });
  const both = joined([...without(one.still, b), ...without(other.still, a)]);
  return { rows: all, still: both, marks };
}
