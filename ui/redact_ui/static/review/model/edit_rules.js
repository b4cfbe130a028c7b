// The effect of each edit on the tracks, as in redact/mask/edits/replay.py. Both are tested with
// tests/mask/edits/cases.

import { contains, cut, joined, spansOf, without } from "./spans.js";
import { layersOf, merged, split, trimmed, visible } from "./visibility.js";

/** @import { Edit, LoggedEdit, SoundSpan, Span, Track } from "../types.js" */
/** @import { Clock, Layers } from "./visibility.js" */

/** A track with the state that this window's edits keep. @typedef {Track & { layers?: Layers, mergedInto?: number }} EditedTrack */

/** @param {EditedTrack} track */
const layers = (track) => track.layers ?? layersOf(track);

/** The tracks that an edit concerns. @param {Edit} op @returns {number[]} */
export function touched(op) {
  if (op.op === "link") return op.tracks;
  if (op.op === "merge") return [op.track, op.other];
  if (op.op === "split") return [op.track, op.new];
  return "track" in op ? [op.track] : [];
}

/** The tracks and sounds of a footage while edits are applied to them. */
export class EditReplay {
  /** @param {Iterable<Track>} tracks @param {Iterable<SoundSpan>} sounds @param {Clock} clock */
  constructor(tracks, sounds, clock) {
    /** @type {Map<number, EditedTrack>} */
    this.all = new Map();
    for (const track of tracks) this.all.set(track.id, track);
    /** @type {Map<number, SoundSpan>} */
    this.sounds = new Map();
    for (const span of sounds) this.sounds.set(span.id, span);
    /** @type {Set<number>} */
    this.removed = new Set();
    this.clock = clock;
    /** @type {Set<string>} ids of edits without effect */
    this.skipped = new Set();
  }

  /** The tracks visible on at least one frame, including rejected ones. @returns {Map<number, Track>} */
  tracks() {
    return new Map([...this.all].filter(([, track]) => track.mergedInto === undefined && track.first <= track.last));
  }

  /** @param {Edit & { id?: string }} op */
  apply(op) {
    if (!this.#apply(op) && op.id !== undefined) this.skipped.add(op.id);
  }

  /** False if the edit is not possible. @param {Edit} op @returns {boolean} */
  #apply(op) {
    switch (op.op) {
      case "draw":
      case "set-area":
      case "hide-frames":
        return this.#create(op);
      case "keyframe":
      case "outside":
      case "remove-keyframe":
        return this.#mark(op);
      case "merge":
        return this.#merge(op);
      case "split":
        return this.#split(op);
      case "set-span":
      case "resize":
      case "add-boxes":
        return this.#reshape(op);
      case "delete":
      case "restore":
        return this.#reject(op);
      case "set-class":
        return this.#setClass(op);
      case "link":
      case "unlink":
        return this.#link(op);
      case "add-sound":
      case "change-sound":
      case "remove-sound":
        return this.#sound(op);
      default:
        return true; // concerns no track
    }
  }

