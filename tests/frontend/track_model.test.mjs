import assert from "node:assert/strict";
import { test } from "node:test";

import { touched } from "../../ui/redact_ui/static/review/model/edit_rules.js";
import { CHUNK, TrackModel, named } from "../../ui/redact_ui/static/review/model/track_model.js";
import { footage } from "./factory.mjs";

/** @import { LoggedEdit, MaskRow, Track } from "../../ui/redact_ui/static/review/types.js" */

/** @param {number} id @param {Partial<Track>} [values] @returns {Track} */
const track = (id, values = {}) => ({
  id, kind: "object", label: "face", origin: "machine", subject: id, first: 0, last: 99, runs: [[0, 99]], filled: [], weak: [],
  keyframes: [], outsides: [], deleted: null, ...values,
});

/** A model with lanes at a revision. @param {Track[]} tracks @param {number} [revision] */
function made(tracks, revision = 0) {
  const model = new TrackModel(footage({ frames: 1000, revision }));
  model.setTracks({ revision, after: null, tracks, gone: [], changed: [], sounds: [] });
  return model;
}

/** @param {string} id @param {number} of @returns {LoggedEdit} */
const rejects = (id, of) => ({ id, op: "delete", track: of, reason: "not a face" });

test("model: lanes are ordered by their first frame, then by number", () => {
  const model = made([track(3), track(1, { first: 20 }), track(2)]);
  assert.deepEqual(model.lanes().map(({ id }) => id), [2, 3, 1]);
});

test("model: an edit shows at once and is not applied again once the server's response includes it", () => {
  const model = made([track(1)]);
  model.add(rejects("act-one_0", 1));
  assert.equal(model.tracks().get(1)?.deleted, "not a face");
  model.saved(["act-one_0"], 1);
  assert.deepEqual([model.revision, model.pending.length], [1, 1]);
  model.setTracks({ revision: 1, after: 0, tracks: [track(1, { deleted: "as the server has it" })], gone: [], changed: [[0, 99]], sounds: [] });
  assert.deepEqual([model.tracks().get(1)?.deleted, model.pending.length], ["as the server has it", 0]);
});

test("model: an edit stays pending while older boxes are in use", () => {
  const model = made([track(1)]);
  model.setBoxes(0, 0, [[[1, 50, 50, 20, 20, 0]]]);
  model.add(rejects("act-one_0", 1));
  model.saved(["act-one_0"], 1);
  model.setTracks({ revision: 1, after: 0, tracks: [track(1, { deleted: "not a face" })], gone: [], changed: [[0, 99]], sounds: [] });
  assert.equal(model.pending.length, 1);
  assert.equal(model.boxOf(1, 0), null, "the old boxes do not bring a rejected mask back");
  model.setBoxes(0, 1, [[]]);
  model.setTracks({ revision: 1, after: 1, tracks: [], gone: [], changed: [], sounds: [] });
  assert.equal(model.pending.length, 0);
});

test("model: only changed tracks are replaced, and missing ones are removed", () => {
  const model = made([track(1), track(2), track(3)]);
  model.setTracks({ revision: 2, after: 0, tracks: [track(2, { label: "plate" })], gone: [3], changed: [], sounds: [] });
  assert.deepEqual([...model.tracks().values()].map(({ id, label }) => [id, label]), [[1, "face"], [2, "plate"]]);
});

test("model: unchanged chunks stay up to date", () => {
  const model = made([track(1)]);
  for (const number of [0, 1]) model.setBoxes(number, 0, []);
  model.revision = 1;
  model.setTracks({ revision: 1, after: 0, tracks: [], gone: [], changed: [[CHUNK, CHUNK + 5]], sounds: [] });
  assert.deepEqual([model.isStale("boxes", 0), model.isStale("boxes", 1), model.isStale("boxes", 2)], [false, true, true]);
});

test("model: a chunk never replaces a newer one, except one that a decision made outdated", () => {
  const model = made([track(1)]);
  /** @type {MaskRow} */
  const row = [1, "ellipse", 50, 50, 20, 20, 0, "mosaic"];
  model.setShapes(0, 5, [[row]]);
  model.setShapes(0, 4, [[]]);
  assert.equal(model.shapesAt(0).length, 1);
  model.outdateShapes();
  assert.ok(model.isStale("shapes", 0));
  model.setShapes(0, 4, [[]]);
  assert.equal(model.shapesAt(0).length, 0);
});

test("model: far chunks are dropped, near ones are kept even if outdated", () => {
  const model = made([track(1)]);
  for (const number of [0, 1, 2, 3]) model.setBoxes(number, 0, []);
  model.forgetFar(1, 1);
  assert.deepEqual([...model.chunks.boxes.keys()], [0, 1, 2]);
  model.revision = 1;
  model.setBoxes(3, 1, []);
  model.forgetFar(0, 9);
  assert.deepEqual([...model.chunks.boxes.keys()], [0, 1, 3], "a chunk that is out of date and not next to this one goes");
});

