// The tracks: the server's responses, plus this window's edits that they do not include yet.
// The frames on which a track is visible follow the server's rules. Boxes are not interpolated here: between keyframes,
// and on frames that a track did not cover before, they come with the server's response.

import { EditReplay, isInSight, touched } from "./edit_rules.js";
import { centred, hull, scaled } from "./geometry.js";

/** @import { Edit, FootageInfo, LoggedEdit, MaskRow, BoxRow, PlacedBox, ResizeEdit, Shape, ShapesAnswer, SoundSpan, Span, Track, TracksAnswer } from "../types.js" */

/** Frames in one chunk of boxes or masks. */
export const CHUNK = 250;

/** @typedef {"boxes" | "shapes"} ChunkKind */
/** @template Row @typedef {{ revision: number, frames: Row[][], outdated?: boolean }} Chunk */

/** The masks of a GET shapes answer, with the names of their shapes and effects. @param {ShapesAnswer} answer @returns {MaskRow[][]} */
export const named = ({ forms, effects, frames }) => frames.map((rows) =>
  rows.map(([id, cx, cy, w, h, angle, form, effect]) => [id, forms[form], cx, cy, w, h, angle, effects[effect]]));

/** @param {ResizeEdit} op @param {number} frame */
const covers = ({ first, last }, frame) => frame >= (first ?? 0) && frame <= (last ?? Infinity);

/** @param {Map<number, Shape>} boxes @param {number} id @param {Shape | undefined} box */
function replace(boxes, id, box) {
  if (box) boxes.set(id, box);
  else boxes.delete(id);
}

/** The box on `frame`. Most lists of rows have no gaps. @param {PlacedBox[]} rows @param {number} frame */
function boxIn(rows, frame) {
  const at = frame - rows[0][0];
  const row = rows[at]?.[0] === frame ? rows[at] : rows.find((each) => each[0] === frame);
  return row ? centred([row[1], row[2], row[3], row[4]], row[5]) : null;
}

export class TrackModel {
  /** @param {FootageInfo} info @param {(frame: number) => number} [seconds] the time of a frame */
  constructor(info, seconds = (frame) => frame / 25) {
    this.info = info;
    this.seconds = seconds;
    this.revision = info.revision;
    /** @type {{ revision: number, tracks: Map<number, Track>, sounds: Map<number, SoundSpan> }} */
    this.server = { revision: -1, tracks: new Map(), sounds: new Map() };
    /** @type {{ boxes: Map<number, Chunk<BoxRow>>, shapes: Map<number, Chunk<MaskRow>> }} */
    this.chunks = { boxes: new Map(), shapes: new Map() };
    /** @type {{ op: LoggedEdit, revision: number | null }[]} no revision until it is saved */
    this.pending = [];
    /** @type {ResizeEdit[] | null} edits in progress */
    this.draft = null;
    /** @type {{ tracks: Map<number, Track>, sounds: Map<number, SoundSpan>, skipped: Set<string>, lanes: Track[] | null } | null} */
    this.cache = null;
  }

  /**
   * Stores all tracks, or those that differ from the revision `after`, which must be the current one.
   * @param {Pick<TracksAnswer, "revision" | "after" | "tracks" | "gone" | "changed" | "sounds">} answer
   */
  setTracks({ revision, after, tracks, gone, changed, sounds }) {
    const known = after === null ? new Map() : this.server.tracks;
    for (const id of gone) known.delete(id);
    for (const track of tracks) known.set(track.id, track);
    this.server = { revision, tracks: known, sounds: new Map(sounds.map((span) => [span.id, span])) };
    if (after !== null) this.#keep(after, revision, changed);
    this.#prune();
  }

