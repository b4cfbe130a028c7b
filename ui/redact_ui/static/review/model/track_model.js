// What is known of the tracks: the server's answers, and over them this window's edits that are not in them yet.
// Nothing is interpolated here: where an edit moves a mask between keyframes, the server's next answer says how.

export const PIECE = 250;

export const centred = ([left, top, right, bottom], angle = 0) => [
  (left + right) / 2, (top + bottom) / 2, right - left, bottom - top, angle,
];
export const edges = ([cx, cy, w, h]) => [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2];

/** The masks of an answer, frame by frame, as rows [track, form, cx, cy, w, h, angle, effect]. */
export const named = ({ forms, effects, frames }) => frames.map((rows) =>
  rows.map(([id, cx, cy, w, h, angle, form, effect]) => [id, forms[form], cx, cy, w, h, angle, effects[effect]]));

const scaled = ([cx, cy, w, h, angle], factor) => [cx, cy, w * factor, h * factor, angle];

/** The tracks that an edit speaks of. */
export function touched(op) {
  if (op.op === "link") return op.tracks;
  return [op.track, op.other, op.new].filter((id) => id !== undefined);
}

export class Model {
  /** `info` is the answer to GET footage. */
  constructor(info) {
    this.info = info;
    this.revision = info.revision;
    this.server = { revision: -1, tracks: new Map(), sounds: new Map() };
    this.pieces = { boxes: new Map(), shapes: new Map() };
    this.pending = []; // {op, revision}: revision is null until it is saved
    this.draft = null; // edits that are still being made
    this.cache = null;
  }

  /** All tracks there are, or those that are other than at the revision `after`, which is the one held. */
  setTracks({ revision, after, tracks, gone, changed, sounds }) {
    const known = after === null ? new Map() : this.server.tracks;
    for (const id of gone) known.delete(id);
    for (const track of tracks) known.set(track.id, track);
    this.server = { revision, tracks: known, sounds: new Map(sounds.map((span) => [span.id, span])) };
    if (after !== null) this.#keep(after, revision, changed);
    this.#prune();
  }

