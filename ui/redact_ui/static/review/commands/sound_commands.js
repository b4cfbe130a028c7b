// What is done with the sound: spans that are not to be heard.

import { askReason } from "../view/dialogs.js";
import { clamp } from "../view/dom.js";

const NEW_SECONDS = 3;
const SHORTEST = 0.01;

const ms = (seconds) => Math.round(Math.max(seconds, 0) * 1000) / 1000;

/** `make(bodies)` records edits; `go(frame)` shows a frame. */
export class SoundActs {
  constructor({ root, model, player, selection, say, make, go }) {
    Object.assign(this, { root, model, player, selection, say, make, go });
  }

  add({ start, end }) {
    const span = this.model.newId();
    this.make([{ op: "add-sound", span, start: ms(start), end: ms(end), effect: "mute" }]);
    this.selection.pickSound(span);
  }

  change({ span, start, end, effect }) {
    this.make([{ op: "change-sound", span, start: ms(start), end: ms(end), effect }]);
  }

  /** From the frame on show, for three seconds. */
  hideSound() {
    if (!this.model.info.sound) {
      this.say("There is no sound in this clip.");
      return;
    }
    const start = this.player.seconds(this.player.wanted);
    this.add({ start, end: Math.min(start + NEW_SECONDS, Math.max(this.player.end, start + SHORTEST)) });
    this.say("Sound hidden from here for three seconds. [ and ] trim it, G moves it.");
  }

  nextSound() { this.#neighbour(1); }
  previousSound() { this.#neighbour(-1); }

  get chosen() {
    return this.model.sounds().get(this.selection.sound) ?? null;
  }

  /** The chosen span begins, or ends, at the frame on show. */
  trim(side) {
    const { id: span, effect, ...times } = this.chosen;
    const at = this.player.seconds(this.player.wanted);
    const [start, end] = side === "start" ? [at, times.end] : [times.start, at];
    if (end - start < SHORTEST) this.say("A sound ends after it starts: go to another frame first.");
    else this.change({ span, start, end, effect });
  }

  async remove() {
    const span = this.selection.sound;
    const reason = await askReason(this.root, { title: "Let this sound be heard?", act: "Remove" });
    if (!reason) return;
    this.make([{ op: "remove-sound", span, reason }]);
    this.selection.set([]);
  }

  #neighbour(by) {
    const all = [...this.model.sounds().values()].sort((a, b) => a.start - b.start || a.id - b.id);
    if (!all.length) {
      this.say("No sound is hidden yet: B hides it from here.");
      return;
    }
    const at = all.findIndex((span) => span.id === this.selection.sound);
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : clamp(at + by, 0, all.length - 1);
    this.selection.pickSound(all[next].id);
    this.go(this.player.frameAt(all[next].start));
  }
}
