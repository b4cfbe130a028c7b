// Working through the risk queue: each item is settled by one key.

import { askReason } from "../view/dialogs.js";

const ACCEPTED = "Looked at and in order";
const MOST_FOLLOWED = 10; // seconds, as the server has it

export class Checking {
  constructor({ root, model, player, selection, risks, queue, say }) {
    Object.assign(this, { root, model, player, selection, risks, queue, say });
    this.masked = new Map(); // act to the suspect that it made a mask of
  }

  nextRisk() {
    if (!this.risks.next()) this.say(this.risks.loaded ? "Nothing is left to check." : "Looking for what to check…");
  }

  /** The item that is looked at is in order; with several tracks chosen, so are all items of theirs. */
  accept() {
    const { item } = this.risks;
    const chosen = this.selection.size > 1 ? this.risks.open.filter((each) => this.selection.has(each.track)) : [];
    const items = [...new Set([...(item ? [item] : []), ...chosen])];
    this.#settle(items, ACCEPTED);
    this.nextRisk();
    if (items.length > 1) this.say(`${items.length} items are in order.`);
  }

  /** The mask, or what is no mask: a suspect, a damaged picture. Both need a reason. */
  async reject() {
    const { item } = this.risks;
    const bare = item && (item.track ?? null) === null && !this.selection.size && this.selection.sound === null;
    if (bare) {
      const reason = await askReason(this.root, { title: "Why is nothing to be hidden here?", act: "Reject" });
      if (!reason) return;
      this.#settle([item], reason);
      this.nextRisk();
    } else if ((await this.actions.remove()) && item && this.selection.ids.includes(item.track)) {
      this.nextRisk(); // with the mask its items are gone, and with it they come back
    }
  }

  /** Enter makes a mask of the suspect that is looked at. */
  async enter() {
    if (this.isAtSuspect) await this.maskSuspect();
  }

  get isAtSuspect() {
    const { item } = this.risks;
    return Boolean(item?.box) && item.first <= this.player.wanted && this.player.wanted <= item.last;
  }

  /** The tracker takes it from the frame on which it was found to both ends of the time in which it was. */
  async maskSuspect() {
    const { actions, model, player } = this;
    const { key, first, last, frame, label, box: found } = this.risks.item;
    const [track, box] = [model.newId(), actions.box(found)];
    const earlier = first < frame ? [{ op: "set-span", track, first, last }] : [];
    const ops = actions.make([{ op: "draw", track, label, frame, last, box, angle: 0 }, ...earlier]);
    const act = ops[0].id.split("_")[0];
    this.masked.set(act, key);
    this.risks.settle(key);
    this.selection.set([track]);
    if (!(await this.queue.whenSaved(ops.map((op) => op.id)))) return;
    for (const [direction, end] of [["back", first], ["on", last]]) {
      const seconds = Math.min(Math.abs(player.seconds(end) - player.seconds(frame)), MOST_FOLLOWED);
      if (seconds > 0) await actions.follow({ track, frame, box, angle: 0, direction, seconds, act });
    }
    this.say("The suspect is a mask now. Q goes to the next item.");
  }

  /** This edit was undone: what it had settled here is open again. */
  undone(edit) {
    const settled = this.model.pending.find((entry) => entry.op.id === edit && entry.op.op === "settle");
    this.risks.unsettle(settled?.op.key ?? this.masked.get(edit.split("_")[0]));
  }

  #settle(items, reason) {
    if (items.length) this.actions.make(items.map(({ key }) => ({ op: "settle", key, reason })));
    for (const { key } of items) this.risks.settle(key);
  }
}