  /** Pieces in which nothing is other than at the revision `after` need not be asked for again. */
  #keep(after, revision, changed) {
    for (const held of Object.values(this.pieces)) {
      for (const [number, piece] of held) {
        const [first, last] = [number * PIECE, (number + 1) * PIECE - 1];
        const known = piece.revision >= after && piece.revision < revision;
        if (known && !changed.some((span) => span[0] <= last && span[1] >= first)) piece.revision = revision;
      }
    }
  }

  /** Whether the server knows this track. */
  isSaved(id) {
    return this.server.tracks.has(id);
  }

  /** `kind` is "boxes" or "shapes"; a piece that is older than the one held is ignored. */
  setPiece(kind, number, revision, frames) {
    const held = this.pieces[kind].get(number);
    if (!held || held.outdated || held.revision <= revision) this.pieces[kind].set(number, { revision, frames });
  }

  /** Of an hour's pieces only the newest or nearest to piece `here` are kept. */
  forgetFar(here, most) {
    for (const [kind, held] of Object.entries(this.pieces)) {
      for (const number of [...held.keys()]) {
        const away = Math.abs(number - here);
        if (away > most || (away > 1 && this.isStale(kind, number))) held.delete(number);
      }
    }
  }

  isStale(kind, number) {
    const held = this.pieces[kind].get(number);
    return !held || held.outdated === true || held.revision < this.revision;
  }

  /** Masks are other than before though no track is: a release decides otherwise. */
  outdateShapes() {
    for (const held of this.pieces.shapes.values()) held.outdated = true;
  }

  add(op) {
    this.pending.push({ op, revision: null });
    this.cache = null;
  }

  saved(ids, revision) {
    this.revision = Math.max(this.revision, revision);
    for (const entry of this.pending) if (ids.includes(entry.op.id)) entry.revision = revision;
  }

  /** These are not to be made after all. */
  drop(ids) {
    this.pending = this.pending.filter((entry) => !ids.includes(entry.op.id));
    this.cache = null;
  }

  setDraft(ops) {
    this.draft = ops;
    this.cache = null;
  }

  /** Edits that a server's answer of `revision` has not yet, oldest first. */
  after(revision) {
    const undone = new Set();
    for (const { op } of this.pending) {
      if (op.op === "undo") undone.add(op.edit);
      if (op.op === "redo") undone.delete(op.edit);
    }
    const ops = this.pending
      .filter((entry) => entry.revision === null || entry.revision > revision)
      .map((entry) => entry.op)
      .filter((op) => !undone.has(op.id));
    return this.draft ? [...ops, ...this.draft] : ops;
  }

  /** Map of track to [cx, cy, w, h, angle], as the tracks lie on `frame`; null where nothing is known yet. */
  boxesAt(frame) {
    const piece = this.pieces.boxes.get(Math.floor(frame / PIECE));
    const boxes = new Map();
    for (const [track, ...box] of piece?.frames[frame % PIECE] ?? []) boxes.set(track, box);
    for (const op of this.after(piece?.revision ?? -1)) this.#move(boxes, op, frame);
    return piece || boxes.size ? boxes : null;
  }

  boxOf(track, frame) {
    return this.boxesAt(frame)?.get(track) ?? null;
  }

  /** The nearest place known of a track, for a keyframe where it is out of sight. */
  nearestBox(track, frame) {
    for (let away = 0; away < 2 * PIECE; away++) {
      for (const f of [frame - away, frame + away]) {
        const box = f >= 0 && f < this.info.frames ? this.boxOf(track, f) : null;
        if (box) return box;
      }
    }
    return null;
  }

  /** Rows [track, form, cx, cy, w, h, angle, effect] of what is hidden on `frame`, edits of this window included. */
  shapesAt(frame) {
    const piece = this.pieces.shapes.get(Math.floor(frame / PIECE));
    const rows = piece?.frames[frame % PIECE] ?? [];
    if (this.after(piece?.revision ?? -1).length === 0) return rows;
    const known = new Map(rows.map((row) => [row[0], row]));
    const base = new Map();
    for (const [id, ...box] of this.pieces.boxes.get(Math.floor(frame / PIECE))?.frames[frame % PIECE] ?? []) {
      base.set(id, box);
    }
    // What is hidden without a box of its own here: damaged frames, and what a mask holds on for after its track's end.
    const out = rows.filter(([id]) => !base.has(id) && (this.tracks().get(id)?.deleted ?? null) === null);
    for (const [track, box] of this.boxesAt(frame) ?? []) {
      const row = known.get(track);
      const was = base.get(track);
      if (row && was && was.every((value, i) => Math.abs(value - box[i]) < 1e-6)) {
        out.push(row);
        continue;
      }
      // The margin of the last known mask is kept; without one a little more than the box is shown.
      const kind = this.tracks().get(track)?.kind;
      const [form, effect] = row ? [row[1], row[7]] : [kind === "frame" ? "full" : "rectangle", "solid"];
      const margin = row && was ? [row[4] / was[2], row[5] / was[3]] : kind === "object" ? [1.2, 1.2] : [1, 1];
      out.push([track, form, box[0], box[1], box[2] * margin[0], box[3] * margin[1], box[4], effect]);
    }
    return out;
  }

  /** Map of id to track, as GET tracks has it with this window's edits put in roughly. */
  tracks() {
    return (this.cache ??= this.#patchedTracks()).tracks;
  }

  sounds() {
    return (this.cache ??= this.#patchedTracks()).sounds;
  }

  /** Tracks in the order of the lanes: by their beginning. */
  lanes() {
    this.cache ??= this.#patchedTracks();
    return (this.cache.lanes ??= [...this.cache.tracks.values()].sort((a, b) => a.first - b.first || a.id - b.id));
  }

  /** A number no track or span has. Taken at random, so that two people who draw at once do not meet. */
  newId() {
    for (;;) {
      const id = 100000 + (crypto.getRandomValues(new Uint32Array(1))[0] % 900000);
      if (!this.tracks().has(id) && !this.sounds().has(id)) return id;
    }
  }

  #prune() {
    const revisions = [this.server.revision];
    for (const kind of Object.values(this.pieces)) for (const piece of kind.values()) revisions.push(piece.revision);
    const oldest = Math.min(...revisions);
    this.pending = this.pending.filter((entry) => entry.revision === null || entry.revision > oldest);
    this.cache = null;
  }

  #move(boxes, op, frame) {
    const box = boxes.get(op.track);
    const keyframes = this.server.tracks.get(op.track)?.keyframes ?? [];
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
      case "add-boxes": {
        const at = frame - op.rows[0][0];
        const row = op.rows[at]?.[0] === frame ? op.rows[at] : op.rows.find((r) => r[0] === frame);
        if (row && !keyframes.includes(frame)) boxes.set(op.track, centred(row.slice(1, 5), row[5]));
        break;
      }
      case "outside": {
        const next = keyframes.find((k) => k > op.frame) ?? Infinity;
        if (op.frame <= frame && frame < next) boxes.delete(op.track);
        break;
      }
      case "delete":
        boxes.delete(op.track);
        break;
      case "set-span":
        if (frame < op.first || frame > op.last) boxes.delete(op.track);
        break;
      case "resize":
        if (box && frame >= (op.first ?? 0) && frame <= (op.last ?? Infinity)) boxes.set(op.track, scaled(box, op.factor));
        break;
      case "merge": {
        const other = boxes.get(op.other);
        boxes.delete(op.other);
        if (other && !box) boxes.set(op.track, other);
        break;
      }
      case "split":
        if (box && frame >= op.frame) {
          boxes.delete(op.track);
          boxes.set(op.new, box);
        }
        break;
    }
  }

  #patchedTracks() {
    const tracks = new Map(this.server.tracks);
    const sounds = new Map(this.server.sounds);
    for (const op of this.after(this.server.revision)) patch(tracks, sounds, op, this.info.frames);
    return { tracks, sounds, lanes: null };
  }
}

