// The edits that can be undone and redone.

/** @import { Edit, LoggedEdit } from "../types.js" */
/** @typedef {{ name: string, ids: string[] }} Act */

/** The part of an edit's id that all edits of one act share. @param {string} id */
export const actOf = (id) => id.split("_")[0];

/** Edits of one act are undone and redone together. */
export class History {
  constructor() {
    /** @type {Act[]} */
    this.done = [];
    /** @type {Act[]} */
    this.undone = [];
    /** @type {Set<string>} */
    this.known = new Set();
  }

  /** Adds an edit, which may be an "undo" or "redo". Call this in the order of the edits. @param {LoggedEdit} op */
  push(op) {
    if (this.known.has(op.id)) return;
    this.known.add(op.id);
    if (op.op === "undo" || op.op === "redo") {
      const [from, to] = op.op === "undo" ? [this.done, this.undone] : [this.undone, this.done];
      const at = from.findIndex((act) => act.ids.includes(op.edit));
      if (at >= 0) to.push(...from.splice(at, 1));
      return;
    }
    const last = this.done.at(-1);
    const name = actOf(op.id);
    if (last?.name === name) {
      last.ids.push(op.id);
    } else {
      this.done.push({ name, ids: [op.id] });
      this.undone = [];
    }
  }

  /** Removes edits that were not recorded. @param {string[]} ids */
  forget(ids) {
    /** @param {Act[]} acts */
    const keep = (acts) =>
      acts.map((act) => ({ ...act, ids: act.ids.filter((id) => !ids.includes(id)) })).filter((act) => act.ids.length);
    [this.done, this.undone] = [keep(this.done), keep(this.undone)];
  }

  /** Starts again from the acts of another history. @param {History} other */
  replace({ done, undone, known }) {
    [this.done, this.undone, this.known] = [done, undone, known];
  }

  /** The edits that undo the last act, or null. They take effect here once pushed. @returns {Edit[] | null} */
  undo() {
    const act = this.done.at(-1);
    return act ? [...act.ids].reverse().map((edit) => ({ op: "undo", edit })) : null;
  }

  /** @returns {Edit[] | null} */
  redo() {
    const act = this.undone.at(-1);
    return act ? act.ids.map((edit) => ({ op: "redo", edit })) : null;
  }
}
