// Drawing, moving, trimming, joining and rejecting masks.

import { ApiError } from "../model/api.js";
import { clamp, edges } from "../model/geometry.js";
import { actOf } from "../model/history.js";
import { askReason, askText } from "../view/dialogs.js";
import { counted } from "../view/dom.js";

/** @import { Box, Edit, PlacedBox, Shared, Track } from "../types.js" */
/** @import { Drawn, Followed, NewKind, Overlay, Placed } from "../view/overlay.js" */
/** @import { Timeline } from "../view/timeline.js" */
/** @import { EditRecorder } from "./edit_recorder.js" */
/** @import { QueueCommands } from "./queue_commands.js" */
/** @import { SelectionCommands } from "./selection_commands.js" */
/** @import { SoundCommands } from "./sound_commands.js" */
/** @import { ViewCommands } from "./view_commands.js" */

/** The body of POST follow. @typedef {{ track: number, frame: number, box: Box, angle: number, direction: "on" | "back", seconds: number }} FollowRequest */

const NEW_SECONDS = 3;
const FOLLOW_SECONDS = 3;
const GROWTH = 1.1;
const MOST_GROWTH = 4;
const ROWS_AT_ONCE = 20000;

/** @param {number} value */
const rounded = (value) => Math.round(value * 100) / 100;

/** One or more "add-boxes" edits. @param {number} track @param {PlacedBox[]} rows @returns {Edit[]} */
function addBoxes(track, rows) {
  /** @type {Edit[]} */
  const edits = [];
  for (let i = 0; i < rows.length; i += ROWS_AT_ONCE) edits.push({ op: "add-boxes", track, rows: rows.slice(i, i + ROWS_AT_ONCE) });
  return edits;
}

export class MaskCommands {
  /**
   * @param {Pick<Shared, "root" | "model" | "player" | "selection" | "queue" | "api" | "say" | "changed">
   *   & { overlay: Overlay, timeline: Timeline, recorder: EditRecorder, selecting: SelectionCommands, sounds: SoundCommands,
   *   viewing: ViewCommands }} shared
   */
  constructor({ root, model, player, selection, queue, api, say, changed, overlay, timeline, recorder, selecting, sounds, viewing }) {
    this.root = root;
    this.model = model;
    this.player = player;
    this.selection = selection;
    this.queue = queue;
    this.api = api;
    this.say = say;
    this.changed = changed;
    this.overlay = overlay;
    this.timeline = timeline;
    this.recorder = recorder;
    this.selecting = selecting;
    this.sounds = sounds;
    this.viewing = viewing;
    /** @type {QueueCommands | null} */
    this.queueing = null;
    this.label = "face"; // the class of new masks
  }

  undo() { this.recorder.undo(); }
  redo() { this.recorder.redo(); }

  cancel() {
    this.selecting.pairing = null;
    const grabbedSound = this.timeline.sound.cancel();
    if (!this.overlay.cancel() && !grabbedSound) this.selection.set([]);
    this.say("");
  }

  draw() {
    if (this.queueing?.isAtDetection) this.queueing.maskDetection();
    else this.#startDrawing("draw", "Draw a box around what is to be hidden");
  }

  area() { this.#startDrawing("area", "Draw the area to be hidden throughout the clip"); }

  /** @param {NewKind} mode @param {string} text */
  #startDrawing(mode, text) {
    if (this.player.playing) this.player.pause();
    this.overlay.grabNew(mode);
    this.say(`${text}, or move the box with the arrow keys: Shift resizes it, Alt turns it, Enter places it.`);
  }

  /** Grabs the selected mask or sound, so that the arrow keys move it. */
  grab() {
    if (this.sounds.selected) {
      this.timeline.sound.grab(this.sounds.selected);
      this.say("Left and right move the sound, with Shift its end, with Alt its start. Enter places it, Esc cancels.");
      return;
    }
    const track = this.#outlined();
    if (!track) return;
    if (this.player.playing) this.player.pause();
    if (this.overlay.grab(track.id)) this.say("Arrow keys move the mask: Shift resizes it, Alt turns it, Ctrl moves it by single pixels. Enter places it, Esc cancels.");
    else this.say("The mask is not on this frame.");
  }

