// The selected tracks, or one span of sound. The track selected last is the main one: commands for one track act on it.

import { Emitter } from "./emitter.js";

/** @extends {Emitter<{ change: undefined }>} */
export class Selection extends Emitter {
  constructor() {
    super();
    /** @type {number[]} */
    this.ids = [];
    /** @type {number | null} a span of sound; then no track is selected */
    this.sound = null;
  }

  get size() {
    return this.ids.length;
  }

  get main() {
    return this.ids.at(-1) ?? null;
  }

  /** @param {number} id */
  has(id) {
    return this.ids.includes(id);
  }

  /** @param {number[]} ids */
  set(ids) {
    [this.ids, this.sound] = [[...ids], null];
    this.emit("change");
  }

  /** `more` adds the track to the selection, or removes it. @param {number | null} id @param {boolean} more */
  pick(id, more) {
    if (id === null) this.set([]);
    else if (!more) this.set([id]);
    else this.set(this.has(id) ? this.ids.filter((each) => each !== id) : [...this.ids, id]);
  }

  /** @param {number} span */
  pickSound(span) {
    [this.ids, this.sound] = [[], span];
    this.emit("change");
  }
}
