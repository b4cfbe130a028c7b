// The cases of tests/mask/edits/cases, which Python also replays (tests/mask/edits/test_cases.py).
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { joined, spansOf } from "../../ui/redact_ui/static/review/model/spans.js";
import { CHUNK, TrackModel } from "../../ui/redact_ui/static/review/model/track_model.js";
import { footage } from "./factory.mjs";

/** @import { Box, BoxRow, LoggedEdit, Shape, SoundSpan, Span, Track } from "../../ui/redact_ui/static/review/types.js" */

/** @typedef {{ id: number, label: string, spans: Span[], box: Box, step: number }} MachineTrack */
/** @typedef {Pick<Track, "id" | "kind" | "label" | "origin" | "subject" | "keyframes" | "outsides" | "deleted"> & { frames: Span[] }} Lane */
/** @typedef {{ tracks: Lane[], sounds: SoundSpan[], settled: string[], skipped: string[], boxes: Record<string, Record<string, Shape>> }} Expected */

/**
 * `server_only`: what the reviewer cannot know before the server has answered. "boxes" lists frames for each track.
 * @typedef {{ because: string, boxes?: Record<string, number[]>, tracks?: number[], skipped?: string[] }} ServerOnly
 * @typedef {{ name: string, machine: number[], edits: LoggedEdit[], frames: number[], expected: Expected, server_only?: ServerOnly }} Case
 * @typedef {{ footage: { frames: number, width: number, height: number }, machine: MachineTrack[], cases: Case[] }} CaseFile
 */

const RATE = 25;
const FOLDER = new URL("../mask/edits/cases/", import.meta.url);

/** @param {MachineTrack} track @returns {Track} */
const lane = ({ id, label, spans }) => ({
  id, kind: "object", label, origin: "machine", subject: id, first: spans[0][0], last: spans[spans.length - 1][1], runs: spans,
  filled: [], weak: [], keyframes: [], outsides: [], deleted: null,
});

/** @param {MachineTrack} track @param {number} frame @returns {BoxRow[]} */
function boxRow({ id, spans, box: [left, top, right, bottom], step }, frame) {
  if (!spans.some(([first, last]) => first <= frame && frame <= last)) return [];
  const by = step * (frame - spans[0][0]);
  return [[id, (left + right) / 2 + by, (top + bottom) / 2, right - left, bottom - top, 0]];
}

/** The model with the machine tracks from the server and the edits made in this window. @param {CaseFile} file @param {Case} each */
function replayed(file, each) {
  const { frames } = file.footage;
  const model = new TrackModel(footage(file.footage), (frame) => Math.min(Math.max(frame, 0), frames - 1) / RATE);
  const machine = file.machine.filter(({ id }) => each.machine.includes(id));
  model.setTracks({ revision: 0, after: null, tracks: machine.map(lane), gone: [], changed: [], sounds: [] });
  const rows = Array.from({ length: Math.min(frames, CHUNK) }, (_, frame) => machine.flatMap((track) => boxRow(track, frame)));
  model.setBoxes(0, 0, rows);
  for (const edit of each.edits) model.add(edit);
  return model;
}

/** @param {TrackModel} model @returns {Lane[]} */
function lanes(model) {
  const tracks = [...model.tracks().values()].sort((a, b) => a.id - b.id);
  return tracks.map(({ id, kind, label, origin, subject, runs, filled, keyframes, outsides, deleted }) =>
    ({ id, kind, label, origin, subject, frames: joined([...runs, ...filled]), keyframes, outsides, deleted }));
}

/** @param {TrackModel} model @param {number} frame @returns {Record<string, Shape>} */
function boxes(model, frame) {
  const shapes = [...(model.boxesAt(frame) ?? new Map())].sort((a, b) => a[0] - b[0]);
  return Object.fromEntries(shapes.map(([id, shape]) => [id, shape.map((/** @type {number} */ value) => Math.round(value * 1000) / 1000)]));
}

/** @param {Shape | undefined} a @param {Shape | undefined} b */
const alike = (a, b) => (a && b ? a.every((value, i) => Math.abs(value - b[i]) < 0.01) : a === b);

for (const path of readdirSync(FOLDER).sort()) {
  /** @type {CaseFile} */
  const file = JSON.parse(readFileSync(new URL(path, FOLDER), "utf-8"));
  for (const each of file.cases) {
    test(`edits, ${path.replace(".json", "")}: ${each.name}`, () => {
      const model = replayed(file, each);
      const { expected, server_only: exempt } = each;
      assert.deepEqual(lanes(model), expected.tracks);
      assert.deepEqual([...model.sounds().values()], expected.sounds);
      for (const frame of each.frames) {
        const [got, want] = [boxes(model, frame), expected.boxes[frame]];
        for (const id of new Set([...Object.keys(got), ...Object.keys(want)])) {
          const isExempt = exempt?.boxes?.[id]?.includes(frame) ?? false;
          const detail = `track ${id} on frame ${frame}: ${JSON.stringify(got[id])}, not ${JSON.stringify(want[id])}`;
          assert.equal(alike(got[id], want[id]), !isExempt, isExempt ? `needs no exemption: track ${id} on frame ${frame}` : detail);
          // A mask is never shown where nothing is hidden, even if boxes are still unknown.
          assert.ok(want[id] || !got[id], detail);
        }
      }
    });
  }
}

test("edits: the frames of a list of rows need not be in one span", () => {
  assert.deepEqual(spansOf([3, 4, 5, 9]), [[3, 5], [9, 9]]);
});
