// What can be undone and done again.

/** What can be taken back: edits of one act share what stands before the "_" of their ids, and go together. */
export class History {
  constructor() {
    this.done = [];
    this.undone = [];
    this.known = new Set();
  }

  /** One edit with its id, in the order they were made, undoing and redoing among them. */
  push(op) {
    if (this.known.has(op.id)) return;
    this.known.add(op.id);
    const name = (id) => id.split("_")[0];
    if (op.op === "undo" || op.op === "redo") {
      const [from, to] = op.op === "undo" ? [this.done, this.undone] : [this.undone, this.done];
      const at = from.findIndex((act) => act.ids.includes(op.edit));
      if (at >= 0) to.push(...from.splice(at, 1));
      return;
    }
    const last = this.done.at(-1);
    if (last?.name === name(op.id)) {
      last.ids.push(op.id);
    } else {
      this.done.push({ name: name(op.id), ids: [op.id] });
      this.undone = [];
    }
  }

  /** These were not recorded after all. */
  forget(ids) {
    const keep = (acts) =>
      acts.map((act) => ({ ...act, ids: act.ids.filter((id) => !ids.includes(id)) })).filter((act) => act.ids.length);
    [this.done, this.undone] = [keep(this.done), keep(this.undone)];
  }

  /** Bodies of the edits that undo the last act, or null. They take effect here when they are pushed. */
  undo() {
    const act = this.done.at(-1);
    return act ? [...act.ids].reverse().map((edit) => ({ op: "undo", edit })) : null;
  }

  redo() {
    const act = this.undone.at(-1);
    return act ? act.ids.map((edit) => ({ op: "redo", edit })) : null;
  }
}
