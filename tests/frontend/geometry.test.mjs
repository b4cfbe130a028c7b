import assert from "node:assert/strict";
import { test } from "node:test";

import {
  LEAST_BOX, centred, edges, enclosing, hull, nudged, resized, scaled, turn,
} from "../../ui/redact_ui/static/review/model/geometry.js";
import { contains, cut, joined, spansOf, without } from "../../ui/redact_ui/static/review/model/spans.js";

/** @import { Shape } from "../../ui/redact_ui/static/review/types.js" */

/** @param {readonly number[]} got @param {readonly number[]} want */
const near = (got, want) => got.forEach((value, i) => assert.ok(Math.abs(value - want[i]) < 1e-9, `${got} is not ${want}`));
/** @param {Partial<Pick<KeyboardEvent, "shiftKey" | "altKey" | "ctrlKey">>} [held] @param {string} [key] */
const press = (held = {}, key = "ArrowRight") => ({ key, shiftKey: false, altKey: false, ctrlKey: false, ...held });

test("geometry: a box by its edges and by its centre are the same box", () => {
  assert.deepEqual(centred([10, 20, 30, 60], 15), [20, 40, 20, 40, 15]);
  assert.deepEqual(edges([20, 40, 20, 40, 15]), [10, 20, 30, 60]);
});

test("geometry: a quarter turn goes clockwise on the screen", () => {
  near(turn(1, 0, 90), [0, 1]);
  near(turn(0, 1, 90), [-1, 0]);
});

test("geometry: resizing at a corner fixes the opposite one, rotated or not", () => {
  assert.deepEqual(resized([50, 50, 20, 10, 0], [1, 1], [10, 20]), [55, 60, 30, 30, 0]);
  const turned = resized([50, 50, 20, 10, 90], [1, 0], [10, 0]);
  near(turned, [50, 55, 30, 10, 90]);
  assert.deepEqual(resized([50, 50, 20, 10, 0], [1, 1], [10, 20], true), [50, 50, 40, 50, 0]);
});

test("geometry: a box never becomes too small to grab", () => {
  const [, , width, height] = resized([50, 50, 20, 10, 0], [-1, -1], [100, 100]);
  assert.deepEqual([width, height], [LEAST_BOX, LEAST_BOX]);
  assert.deepEqual(scaled([50, 50, 2, 2, 0], 0.1), [50, 50, 1, 1, 0]);
});

test("geometry: arrow keys move, resize and turn in steps of the picture's width", () => {
  /** @type {Shape} */
  const box = [100, 100, 40, 20, 0];
  assert.deepEqual(nudged(box, press(), 1000), [105, 100, 40, 20, 0]);
  assert.deepEqual(nudged(box, press({ ctrlKey: true }, "ArrowUp"), 1000), [100, 99, 40, 20, 0]);
  assert.deepEqual(nudged(box, press({ shiftKey: true }), 1000), [102.5, 100, 45, 20, 0]);
  assert.deepEqual(nudged(box, press({ altKey: true }), 1000), [100, 100, 40, 20, 1]);
  assert.deepEqual(nudged(box, press({ altKey: true }, "ArrowDown"), 1000), [100, 100, 40, 20, 15]);
});

test("geometry: the enclosure of a rotated box, and the hull of two", () => {
  near(enclosing([50, 50, 40, 20, 90]), [40, 30, 60, 70]);
  near(hull([50, 50, 40, 20, 90], [100, 50, 20, 20, 0]), [75, 50, 70, 40, 0]);
});

test("spans: joined in order, touching ones become one, empty ones vanish", () => {
  assert.deepEqual(joined([[10, 20], [0, 4], [5, 6], [15, 30], [9, 8]]), [[0, 6], [10, 30]]);
  assert.deepEqual(joined([]), []);
});

test("spans: joining does not change its input", () => {
  /** @type {[number, number][]} */
  const spans = [[0, 4], [3, 9]];
  joined(spans);
  assert.deepEqual(spans, [[0, 4], [3, 9]]);
});

test("spans: cut, subtracted and searched", () => {
  assert.deepEqual(cut([[0, 10], [20, 30]], 5, 25), [[5, 10], [20, 25]]);
  assert.deepEqual(without([[0, 10], [20, 30]], [[5, 22], [30, 40]]), [[0, 4], [23, 29]]);
  assert.deepEqual(without([[0, 10]], [[0, 10]]), []);
  assert.deepEqual([contains([[0, 10]], 10), contains([[0, 10]], 11)], [true, false]);
  assert.deepEqual(spansOf([1, 2, 3, 7]), [[1, 3], [7, 7]]);
});
