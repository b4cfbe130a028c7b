import assert from "node:assert/strict";
import { test } from "node:test";

import { Coverage, frameAt } from "../../ui/redact_ui/static/pages/coverage.js";

const RATE = 25;
const coverage = () => new Coverage(Array.from({ length: 100 }, (_, frame) => frame / RATE));

/** Shows frames one after the other. @param {Coverage} watched @param {number[]} frames @param {{ every?: number, start?: number, speed?: number }} [how] */
function play(watched, frames, { every = 1 / RATE, start = 10, speed = 1 } = {}) {
  frames.forEach((frame, place) => watched.presented(frame, start + place * every, 1 + place, speed));
}

/** @param {number} first @param {number} last */
const range = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

test("coverage: played frames count once, up to the picture on the screen", () => {
  const watched = coverage();
  play(watched, range(10, 20));
  assert.deepEqual(watched.taken(500), [[10, 20]]);
  assert.deepEqual(watched.taken(500), []);
});

test("coverage: a single picture and frames stepped through do not count", () => {
  const watched = coverage();
  for (const frame of range(10, 20)) {
    watched.broken();
    watched.presented(frame, frame, frame, 1);
  }
  assert.deepEqual(watched.taken(500), []);
});

test("coverage: footage that advances faster than the clock does not count", () => {
  const watched = coverage();
  play(watched, [0, 1, 2]);
  watched.presented(8, 10.09, 4, 1);
  assert.deepEqual(watched.taken(500), [[0, 2]]);
});

test("coverage: at speed 8, up to a quarter of a second of footage may be dropped", () => {
  const watched = coverage();
  play(watched, [0, 3, 6, 9], { every: 1 / 60, speed: 8 });
  assert.deepEqual(watched.taken(500), [[0, 9]]);
  watched.broken();
  play(watched, [20, 28, 36], { speed: 8 });
  assert.deepEqual(watched.taken(500), []);
});

test("coverage: the last frames count if playback reached the end, not after a seek to it", () => {
  const watched = coverage();
  play(watched, range(90, 95));
  watched.ended();
  assert.deepEqual(watched.taken(500), [[90, 99]]);
  watched.broken();
  watched.presented(99, 10, 1, 1);
  watched.ended();
  assert.deepEqual(watched.taken(500), []);
});

test("coverage: spans that could not be sent stay ahead of later ones", () => {
  const watched = coverage();
  play(watched, range(0, 5));
  const unsent = watched.taken(500);
  watched.broken();
  play(watched, range(50, 52));
  watched.back(unsent);
  assert.deepEqual(watched.taken(1), [[0, 5]]);
  assert.deepEqual(watched.taken(1), [[50, 52]]);
});

test("frameAt: the last frame that began by then, allowing for rounding", () => {
  const times = [0, 0.04, 0.08];
  assert.deepEqual([-1, 0, 0.0396, 0.039, 0.0801, 9].map((seconds) => frameAt(times, seconds)), [0, 0, 1, 0, 2, 2]);
});