  /** Handles a key for the grabbed box or sound. Returns whether it was used. @param {KeyboardEvent} event */
  handleGrabbed(event) {
    const owner = [this.overlay, this.timeline.sound].find((each) => each.grabbed);
    if (!owner) return false;
    if (event.key === "Enter") owner.place();
    else if (event.key.startsWith("Arrow")) owner.nudge(event);
    else return false;
    return true;
  }

  /** A new box was drawn. @param {Drawn} drawn */
  async drawn({ box, angle = 0, frame, mode }) {
    const track = this.model.newId();
    const at = { box: this.limited(box), angle: rounded(angle) };
    if (mode === "area") {
      const last = this.model.info.frames - 1;
      this.recorder.make([{ op: "set-area", track, label: this.label, first: 0, last, ...at }]);
      this.selection.set([track]);
      return;
    }
    const last = Math.max(frame, this.player.frameAt(this.player.seconds(frame) + NEW_SECONDS));
    const [op] = this.recorder.make([{ op: "draw", track, label: this.label, frame, last, ...at }]);
    this.selection.set([track]);
    if (!(await this.queue.whenSaved([op.id]))) {
      this.say("The new mask is kept, but it cannot be tracked until the server can be reached. Press T then.");
      return;
    }
    await this.follow({ track, frame, ...at, direction: "on", seconds: NEW_SECONDS }, actOf(op.id));
  }

  /** A mask was moved. @param {Placed} placed */
  placed({ track, frame, box, angle }) {
    const known = this.model.tracks().get(track);
    const at = { box: this.limited(box), angle: rounded(angle) };
    if (known?.kind === "area") {
      const { label, first, last } = known;
      this.recorder.make([{ op: "set-area", track, label, first, last, ...at }]);
    } else {
      this.recorder.make([{ op: "keyframe", track, frame, ...at }]);
    }
  }

  /** A mask followed the mouse during playback: its boxes, with straight lines between them. @param {Followed} followed */
  followed({ track, rows }) {
    const known = [...rows].sort((a, b) => a[0] - b[0]);
    /** @type {PlacedBox[]} */
    const out = [];
    known.forEach(([frame, shape], i) => {
      const [from, was] = known[i - 1] ?? [frame, shape];
      for (let at = from + (i ? 1 : 0); at <= frame; at++) {
        const part = frame > from ? (at - from) / (frame - from) : 1;
        const [cx, cy, w, h, angle] = shape.map((value, j) => was[j] + (value - was[j]) * part);
        out.push([at, ...this.limited(edges([cx, cy, w, h, 0])), rounded(angle)]);
      }
    });
    const [frame, left, top, right, bottom, angle] = out[out.length - 1];
    this.recorder.make([...addBoxes(track, out), { op: "keyframe", track, frame, box: [left, top, right, bottom], angle }]);
    this.say(`The mask followed the mouse for ${counted(out.length, "frame")}.`);
  }

  keyframe() {
    const track = this.#outlined();
    if (!track) return;
    const { wanted: frame } = this.player;
    const shape = this.model.boxOf(track.id, frame) ?? this.model.nearestBox(track.id, frame);
    if (!shape) this.say("Go to a frame on which the mask is visible, then set the keyframe.");
    else this.placed({ track: track.id, frame, box: edges(shape), angle: shape[4] });
  }

  removeKeyframe() {
    const track = this.#track();
    if (!track) return;
    const { wanted: frame } = this.player;
    if (this.viewing.marks().includes(frame)) this.recorder.make([{ op: "remove-keyframe", track: track.id, frame }]);
    else this.say("There is no keyframe or end mark on this frame.");
  }

  outside() {
    const track = this.#outlined();
    if (track) this.recorder.make([{ op: "outside", track: track.id, frame: this.player.wanted }]);
  }

  startHere() {
    if (this.sounds.selected) this.sounds.trim("start");
    else this.#trim((track, frame) => [frame, Math.max(track.last, frame)]);
  }