test("model: a resize in progress shows, and leaves no trace if dropped", () => {
  const model = made([track(1)]);
  model.setBoxes(0, 0, [[[1, 50, 50, 20, 10, 0]]]);
  model.setDraft([{ op: "resize", track: 1, factor: 2 }]);
  assert.deepEqual(model.boxOf(1, 0), [50, 50, 40, 20, 0]);
  model.setDraft(null);
  assert.deepEqual(model.boxOf(1, 0), [50, 50, 20, 10, 0]);
  assert.equal(model.tracks().get(1)?.origin, "machine");
});

test("model: a mask keeps its margin when its box is moved, and a new box gets one", () => {
  const model = made([track(1)]);
  model.setBoxes(0, 0, [[[1, 50, 50, 20, 10, 0]]]);
  model.setShapes(0, 0, [[[1, "ellipse", 50, 50, 30, 20, 0, "blur"]]]);
  model.add({ id: "act-one_0", op: "keyframe", track: 1, frame: 0, box: [90, 90, 110, 100], angle: 0 });
  model.add({ id: "act-two_0", op: "draw", track: 9, label: "face", frame: 0, last: 9, box: [0, 0, 10, 10], angle: 0 });
  assert.deepEqual(model.shapesAt(0), [
    [1, "ellipse", 100, 95, 30, 20, 0, "blur"],
    [9, "rectangle", 5, 5, 12, 12, 0, "solid"],
  ]);
});

test("model: masks without a box of their own stay unless their track is rejected", () => {
  const model = made([track(1), track(2)]);
  model.setBoxes(0, 0, [[]]);
  model.setShapes(0, 0, [[[1, "ellipse", 5, 5, 8, 8, 0, "blur"], [-1, "full", 0, 0, 0, 0, 0, "solid"]]]);
  model.add(rejects("act-one_0", 2));
  assert.deepEqual(model.shapesAt(0).map(([id]) => id), [1, -1]);
  model.add(rejects("act-two_0", 1));
  assert.deepEqual(model.shapesAt(0).map(([id]) => id), [-1]);
});

test("model: boxes are shown unchanged before the lanes are loaded", () => {
  const model = new TrackModel(footage({ frames: 1000 }));
  assert.equal(model.boxesAt(0), null);
  model.setBoxes(0, 0, [[[1, 50, 50, 20, 10, 0]]]);
  model.add({ id: "act-one_0", op: "set-class", track: 1, label: "plate" });
  assert.deepEqual(model.boxOf(1, 0), [50, 50, 20, 10, 0]);
});

test("model: the nearest box is found in both directions", () => {
  const model = made([track(1)]);
  const rows = Array.from({ length: 60 }, () => /** @type {import("../../ui/redact_ui/static/review/types.js").BoxRow[]} */ ([]));
  rows[10] = [[1, 10, 10, 4, 4, 0]];
  rows[50] = [[1, 50, 50, 4, 4, 0]];
  model.setBoxes(0, 0, rows);
  assert.deepEqual([model.nearestBox(1, 25)?.[0], model.nearestBox(1, 40)?.[0], model.nearestBox(2, 25)], [10, 50, null]);
});

test("model: dropped edits are no longer shown", () => {
  const model = made([track(1)]);
  model.add(rejects("act-one_0", 1));
  model.drop(["act-one_0"]);
  assert.equal(model.tracks().get(1)?.deleted, null);
});

test("model: a new number is not used by any track or sound", () => {
  const model = made([track(1)]);
  const numbers = new Set(Array.from({ length: 50 }, () => model.newId()));
  assert.ok(numbers.size > 45);
  for (const id of numbers) assert.ok(id >= 100_000 && id < 1_000_000);
});

test("edits: each names its tracks", () => {
  assert.deepEqual(touched({ op: "link", tracks: [3, 4] }), [3, 4]);
  assert.deepEqual(touched({ op: "merge", track: 1, other: 2 }), [1, 2]);
  assert.deepEqual(touched({ op: "split", track: 1, frame: 5, new: 9 }), [1, 9]);
  assert.deepEqual(touched({ op: "outside", track: 1, frame: 5 }), [1]);
  assert.deepEqual(touched({ op: "settle", key: "gap:1:10", reason: "" }), []);
  assert.deepEqual(touched({ op: "remove-sound", span: 1, reason: "" }), []);
});

test("shapes: indices become names", () => {
  const answer = { forms: ["full", "ellipse"], effects: ["solid", "blur"], frames: [[[7, 1, 2, 3, 4, 5, 1, 0]], []] };
  assert.deepEqual(named(answer), [[[7, "ellipse", 1, 2, 3, 4, 5, "solid"]], []]);
});