const sorted = (frames) => [...new Set(frames)].sort((a, b) => a - b);
const cut = (runs, first, last) =>
  runs.filter(([a, b]) => a <= last && b >= first).map(([a, b]) => [Math.max(a, first), Math.min(b, last)]);

/** `track` from `first` to `last` only; null if nothing is left. */
function trimmed(track, first, last) {
  const runs = cut(track.runs, first, last);
  if (!runs.length) return null;
  const within = (frames) => frames.filter((f) => f >= first && f <= last);
  return {
    ...track, runs, first: runs[0][0], last: runs.at(-1)[1],
    filled: cut(track.filled, first, last), weak: cut(track.weak, first, last),
    keyframes: within(track.keyframes), outsides: within(track.outsides),
  };
}

function patch(tracks, sounds, op, frames) {
  const track = tracks.get(op.track);
  const change = (values) => track && tracks.set(op.track, { ...track, ...values });
  const fresh = (kind, label, first, last, keyframes) =>
    tracks.set(op.track, {
      id: op.track, kind, label, origin: "manual", subject: op.track, first, last, runs: [[first, last]],
      filled: [], weak: [], keyframes, outsides: [], deleted: null,
    });
  switch (op.op) {
    case "draw": fresh("object", op.label, op.frame, op.last, [op.frame]); break;
    case "set-area": fresh("area", op.label, op.first, op.last, []); break;
    case "hide-frames": fresh("frame", "frame", op.first, op.last, []); break;
    case "keyframe":
      if (track) {
        change({
          keyframes: sorted([...track.keyframes, op.frame]),
          first: Math.min(track.first, op.frame), last: Math.max(track.last, op.frame),
        });
      }
      break;
    case "outside":
      if (track) change({ outsides: sorted([...track.outsides, op.frame]) });
      break;
    case "remove-keyframe":
      if (track) {
        change({
          keyframes: track.keyframes.filter((f) => f !== op.frame), outsides: track.outsides.filter((f) => f !== op.frame),
        });
      }
      break;
    case "merge": {
      const other = tracks.get(op.other);
      tracks.delete(op.other);
      if (track && other) {
        change({
          runs: joined([...track.runs, ...other.runs]), keyframes: sorted([...track.keyframes, ...other.keyframes]),
          first: Math.min(track.first, other.first), last: Math.max(track.last, other.last),
        });
      }
      break;
    }
    case "split": {
      const [left, right] = track ? [trimmed(track, 0, op.frame - 1), trimmed(track, op.frame, frames)] : [];
      if (left && right) {
        tracks.set(op.track, left);
        tracks.set(op.new, { ...right, id: op.new, subject: op.new });
      }
      break;
    }
    case "delete": change({ deleted: op.reason }); break;
    case "restore": change({ deleted: null }); break;
    case "set-span":
      if (track) {
        change({
          ...(trimmed(track, op.first, op.last) ?? {}), first: op.first, last: op.last, runs: [[op.first, op.last]],
        });
      }
      break;
    case "set-class": change({ label: op.label }); break;
    case "link": {
      const linked = op.tracks.map((id) => tracks.get(id)?.subject).filter((s) => s !== undefined);
      const subject = Math.min(...linked);
      for (const [id, each] of tracks) if (linked.includes(each.subject)) tracks.set(id, { ...each, subject });
      break;
    }
    case "unlink": change({ subject: op.track }); break;
    case "add-boxes":
      if (track) {
        const [first, last] = [op.rows[0][0], op.rows.at(-1)[0]];
        change({
          runs: joined([...track.runs, [first, last]]),
          first: Math.min(track.first, first), last: Math.max(track.last, last),
        });
      }
      break;
    case "add-sound":
    case "change-sound":
      sounds.set(op.span, { id: op.span, start: op.start, end: op.end, effect: op.effect });
      break;
    case "remove-sound": sounds.delete(op.span); break;
  }
}

function joined(runs) {
  const out = [];
  for (const [first, last] of runs.sort((a, b) => a[0] - b[0])) {
    const before = out.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else out.push([first, last]);
  }
  return out;
}