  endHere() {
    if (this.sounds.selected) this.sounds.trim("end");
    else this.#trim((track, frame) => [Math.min(track.first, frame), frame]);
  }

  grow() { this.#resize(GROWTH); }
  shrink() { this.#resize(1 / GROWTH); }
  trackForwards() { this.#trackFrom("on"); }
  trackBackwards() { this.#trackFrom("back"); }

  merge() {
    const { ids, size } = this.selection;
    if (size >= 2) {
      const [track, ...others] = ids;
      this.recorder.make(others.map((other) => ({ op: "merge", track, other })));
      this.selection.set([track]);
    } else if (this.#track()) {
      this.selecting.pairing = (track, other) => {
        this.recorder.make([{ op: "merge", track, other }]);
        this.say("Merged.");
      };
      this.say("Select the other track of the same person or thing: click it, or go to it with Up and Down and press Ctrl+Space. Esc cancels.");
    }
  }

  /** Swaps two tracks that were confused when they passed each other, from this frame on. */
  swap() {
    const { ids, size } = this.selection;
    if (size === 2) {
      this.#exchange(ids);
    } else if (this.#track()) {
      this.selecting.pairing = (one, other) => this.#exchange([one, other]);
      this.say("Select the track that it was confused with: click it, or go to it with Up and Down and press Ctrl+Space. Esc cancels.");
    }
  }

  /** @param {number[]} ids */
  #exchange(ids) {
    const { wanted: frame } = this.player;
    const tracks = ids.map((id) => this.model.tracks().get(id));
    if (!tracks.every((track) => track?.kind === "object" && track.first < frame && frame <= track.last)) {
      this.say("Both tracks must cover this frame and the one before: go to the first frame on which they are confused.");
      return;
    }
    const later = ids.map(() => this.model.newId());
    this.recorder.make([
      ...ids.map((track, i) => /** @type {Edit} */ ({ op: "split", track, frame, new: later[i] })),
      ...ids.map((track, i) => /** @type {Edit} */ ({ op: "merge", track, other: later[1 - i] })),
    ]);
    this.say("Swapped from this frame on.");
  }

  split() {
    const track = this.#track();
    if (!track) return;
    const { wanted: frame } = this.player;
    if (frame <= track.first || frame > track.last) {
      this.say("A track can only be split after its first frame and up to its last.");
      return;
    }
    const id = this.model.newId();
    this.recorder.make([{ op: "split", track: track.id, frame, new: id }]);
    this.selection.set([id]);
    this.say("Split: a new track starts on this frame.");
  }

  /** Rejects the selected masks, or removes the selected sound. Returns whether masks were rejected. */
  async remove() {
    const ids = this.selection.ids.filter((id) => this.model.tracks().get(id)?.deleted === null);
    if (this.selection.sound !== null) {
      await this.sounds.remove();
      return false;
    }
    if (!ids.length) {
      this.say("Select a track first.");
      return false;
    }
    const title = ids.length > 1 ? `Reject ${ids.length} masks?` : "Reject this mask?";
    const reason = await askReason(this.root, { title, act: "Reject" });
    if (reason) this.recorder.make(ids.map((track) => ({ op: "delete", track, reason })));
    return Boolean(reason);
  }

  restore() {
    const rejected = this.selection.ids.filter((id) => (this.model.tracks().get(id)?.deleted ?? null) !== null);
    this.recorder.make(rejected.map((track) => ({ op: "restore", track })));
  }

  /** Sets the class of the selected tracks; asks for it if none is given. @param {string | null} label */
  async setClass(label) {
    const chosen = label ?? (await askText(this.root, { title: "Class of the selected tracks", label: "Class", act: "Set class" }));
    if (chosen) this.recorder.make(this.#live().map(({ id }) => ({ op: "set-class", track: id, label: chosen })));
    else this.changed();
  }

  link() {
    if (this.selection.size >= 2) this.recorder.make([{ op: "link", tracks: [...this.selection.ids] }]);
    else this.say("Select two or more tracks of the same person with Ctrl+click.");
  }

  unlink() {
    const track = this.#track();
    if (track) this.recorder.make([{ op: "unlink", track: track.id }]);
  }

  hideFrames() {
    const track = this.model.newId();
    const first = this.player.wanted;
    const last = Math.max(first, this.player.frameAt(this.player.seconds(first) + NEW_SECONDS));
    this.recorder.make([{ op: "hide-frames", track, first, last }]);
    this.selection.set([track]);
    this.say("The whole picture is hidden for three seconds. Trim it with “Start here” and “End here”.");
  }

  /**
   * Lets the tracker follow a box. The boxes found are added to the track, as part of `act` if one is given.
   * @param {FollowRequest} request @param {string} [act]
   */
  async follow(request, act) {
    this.say("Tracking…");
    /** @type {PlacedBox[]} */
    let rows;
    try {
      /** @type {{ rows: PlacedBox[] }} */
      const answer = await this.api.post("/follow", request);
      rows = answer.rows;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say(`The mask could not be tracked. ${error.message}`);
      return;
    }
    if (!rows.length) {
      this.say("The mask could not be tracked from here. Set keyframes by hand.");
      return;
    }
    this.recorder.make(addBoxes(request.track, rows), act);
    this.say(`Tracked for ${counted(rows.length, "frame")}.`);
  }

  /** A box within the server's limits: at most a picture's size outside the picture, at least a pixel wide and high. @param {Box} box @returns {Box} */
  limited([left, top, right, bottom]) {
    const { width, height } = this.model.info;
    const [l, t] = [clamp(left, -width, 2 * width - 1), clamp(top, -height, 2 * height - 1)];
    const [r, b] = [clamp(right, l + 1, 2 * width), clamp(bottom, t + 1, 2 * height)];
    return [rounded(l), rounded(t), rounded(r), rounded(b)];
  }

  /** The selected tracks that hide something. */
  #live() {
    const tracks = this.selection.ids.map((id) => this.model.tracks().get(id));
    return tracks.filter((track) => track !== undefined).filter((track) => track.deleted === null);
  }

  /** The main track. Shows a message if there is none. */
  #track() {
    const { main } = this.selection;
    const track = main === null ? null : (this.model.tracks().get(main) ?? null);
    if (!track) this.say("Select a track first: click a mask or a lane.");
    return track;
  }

  /** The main track if it has an outline. Otherwise shows a message. */
  #outlined() {
    const track = this.#track();
    if (track?.kind !== "frame") return track;
    this.say("This hides the whole picture. Trim it with “Start here” and “End here”.");
    return null;
  }

  /** @param {(track: Track, frame: number) => [number, number]} span */
  #trim(span) {
    const track = this.#track();
    if (!track) return;
    const [first, last] = span(track, this.player.wanted);
    this.recorder.make([{ op: "set-span", track: track.id, first, last }]);
  }

