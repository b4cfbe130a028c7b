// Footage, storage and window for tests of models and queues.

/** @import { FootageInfo } from "../../ui/redact_ui/static/review/types.js" */

/** @param {Partial<FootageInfo>} [values] @returns {FootageInfo} */
export const footage = (values = {}) => ({
  id: 7, name: "bodycam.mp4", exhibits: [{ case: "FOI-1", reference: "AB1" }], width: 640, height: 480, proxy_width: 640,
  proxy_height: 480, frames: 200, time_base: [1, 25], start: 0, tracks_id: 3, revision: 0, cuts: [], sound: true,
  recorded_start: null, user: "rita", may_edit: true, ...values,
});

/** A browser's storage, in memory. @implements {Storage} */
export class MemoryStorage {
  constructor() {
    /** @type {Map<string, string>} */
    this.values = new Map();
  }

  get length() {
    return this.values.size;
  }

  /** @param {number} index */
  key(index) {
    return [...this.values.keys()][index] ?? null;
  }

  /** @param {string} key */
  getItem(key) {
    return this.values.get(key) ?? null;
  }

  /** @param {string} key @param {string} value */
  setItem(key, value) {
    this.values.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.values.delete(key);
  }

  clear() {
    this.values.clear();
  }
}

/** Makes `window` an event target, which is all the modules under test need. */
export function installWindow() {
  Object.assign(globalThis, { window: new EventTarget() });
}
