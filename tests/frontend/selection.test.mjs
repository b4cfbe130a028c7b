import assert from "node:assert/strict";
import { test } from "node:test";

import { Selection } from "../../ui/redact_ui/static/review/model/selection.js";

/** @param {Selection} selection */
function counting(selection) {
  const seen = { changes: 0 };
  selection.on("change", () => {
    seen.changes += 1;
  });
  return seen;
}

test("selection: the track picked last is the main one", () => {
  const selection = new Selection();
  assert.equal(selection.main, null);
  selection.pick(1, false);
  selection.pick(2, true);
  selection.pick(3, true);
  assert.deepEqual([selection.ids, selection.main, selection.size], [[1, 2, 3], 3, 3]);
  selection.pick(4, false);
  assert.deepEqual(selection.ids, [4]);
});

test("selection: picking a selected track with `more` removes it, and the previous one becomes main", () => {
  const selection = new Selection();
  selection.set([1, 2, 3]);
  selection.pick(3, true);
  assert.deepEqual([selection.ids, selection.main], [[1, 2], 2]);
  selection.pick(null, true);
  assert.deepEqual([selection.ids, selection.main], [[], null]);
});

test("selection: holds tracks or a sound, never both", () => {
  const selection = new Selection();
  selection.set([1]);
  selection.pickSound(9);
  assert.deepEqual([selection.ids, selection.sound], [[], 9]);
  selection.pick(2, true);
  assert.deepEqual([selection.ids, selection.sound], [[2], null]);
});

test("selection: copies its input list", () => {
  const selection = new Selection();
  const ids = [1, 2];
  selection.set(ids);
  ids.push(3);
  assert.deepEqual(selection.ids, [1, 2]);
});

test("selection: reports each change once", () => {
  const selection = new Selection();
  const seen = counting(selection);
  selection.set([1]);
  selection.pick(2, true);
  selection.pickSound(3);
  assert.equal(seen.changes, 3);
});