  /** The track, unless it was merged into another or is rejected. @param {number} id */
  #live(id) {
    const track = this.all.get(id);
    return track && track.mergedInto === undefined && track.deleted === null ? track : null;
  }

  /** A live track with an outline of its own. @param {number} id */
  #outlined(id) {
    const track = this.#live(id);
    return track && track.kind !== "frame" ? track : null;
  }

  /** @param {EditedTrack} track @param {Partial<EditedTrack>} [values] */
  #set(track, values = {}) {
    this.all.set(track.id, { ...track, ...values });
    return true;
  }

  /** The track with other layers; it then counts as edited. @param {EditedTrack} track @param {Layers} now */
  #shape(track, now) {
    const shown = visible(now, this.clock);
    const filled = without(shown, without(now.rows, now.still));
    const marks = [...now.marks].sort((a, b) => a[0] - b[0]);
    return this.#set(track, {
      layers: now,
      origin: track.origin === "machine" ? "corrected" : track.origin,
      runs: without(shown, filled),
      filled,
      weak: shown.flatMap(([first, last]) => cut(track.weak, first, last)),
      first: shown.length ? shown[0][0] : this.clock.frames,
      last: shown.length ? shown[shown.length - 1][1] : -1,
      keyframes: marks.filter(([, mark]) => mark === "key").map(([at]) => at),
      outsides: marks.filter(([, mark]) => mark === "out").map(([at]) => at),
    });
  }

  /** @param {Extract<Edit, { op: "draw" | "set-area" | "hide-frames" }>} op */
  #create(op) {
    const before = this.all.get(op.track);
    if (before && (op.op !== "set-area" || before.kind !== "area" || !this.#live(op.track))) return false;
    const first = op.op === "draw" ? op.frame : op.first;
    /** @type {Span} */
    const span = [first, op.last];
    const kind = op.op === "draw" ? "object" : op.op === "set-area" ? "area" : "frame";
    const label = op.op === "hide-frames" ? "frame" : op.label;
    /** @type {EditedTrack} */
    const track = {
      id: op.track, kind, label, origin: "manual", subject: before?.subject ?? op.track, first, last: op.last,
      runs: [], filled: [span], weak: [], keyframes: [], outsides: [], deleted: null,
    };
    return this.#shape(track, { rows: [span], still: [span], marks: new Map(kind === "frame" ? [] : [[first, "key"]]) });
  }

  /** @param {Extract<Edit, { op: "keyframe" | "outside" | "remove-keyframe" }>} op */
  #mark(op) {
    const track = op.op === "keyframe" ? this.#outlined(op.track) : this.#live(op.track);
    if (!track) return false;
    const now = layers(track);
    const marks = new Map(now.marks);
    if (op.op === "remove-keyframe") {
      if ((marks.get(op.frame) ?? "in") === "in") return false;
      marks.delete(op.frame);
    } else {
      marks.set(op.frame, op.op === "keyframe" ? "key" : "out");
    }
    return this.#shape(track, { ...now, marks });
  }

  /** @param {Extract<Edit, { op: "merge" }>} op */
  #merge(op) {
    const [track, other] = [this.#outlined(op.track), this.#outlined(op.other)];
    if (!track || !other) return false;
    const origin = track.origin === "manual" && other.origin === "manual" ? "manual" : "corrected";
    const weak = joined([...track.weak, ...other.weak]);
    const isLinked = (/** @type {Track} */ each) => this.#group(each.subject).length > 1;
    const bothLinked = track.subject !== other.subject && isLinked(track) && isLinked(other);
    this.#shape({ ...track, origin, weak }, merged(layers(track), layers(other), this.clock));
    // The merged track may show either person, so it is linked with neither.
    if (bothLinked) this.#leaveGroup(op.track);
    this.#leaveGroup(op.other);
    const left = this.all.get(op.other);
    return this.#set(left ?? other, { mergedInto: op.track });
  }

  /** @param {Extract<Edit, { op: "split" }>} op */
  #split(op) {
    const track = this.#live(op.track);
    if (!track || this.all.has(op.new)) return false;
    const [left, right] = split(layers(track), op.frame, this.clock);
    if (!left.rows.length || !right.rows.length) return false;
    this.#shape(track, left);
    return this.#shape({ ...track, id: op.new, subject: op.new }, right);
  }

  /** @param {Extract<Edit, { op: "set-span" | "resize" | "add-boxes" }>} op */
  #reshape(op) {
    const track = op.op === "set-span" ? this.#live(op.track) : this.#outlined(op.track);
    if (!track) return false;
    const now = layers(track);
    if (op.op === "resize") return this.#shape(track, now);
    if (op.op === "set-span") return this.#shape(track, trimmed(now, [op.first, op.last], this.clock));
    const found = spansOf(op.rows.map(([frame]) => frame));
    return this.#shape(track, { ...now, rows: joined([...now.rows, ...found]), still: without(now.still, found) });
  }

  /** @param {Extract<Edit, { op: "delete" | "restore" }>} op */
  #reject(op) {
    const track = this.all.get(op.track);
    if (!track || track.mergedInto !== undefined || (track.deleted !== null) !== (op.op === "restore")) return false;
    return this.#set(track, { deleted: op.op === "delete" ? op.reason : null });
  }

  /** @param {Extract<Edit, { op: "set-class" }>} op */
  #setClass(op) {
    const track = this.#live(op.track);
    if (!track) return false;
    return this.#set(track, { label: op.label, origin: track.origin === "machine" ? "corrected" : track.origin });
  }

  /** @param {Extract<Edit, { op: "link" | "unlink" }>} op */
  #link(op) {
    if (op.op === "unlink") {
      const track = this.#live(op.track);
      if (!track || this.#group(track.subject).length < 2) return false;
      this.#leaveGroup(op.track);
      return true;
    }
    if (!op.tracks.every((id) => this.#live(id))) return false;
    const subjects = new Set(op.tracks.map((id) => this.all.get(id)?.subject));
    this.#regroup([...this.all.values()].filter((track) => track.mergedInto === undefined && subjects.has(track.subject)));
    return true;
  }

  /** The tracks linked under one subject. @param {number} subject */
  #group(subject) {
    return [...this.all.values()].filter((track) => track.subject === subject && track.mergedInto === undefined);
  }

  /** @param {EditedTrack[]} group */
  #regroup(group) {
    const subject = Math.min(...group.map((track) => track.id));
    for (const track of group) this.#set(track, { subject });
  }

  /** @param {number} id */
  #leaveGroup(id) {
    const track = this.all.get(id);
    if (!track) return;
    const rest = this.#group(track.subject).filter((each) => each.id !== id);
    this.#set(track, { subject: id });
    if (rest.length) this.#regroup(rest);
  }

  /** @param {Extract<Edit, { op: "add-sound" | "change-sound" | "remove-sound" }>} op */
  #sound(op) {
    const known = this.sounds.has(op.span);
    if (op.op === "add-sound" ? known || this.removed.has(op.span) : !known) return false;
    if (op.op === "remove-sound") {
      this.sounds.delete(op.span);
      this.removed.add(op.span);
    } else {
      this.sounds.set(op.span, { id: op.span, start: op.start, end: op.end, effect: op.effect });
    }
    return true;
  }
}

/** @param {Track} track @param {number} frame */
export const isInSight = (track, frame) => track.deleted === null && (contains(track.runs, frame) || contains(track.filled, frame));