  /** Chunks in which nothing has changed since the revision `after` need not be fetched again. @param {number} after @param {number} revision @param {Span[]} changed */
  #keep(after, revision, changed) {
    for (const held of Object.values(this.chunks)) {
      for (const [number, chunk] of held) {
        const [first, last] = [number * CHUNK, (number + 1) * CHUNK - 1];
        const known = chunk.revision >= after && chunk.revision < revision;
        if (known && !changed.some((span) => span[0] <= last && span[1] >= first)) chunk.revision = revision;
      }
    }
  }

  /** Whether the server knows this track. @param {number} id */
  isSaved(id) {
    return this.server.tracks.has(id);
  }

  /** Stores a chunk, unless the current one is newer. @param {number} number @param {number} revision @param {BoxRow[][]} frames */
  setBoxes(number, revision, frames) {
    if (this.#isNewer("boxes", number, revision)) this.chunks.boxes.set(number, { revision, frames });
  }

  /** @param {number} number @param {number} revision @param {MaskRow[][]} frames */
  setShapes(number, revision, frames) {
    if (this.#isNewer("shapes", number, revision)) this.chunks.shapes.set(number, { revision, frames });
  }

  /** @param {ChunkKind} kind @param {number} number @param {number} revision */
  #isNewer(kind, number, revision) {
    const held = this.chunks[kind].get(number);
    return !held || held.outdated === true || held.revision <= revision;
  }

  /** Keeps only the chunks near `here`, and those next to it that are up to date. @param {number} here @param {number} most */
  forgetFar(here, most) {
    for (const kind of /** @type {ChunkKind[]} */ (["boxes", "shapes"])) {
      for (const number of [...this.chunks[kind].keys()]) {
        const away = Math.abs(number - here);
        if (away > most || (away > 1 && this.isStale(kind, number))) this.chunks[kind].delete(number);
      }
    }
  }

  /** @param {ChunkKind} kind @param {number} number */
  isStale(kind, number) {
    const held = this.chunks[kind].get(number);
    return !held || held.outdated === true || held.revision < this.revision;
  }

  /** The masks have changed but no track has: decisions of the release have. */
  outdateShapes() {
    for (const held of this.chunks.shapes.values()) held.outdated = true;
  }

  /** @param {LoggedEdit} op */
  add(op) {
    this.pending.push({ op, revision: null });
    this.cache = null;
  }

  /** @param {string[]} ids @param {number} revision */
  saved(ids, revision) {
    this.revision = Math.max(this.revision, revision);
    for (const entry of this.pending) if (ids.includes(entry.op.id)) entry.revision = revision;
  }

  /** Removes edits that will not be recorded. @param {string[]} ids */
  drop(ids) {
    this.pending = this.pending.filter((entry) => !ids.includes(entry.op.id));
    this.cache = null;
  }

  /** @param {ResizeEdit[] | null} ops */
  setDraft(ops) {
    this.draft = ops;
    this.cache = null;
  }

  /** The frame times have been loaded. */
  timesChanged() {
    this.cache = null;
  }

  /** The edits that a response of `revision` does not include yet, oldest first. @param {number} revision @returns {(Edit & { id?: string })[]} */
  after(revision) {
    const seen = new Set();
    const undone = new Set();
    for (const { op } of this.pending) {
      // The edit may already be on the server. It cannot be a later one.
      const known = op.op === "undo" && (seen.has(op.edit) || !this.pending.some((entry) => entry.op.id === op.edit));
      if (op.op === "undo" && known) undone.add(op.edit);
      if (op.op === "redo") undone.delete(op.edit);
      seen.add(op.id);
    }
    const ops = this.pending
      .filter((entry) => entry.revision === null || entry.revision > revision)
      .map((entry) => entry.op)
      .filter((op) => !undone.has(op.id));
    return this.draft ? [...ops, ...this.draft] : ops;
  }

  /** The boxes of the tracks on `frame`; null if they are not loaded yet. @param {number} frame @returns {Map<number, Shape> | null} */
  boxesAt(frame) {
    const chunk = this.chunks.boxes.get(Math.floor(frame / CHUNK));
    /** @type {Map<number, Shape>} */
    const boxes = new Map();
    for (const [track, ...box] of chunk?.frames[frame % CHUNK] ?? []) boxes.set(track, box);
    const ops = this.after(chunk?.revision ?? -1);
    if (ops.length) this.#move(boxes, ops, frame);
    return chunk || boxes.size ? boxes : null;
  }

  /** @param {number | null} track @param {number} frame */
  boxOf(track, frame) {
    return track === null ? null : (this.boxesAt(frame)?.get(track) ?? null);
  }

  /** The nearest known box of a track, for a keyframe where it is not visible. @param {number} track @param {number} frame */
  nearestBox(track, frame) {
    for (let away = 0; away < 2 * CHUNK; away++) {
      for (const at of [frame - away, frame + away]) {
        const box = at >= 0 && at < this.info.frames ? this.boxOf(track, at) : null;
        if (box) return box;
      }
    }
    return null;
  }

  /** The masks on `frame`, including this window's edits. @param {number} frame @returns {MaskRow[]} */
  shapesAt(frame) {
    const number = Math.floor(frame / CHUNK);
    const chunk = this.chunks.shapes.get(number);
    const rows = chunk?.frames[frame % CHUNK] ?? [];
    if (this.after(chunk?.revision ?? -1).length === 0) return rows;
    const known = new Map(rows.map((row) => [row[0], row]));
    /** @type {Map<number, Shape>} */
    const base = new Map();
    for (const [id, ...box] of this.chunks.boxes.get(number)?.frames[frame % CHUNK] ?? []) base.set(id, box);
    const tracks = this.tracks();
    // Masks without a box here: damaged frames, and masks that continue past their track's end.
    const out = rows.filter(([id]) => !base.has(id) && (tracks.get(id)?.deleted ?? null) === null);
    for (const [track, box] of this.boxesAt(frame) ?? []) {
      const row = known.get(track);
      const was = base.get(track);
      if (row && was && was.every((value, i) => Math.abs(value - box[i]) < 1e-6)) {
        out.push(row);
        continue;
      }
      // The margin of the last known mask is kept. Without one, the box is enlarged a little.
      const kind = tracks.get(track)?.kind;
      const [form, effect] = row ? [row[1], row[7]] : [kind === "frame" ? "full" : "rectangle", "solid"];
      const margin = row && was ? [row[4] / was[2], row[5] / was[3]] : kind === "object" ? [1.2, 1.2] : [1, 1];
      out.push([track, form, box[0], box[1], box[2] * margin[0], box[3] * margin[1], box[4], effect]);
    }
    return out;
  }

  /** All tracks by number, as in GET tracks, with this window's edits applied. */
  tracks() {
    return this.#edited().tracks;
  }

  sounds() {
    return this.#edited().sounds;
  }

  /** The tracks in lane order: by first frame. @returns {Track[]} */
  lanes() {
    const edited = this.#edited();
    return (edited.lanes ??= [...edited.tracks.values()].sort((a, b) => a.first - b.first || a.id - b.id));
  }

  /** An unused track or span number. It is random, so that two people who draw at once get different ones. */
  newId() {
    for (;;) {
      const id = 100000 + (crypto.getRandomValues(new Uint32Array(1))[0] % 900000);
      if (!this.tracks().has(id) && !this.sounds().has(id)) return id;
    }
  }

  /** Removes edits that all stored responses include. */
  #prune() {
    const revisions = [this.server.revision];
    for (const kind of Object.values(this.chunks)) for (const chunk of kind.values()) revisions.push(chunk.revision);
    const oldest = Math.min(...revisions);
    this.pending = this.pending.filter((entry) => entry.revision === null || entry.revision > oldest);
    this.cache = null;
  }

  #edited() {
    if (this.cache) return this.cache;
    const clock = { frames: this.info.frames, seconds: this.seconds };
    const replay = new EditReplay(this.server.tracks.values(), this.server.sounds.values(), clock);
    for (const op of this.after(this.server.revision)) replay.apply(op);
    const { sounds, skipped } = replay;
    this.cache = { tracks: replay.tracks(), sounds, skipped, lanes: null };
    return this.cache;
  }

  /** Applies `ops` to the boxes on `frame`. @param {Map<number, Shape>} boxes @param {(Edit & { id?: string })[]} ops @param {number} frame */
  #move(boxes, ops, frame) {
    const { tracks, skipped } = this.#edited();
    /** @type {Map<number, number>} factors of the edits so far, which also apply to boxes added later */
    const factors = new Map();
    /** @type {Map<number, Shape | undefined>} boxes under the keyframes set by the edits on this frame */
    const under = new Map();
    const isKeyed = (/** @type {number} */ id) => under.has(id) || (this.server.tracks.get(id)?.keyframes.includes(frame) ?? false);
    for (const op of ops) {
      if (op.id !== undefined && skipped.has(op.id)) continue;
      if (op.op === "resize") {
        if (!covers(op, frame)) continue;
        const box = boxes.get(op.track);
        factors.set(op.track, (factors.get(op.track) ?? 1) * op.factor);
        if (box) boxes.set(op.track, scaled(box, op.factor));
      } else if (op.op === "add-boxes") {
        const box = isKeyed(op.track) ? null : boxIn(op.rows, frame);
        if (box) boxes.set(op.track, scaled(box, factors.get(op.track) ?? 1));
      } else if (op.op === "remove-keyframe") {
        if (op.frame === frame && under.has(op.track)) replace(boxes, op.track, under.get(op.track));
      } else {
        if (op.op === "keyframe" && op.frame === frame && !under.has(op.track)) under.set(op.track, boxes.get(op.track));
        if (op.op === "merge" || op.op === "split") factors.delete(op.track);
        this.#place(boxes, op, frame);
      }
    }
    if (this.server.revision < 0) return; // the lanes are still being loaded
    // An edited track has a mask exactly where it is visible.
    for (const id of ops.flatMap(touched)) {
      const track = tracks.get(id);
      if (!(track && isInSight(track, frame))) boxes.delete(id);
    }
  }

  /** @param {Map<number, Shape>} boxes @param {Edit} op @param {number} frame */
  #place(boxes, op, frame) {
    switch (op.op) {
      case "draw":
        if (op.frame <= frame && frame <= op.last) boxes.set(op.track, centred(op.box, op.angle));
        break;
      case "set-area":
        boxes.delete(op.track);
        if (op.first <= frame && frame <= op.last) boxes.set(op.track, centred(op.box, op.angle));
        break;
      case "hide-frames": {
        const { width, height } = this.info;
        if (op.first <= frame && frame <= op.last) boxes.set(op.track, [width / 2, height / 2, width, height, 0]);
        break;
      }
      case "keyframe":
        if (op.frame === frame) boxes.set(op.track, centred(op.box, op.angle));
        break;
      case "merge": {
        const [box, other] = [boxes.get(op.track), boxes.get(op.other)];
        boxes.delete(op.other);
        if (other) boxes.set(op.track, box ? hull(box, other) : other);
        break;
      }
      case "split": {
        const box = boxes.get(op.track);
        if (!box || frame < op.frame) break;
        boxes.delete(op.track);
        boxes.set(op.new, box);
        break;
      }
    }
  }
}