  /** Resizes all selected masks. Consecutive key presses become one edit of each mask. @param {number} factor */
  #resize(factor) {
    if (!this.#track()) return;
    const tracks = this.#live().filter((track) => track.kind !== "frame").map((track) => track.id);
    if (!tracks.length) {
      this.say("Only masks of a part of the picture can be resized.");
      return;
    }
    const { draft } = this.model;
    const same = draft !== null && draft.length === tracks.length && draft.every((op) => tracks.includes(op.track));
    if (draft && !same) this.recorder.finishDraft();
    const total = clamp((same ? draft[0].factor : 1) * factor, 1 / MOST_GROWTH, MOST_GROWTH);
    this.recorder.draft(tracks.map((track) => ({ op: "resize", track, factor: total })));
  }

  /** @param {FollowRequest["direction"]} direction */
  async #trackFrom(direction) {
    const track = this.#outlined();
    if (!track) return;
    const { wanted: frame } = this.player;
    const shape = this.model.boxOf(track.id, frame);
    if (!shape) {
      this.say("The mask is not on this frame: set a keyframe first.");
      return;
    }
    const at = { box: this.limited(edges(shape)), angle: rounded(shape[4]) };
    await this.follow({ track: track.id, frame, ...at, direction, seconds: FOLLOW_SECONDS });
  }
}
