// Hiding spans of sound.

import { clamp } from "../model/geometry.js";
import { askReason } from "../view/dialogs.js";

/** @import { Shared, SoundSpan } from "../types.js" */
/** @import { EditRecorder } from "./edit_recorder.js" */

const NEW_SECONDS = 3;
const SHORTEST = 0.01;

/** Rounds to milliseconds, not below zero. @param {number} seconds */
const rounded = (seconds) => Math.round(Math.max(seconds, 0) * 1000) / 1000;

export class SoundCommands {
  /** @param {Pick<Shared, "root" | "model" | "player" | "selection" | "say"> & { recorder: EditRecorder, go: (frame: number) => void }} shared */
  constructor({ root, model, player, selection, say, recorder, go }) {
    this.root = root;
    this.model = model;
    this.player = player;
    this.selection = selection;
    this.say = say;
    this.recorder = recorder;
    this.go = go;
  }

  /** The selected span. */
  get selected() {
    const { sound } = this.selection;
    return sound === null ? null : (this.model.sounds().get(sound) ?? null);
  }

  /** @param {{ start: number, end: number }} span */
  add({ start, end }) {
    const span = this.model.newId();
    this.recorder.make([{ op: "add-sound", span, start: rounded(start), end: rounded(end), effect: "mute" }]);
    this.selection.pickSound(span);
  }

  /** @param {SoundSpan} span */
  change({ id, start, end, effect }) {
    this.recorder.make([{ op: "change-sound", span: id, start: rounded(start), end: rounded(end), effect }]);
  }

  /** Hides the sound for three seconds from the frame on the screen. */
  hideSound() {
    if (!this.model.info.sound) {
      this.say("This clip has no sound.");
      return;
    }
    const start = this.player.seconds(this.player.wanted);
    this.add({ start, end: Math.min(start + NEW_SECONDS, Math.max(this.player.end, start + SHORTEST)) });
    this.say("Sound hidden for three seconds from here. Press [ and ] to trim it, G to move it.");
  }

  nextSound() { this.#neighbour(1); }
  previousSound() { this.#neighbour(-1); }

  /** Makes the selected span start, or end, at the frame on the screen. @param {"start" | "end"} side */
  trim(side) {
    if (!this.selected) return;
    const at = this.player.seconds(this.player.wanted);
    const span = { ...this.selected, [side]: at };
    if (span.end - span.start < SHORTEST) this.say("A sound must end after it starts: go to another frame first.");
    else this.change(span);
  }

  async remove() {
    const { sound: span } = this.selection;
    if (span === null) return;
    const reason = await askReason(this.root, { title: "Stop hiding this sound?", act: "Remove" });
    if (!reason) return;
    this.recorder.make([{ op: "remove-sound", span, reason }]);
    this.selection.set([]);
  }

  /** @param {number} by */
  #neighbour(by) {
    const all = [...this.model.sounds().values()].sort((a, b) => a.start - b.start || a.id - b.id);
    if (!all.length) {
      this.say("No sound is hidden yet. B hides it from here.");
      return;
    }
    const at = all.findIndex((span) => span.id === this.selection.sound);
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : clamp(at + by, 0, all.length - 1);
    this.selection.pickSound(all[next].id);
    this.go(this.player.frameAt(all[next].start));
  }
}
