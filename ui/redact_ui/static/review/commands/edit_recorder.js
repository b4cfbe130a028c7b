// Makes edits: each is shown at once, kept for undo, and sent.

/** @import { Edit, LoggedEdit, ResizeEdit, Shared } from "../types.js" */
/** @import { History } from "../model/history.js" */

const DRAFT_PAUSE = 350; // ms without a key press after which resizing becomes one edit

/** A new name for an act. The edits of one act are undone together. */
export const newAct = () =>
  [...crypto.getRandomValues(new Uint8Array(10))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export class EditRecorder {
  /** @param {Pick<Shared, "model" | "queue" | "say" | "changed"> & { history: History }} shared */
  constructor({ model, queue, history, say, changed }) {
    this.model = model;
    this.queue = queue;
    this.history = history;
    this.say = say;
    this.changed = changed;
    /** @type {Map<string, number>} the number of edits of each act */
    this.acts = new Map();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {(edit: string) => void} called with the id of each undone edit */
    this.onUndone = () => undefined;
  }

  /** Records edits as one act, or as a later part of `act`. @param {Edit[]} edits @param {string} [act] @returns {LoggedEdit[]} */
  make(edits, act = newAct()) {
    this.finishDraft();
    if (!edits.length) return [];
    const from = this.acts.get(act) ?? 0;
    this.acts.set(act, from + edits.length);
    const ops = edits.map((edit, i) => ({ id: `${act}_${i + from}`, ...edit }));
    for (const op of ops) {
      this.model.add(op);
      this.history.push(op);
      if (op.op === "undo") this.onUndone(op.edit);
    }
    this.queue.add(ops);
    this.changed();
    return ops;
  }

  /** Shows edits that become final after a short pause. @param {ResizeEdit[]} edits */
  draft(edits) {
    this.model.setDraft(edits);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.finishDraft(), DRAFT_PAUSE);
    this.changed();
  }

  finishDraft() {
    const { draft } = this.model;
    clearTimeout(this.timer);
    if (!draft) return;
    this.model.setDraft(null);
    if (Math.abs(draft[0].factor - 1) > 1e-9) this.make(draft.map((op) => ({ ...op, factor: Math.round(op.factor * 1e4) / 1e4 })));
    else this.changed();
  }

  undo() {
    this.finishDraft();
    const edits = this.history.undo();
    if (edits) this.make(edits);
    this.say(edits ? "Undone." : "There is nothing to undo.");
  }

  redo() {
    this.finishDraft();
    const edits = this.history.redo();
    if (edits) this.make(edits);
    this.say(edits ? "Redone." : "There is nothing to redo.");
  }
}

