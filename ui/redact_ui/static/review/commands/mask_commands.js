// What the keys and buttons do. Every act becomes edits that go to the queue, and is shown at once.

import { newAct } from "./copy_commands.js";
import { askReason, askText, showHelp } from "../view/dialogs.js";
import { clamp, counted } from "../view/dom.js";
import { ApiError } from "../model/edit_queue.js";
import { edges } from "../model/track_model.js";

const NEW_SECONDS = 3;
const FOLLOW_SECONDS = 3;
const GROWTH = 1.1;
const MOST_GROWTH = 4;
const GROWING_PAUSE = 350; // ms without a press until growing is one edit
const ROWS_AT_ONCE = 20000;

const rounded = (value) => Math.round(value * 100) / 100;

export class Actions {
  /**
   * `parts`: root, model, player, overlay, timeline, selection, queue, api, history, choosing, sounds, checking;
   * `say(words)`; `changed()`.
   */
  constructor(parts) {
    Object.assign(this, parts);
    this.label = "face";
    this.acts = new Map(); // of those that grow: how many edits they have
  }

  // Moving.
  toggle() { this.player.toggle(); }
  back() { this.player.step(-1); }
  on() { this.player.step(1); }
  back10() { this.player.step(-10); }
  on10() { this.player.step(10); }
  slower() { this.player.faster(-1); }
  faster() { this.player.faster(1); }
  trackStart() { this.go(this.#track(false)?.first ?? 0); }
  trackEnd() { this.go(this.#track(false)?.last ?? this.model.info.frames - 1); }

  previousKeyframe() {
    const frame = this.#marks().findLast((each) => each < this.player.wanted);
    if (frame === undefined) this.say("No keyframe before this frame.");
    else this.go(frame);
  }

  nextKeyframe() {
    const frame = this.#marks().find((each) => each > this.player.wanted);
    if (frame === undefined) this.say("No keyframe after this frame.");
    else this.go(frame);
  }

  help() { showHelp(this.root); }

  cancel() {
    this.choosing.pairing = null;
    const held = this.timeline.sound.cancel();
    if (!this.overlay.cancel() && !held) this.selection.set([]);
    this.say("");
  }

  // Masks.
  async draw() {
    if (this.checking.isAtSuspect) await this.checking.maskSuspect();
    else this.#take("draw", "Draw a box about what is to be hidden");
  }

  area() { this.#take("area", "Draw the area that is to be hidden throughout the clip"); }

  #take(mode, words) {
    if (this.player.playing) this.player.pause();
    this.overlay.holdNew(mode);
    this.say(`${words}, or move the box with the arrow keys: Shift resizes, Alt turns, Enter sets it.`);
  }

  /** Takes the chosen mask, or sound, in hand: then the arrow keys move it. */
  grab() {
    if (this.sounds.chosen) {
      this.timeline.sound.hold(this.sounds.chosen);
      this.say("Left and right move the sound, with Shift its end, with Alt its start. Enter sets it, Esc lets go.");
      return;
    }
    const track = this.#track();
    if (!track || this.#isWhole(track)) return;
    if (this.player.playing) this.player.pause();
    if (this.overlay.hold(track.id)) this.say("Arrow keys move the mask: Shift resizes, Alt turns, Ctrl goes by pixels. Enter sets it, Esc lets go.");
    else this.say("The mask is not on this frame.");
  }

  /** Keys for what is in hand; true if this was one of them. */
  inHand(event) {
    const hand = [this.overlay, this.timeline.sound].find((each) => each.held);
    if (!hand) return false;
    if (event.key === "Enter") hand.put();
    else if (event.key.startsWith("Arrow")) hand.nudge(event);
    else return false;
    return true;
  }

  async drawn({ box, angle = 0, frame, mode }) {
    const track = this.model.newId();
    const placed = this.box(box);
    if (mode === "area") {
      const last = this.model.info.frames - 1;
      this.make([{ op: "set-area", track, label: this.label, first: 0, last, box: placed, angle: rounded(angle) }]);
      this.selection.set([track]);
      return;
    }
    const last = Math.max(frame, this.player.frameAt(this.player.seconds(frame) + NEW_SECONDS));
    const [op] = this.make([{ op: "draw", track, label: this.label, frame, last, box: placed, angle: rounded(angle) }]);
    this.selection.set([track]);
    if (!(await this.queue.whenSaved([op.id]))) {
      this.say("The new mask is kept. It is not followed until the server can be reached: press T then.");
      return;
    }
    await this.follow({ track, frame, box: placed, angle: rounded(angle), direction: "on", seconds: NEW_SECONDS, act: op.id.split("_")[0] });
  }

  placed({ track, frame, box, angle }) {
    const known = this.model.tracks().get(track);
    const at = { box: this.box(box), angle: rounded(angle) };
    if (known?.kind === "area") {
      const { label, first, last } = known;
      this.make([{ op: "set-area", track, label, first, last, ...at }]);
    } else {
      this.make([{ op: "keyframe", track, frame, ...at }]);
    }
  }

  /** A mask was led by the mouse while the clip played: its places, with straight lines between them. */
  followed({ track, rows }) {
    const known = [...rows].sort((a, b) => a[0] - b[0]);
    const out = [];
    known.forEach(([frame, box], i) => {
      const [from, was] = known[i - 1] ?? [frame, box];
      for (let f = from + (i ? 1 : 0); f <= frame; f++) {
        const part = frame > from ? (f - from) / (frame - from) : 1;
        const between = box.map((value, j) => was[j] + (value - was[j]) * part);
        out.push([f, ...this.box(edges(between)), rounded(between[4])]);
      }
    });
    const [last, ...place] = out.at(-1);
    const pieces = this.#addBoxes(track, out);
    this.make([...pieces, { op: "keyframe", track, frame: last, box: place.slice(0, 4), angle: place[4] }]);
    this.say(`The mask followed the mouse for ${counted(out.length, "frame")}.`);
  }

  keyframe() {
    const [track, frame] = [this.#track(), this.player.wanted];
    if (!track || this.#isWhole(track)) return;
    const box = this.model.boxOf(track.id, frame) ?? this.model.nearestBox(track.id, frame);
    if (!box) this.say("Go to where the mask can be seen, then set the keyframe.");
    else this.placed({ track: track.id, frame, box: edges(box), angle: box[4] });
  }

  removeKeyframe() {
    const [track, frame] = [this.#track(), this.player.wanted];
    if (!track) return;
    if (this.#marks().includes(frame)) this.make([{ op: "remove-keyframe", track: track.id, frame }]);
    else this.say("There is no keyframe or end on this frame.");
  }

  outside() {
    const track = this.#track();
    if (track && !this.#isWhole(track)) this.make([{ op: "outside", track: track.id, frame: this.player.wanted }]);
  }

  startsHere() {
    if (this.sounds.chosen) this.sounds.trim("start");
    else this.#span((track, frame) => [frame, Math.max(track.last, frame)]);
  }

  endsHere() {
    if (this.sounds.chosen) this.sounds.trim("end");
    else this.#span((track, frame) => [Math.min(track.first, frame), frame]);
  }

  grow() { this.#resize(GROWTH); }
  shrink() { this.#resize(1 / GROWTH); }
  trackOn() { this.#trackFrom("on"); }
  trackBack() { this.#trackFrom("back"); }

  merge() {
    const { ids, size } = this.selection;
    if (size >= 2) {
      const [track, ...others] = ids;
      this.make(others.map((other) => ({ op: "merge", track, other })));
      this.selection.set([track]);
    } else if (this.#track()) {
      this.choosing.pairing = (track, other) => {
        this.make([{ op: "merge", track, other }]);
        this.say("Merged.");
      };
      this.say("Choose the track that is the same one: click it, or go there with Up and Down and press Ctrl+Space. Esc lets go.");
    }
  }

  /** Two that passed one another and were taken for each other: from here on each is the other. */
  swap() {
    const { ids, size } = this.selection;
    if (size === 2) {
      this.#exchange(...ids);
    } else if (this.#track()) {
      this.choosing.pairing = (one, other) => this.#exchange(one, other);
      this.say("Choose the track that it was mixed up with: click it, or go there with Up and Down and press Ctrl+Space. Esc lets go.");
    }
  }

  #exchange(...ids) {
    const { wanted: frame } = this.player;
    const tracks = ids.map((id) => this.model.tracks().get(id));
    if (!tracks.every((track) => track?.kind === "object" && track.first < frame && frame <= track.last)) {
      this.say("Both tracks have to lie on both sides of this frame: go to the first one on which they are mixed up.");
      return;
    }
    const later = ids.map(() => this.model.newId());
    this.make([
      ...ids.map((track, i) => ({ op: "split", track, frame, new: later[i] })),
      ...ids.map((track, i) => ({ op: "merge", track, other: later[1 - i] })),
    ]);
    this.say("Swapped: from this frame on, each is the other.");
  }

  split() {
    const [track, frame] = [this.#track(), this.player.wanted];
    if (!track) return;
    if (frame <= track.first || frame > track.last) {
      this.say("A track is split between its first and its last frame.");
      return;
    }
    const fresh = this.model.newId();
    this.make([{ op: "split", track: track.id, frame, new: fresh }]);
    this.selection.set([fresh]);
    this.say("Split: this frame is the first of a new track.");
  }

  async remove() {
    const ids = this.selection.ids.filter((id) => this.model.tracks().get(id)?.deleted === null);
    if (this.selection.sound !== null) {
      await this.sounds.remove();
    } else if (!ids.length) {
      this.say("Choose a track first.");
    } else {
      const title = ids.length > 1 ? `Reject ${ids.length} masks?` : "Reject this mask?";
      const reason = await askReason(this.root, { title, act: "Reject" });
      if (reason) this.make(ids.map((track) => ({ op: "delete", track, reason })));
      return Boolean(reason);
    }
    return false;
  }

  restore() {
    const gone = this.selection.ids.filter((id) => (this.model.tracks().get(id)?.deleted ?? null) !== null);
    this.make(gone.map((track) => ({ op: "restore", track })));
  }

  async setClass(label) {
    const chosen = label ?? (await askText(this.root, { title: "Class of what is hidden", label: "Class", act: "Set" }));
    if (chosen) this.make(this.#live().map(({ id }) => id).map((track) => ({ op: "set-class", track, label: chosen })));
    else this.changed();
  }

  link() {
    if (this.selection.size >= 2) this.make([{ op: "link", tracks: [...this.selection.ids] }]);
    else this.say("Choose two or more tracks of the same person: Ctrl+click.");
  }

  unlink() {
    const track = this.#track();
    if (track) this.make([{ op: "unlink", track: track.id }]);
  }

  hideFrames() {
    const track = this.model.newId();
    const first = this.player.wanted;
    const last = Math.max(first, this.player.frameAt(this.player.seconds(first) + NEW_SECONDS));
    this.make([{ op: "hide-frames", track, first, last }]);
    this.selection.set([track]);
    this.say("The whole picture is hidden for three seconds. Trim it with “Starts here” and “Ends here”.");
  }

  // Taking back.
  undo() {
    this.#settleGrowth();
    const bodies = this.history.undo();
    if (bodies) this.make(bodies);
    this.say(bodies ? "Undone." : "There is nothing to undo.");
  }

  redo() {
    this.#settleGrowth();
    const bodies = this.history.redo();
    if (bodies) this.make(bodies);
    this.say(bodies ? "Done again." : "There is nothing to redo.");
  }

  /** Edits of one act: shown, written down and sent. More of an `act` that there is go on where it ended. */
  make(bodies, act = newAct()) {
    this.#settleGrowth();
    if (!bodies.length) return [];
    const from = this.acts.get(act) ?? 0;
    this.acts.set(act, from + bodies.length);
    const ops = bodies.map((body, i) => ({ id: `${act}_${i + from}`, ...body }));
    for (const op of ops) {
      this.model.add(op);
      this.history.push(op);
      if (op.op === "undo") this.checking.undone(op.edit);
    }
    this.queue.add(ops);
    this.changed();
    return ops;
  }

  /** The chosen tracks that hide something. */
  #live() {
    return this.selection.ids.map((id) => this.model.tracks().get(id)).filter((track) => track && track.deleted === null);
  }

  #track(aloud = true) {
    const track = this.model.tracks().get(this.selection.main) ?? null;
    if (!track && aloud) this.say("Choose a track first: click a mask or a lane.");
    return track;
  }

  #isWhole(track) {
    if (track.kind === "frame") this.say("This hides the whole picture. Trim it with “Starts here” and “Ends here”.");
    return track.kind === "frame";
  }

  #marks() {
    const track = this.#track(false);
    return track ? [...track.keyframes, ...track.outsides].sort((a, b) => a - b) : [];
  }

  go(frame) {
    if (this.player.playing) this.player.pause();
    this.player.show(frame);
  }

  #span(ends) {
    const track = this.#track();
    if (!track) return;
    const [first, last] = ends(track, this.player.wanted);
    this.make([{ op: "set-span", track: track.id, first, last }]);
  }

  /** All that is chosen. Presses in a row are one edit of each mask. */
  #resize(factor) {
    if (!this.#track()) return;
    const tracks = this.#live().filter((track) => track.kind !== "frame").map((track) => track.id);
    if (!tracks.length) {
      this.say("Only masks that hide a part of the picture can be grown.");
      return;
    }
    const { draft } = this.model;
    const same = draft !== null && draft.length === tracks.length && draft.every((op) => tracks.includes(op.track));
    if (draft && !same) this.#settleGrowth();
    const all = clamp((same ? draft[0].factor : 1) * factor, 1 / MOST_GROWTH, MOST_GROWTH);
    this.model.setDraft(tracks.map((track) => ({ op: "resize", track, factor: all })));
    clearTimeout(this.growing);
    this.growing = setTimeout(() => this.#settleGrowth(), GROWING_PAUSE);
    this.changed();
  }

  #settleGrowth() {
    const { draft } = this.model;
    clearTimeout(this.growing);
    if (!draft) return;
    this.model.setDraft(null);
    if (Math.abs(draft[0].factor - 1) > 1e-9) this.make(draft.map((op) => ({ ...op, factor: Math.round(op.factor * 1e4) / 1e4 })));
    else this.changed();
  }

  async #trackFrom(direction) {
    const [track, frame] = [this.#track(), this.player.wanted];
    if (!track || this.#isWhole(track)) return;
    const box = this.model.boxOf(track.id, frame);
    if (!box) {
      this.say("The mask is not on this frame: set a keyframe first.");
      return;
    }
    await this.follow({ track: track.id, frame, box: this.box(edges(box)), angle: rounded(box[4]), direction, seconds: FOLLOW_SECONDS });
  }

  /** The tracker's answer becomes boxes of the track, as part of `act` if one is named. */
  async follow({ act, ...question }) {
    this.say("Following…");
    let answer;
    try {
      answer = await this.api.post("/follow", question);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say(`It could not be followed. ${error.message}`);
      return;
    }
    if (!answer.rows.length) {
      this.say("It could not be followed from here: set keyframes by hand.");
      return;
    }
    this.make(this.#addBoxes(question.track, answer.rows), act);
    this.say(`Followed for ${counted(answer.rows.length, "frame")}.`);
  }

  #addBoxes(track, rows) {
    const pieces = [];
    for (let i = 0; i < rows.length; i += ROWS_AT_ONCE) {
      pieces.push({ op: "add-boxes", track, rows: rows.slice(i, i + ROWS_AT_ONCE) });
    }
    return pieces;
  }

  /** Within what the server takes: as far out of the picture as the picture is wide, and a pixel at least. */
  box([left, top, right, bottom]) {
    const { width, height } = this.model.info;
    const [l, t] = [clamp(left, -width, 2 * width - 1), clamp(top, -height, 2 * height - 1)];
    const [r, b] = [clamp(right, l + 1, 2 * width), clamp(bottom, t + 1, 2 * height)];
    return [l, t, r, b].map(rounded);
  }
}
