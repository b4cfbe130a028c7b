// Working through the review queue: each item is settled by one key.

import { actOf } from "../model/history.js";
import { askReason } from "../view/dialogs.js";

/** @import { Box, Edit, ReviewItem, Shared } from "../types.js" */
/** @import { ReviewQueue } from "../view/review_queue.js" */
/** @import { EditRecorder } from "./edit_recorder.js" */
/** @import { MaskCommands } from "./mask_commands.js" */

const ACCEPTED = "Checked and in order";
const MOST_TRACKED = 10; // seconds, the server's limit

export class QueueCommands {
  /** @param {Pick<Shared, "root" | "model" | "player" | "selection" | "queue" | "say"> & { reviewQueue: ReviewQueue, recorder: EditRecorder, masks: MaskCommands }} shared */
  constructor({ root, model, player, selection, queue, say, reviewQueue, recorder, masks }) {
    this.root = root;
    this.model = model;
    this.player = player;
    this.selection = selection;
    this.queue = queue;
    this.say = say;
    this.reviewQueue = reviewQueue;
    this.recorder = recorder;
    this.masks = masks;
    /** @type {Map<string, string>} by act, the detection it masked */
    this.masked = new Map();
    recorder.onUndone = (edit) => this.#undone(edit);
  }

  nextItem() {
    if (!this.reviewQueue.next()) this.say(this.reviewQueue.loaded ? "The review queue is empty." : "Loading the review queue…");
  }

  /** Accepts the current item; with several tracks selected, all their items. */
  accept() {
    const { item } = this.reviewQueue;
    const selected = this.selection.size > 1 ? this.reviewQueue.open.filter((each) => this.selection.has(each.track ?? -1)) : [];
    const items = [...new Set([...(item ? [item] : []), ...selected])];
    this.#settle(items, ACCEPTED);
    this.nextItem();
    if (items.length > 1) this.say(`${items.length} items accepted.`);
  }

  /** Rejects the mask, or an item without a mask (a detection, a damaged picture). Asks for a reason. */
  async reject() {
    const { item } = this.reviewQueue;
    const bare = item && (item.track ?? null) === null && !this.selection.size && this.selection.sound === null;
    if (bare) {
      const reason = await askReason(this.root, { title: "Why is there nothing to hide here?", act: "Reject" });
      if (!reason) return;
      this.#settle([item], reason);
      this.nextItem();
    } else if ((await this.masks.remove()) && item && this.selection.has(item.track ?? -1)) {
      this.nextItem(); // the mask's items disappear and return with it
    }
  }

  /** Whether the current item is a detection without a mask, and is on the screen. */
  get isAtDetection() {
    const { item } = this.reviewQueue;
    return Boolean(item?.box) && item !== null && item.first <= this.player.wanted && this.player.wanted <= item.last;
  }

  /** Masks the detection on the screen. */
  async maskDetection() {
    const { item } = this.reviewQueue;
    if (item?.box && this.isAtDetection) await this.#mask(item, item.box);
  }

  /**
   * The tracker follows the box from the frame of the detection to both ends of its span.
   * @param {ReviewItem} item @param {Box} found
   */
  async #mask({ key, first, last, frame = first, label = "face" }, found) {
    const { masks, model, player } = this;
    const [track, box] = [model.newId(), masks.limited(found)];
    /** @type {Edit[]} */
    const edits = [{ op: "draw", track, label, frame, last, box, angle: 0 }];
    if (first < frame) edits.push({ op: "set-span", track, first, last });
    const ops = this.recorder.make(edits);
    const act = actOf(ops[0].id);
    this.masked.set(act, key);
    this.reviewQueue.settle(key);
    this.selection.set([track]);
    if (!(await this.queue.whenSaved(ops.map((op) => op.id)))) return;
    /** @type {["back" | "on", number][]} */
    const ends = [["back", first], ["on", last]];
    for (const [direction, end] of ends) {
      const seconds = Math.min(Math.abs(player.seconds(end) - player.seconds(frame)), MOST_TRACKED);
      if (seconds > 0) await masks.follow({ track, frame, box, angle: 0, direction, seconds }, act);
    }
    this.say("The detection is masked now. Q goes to the next item.");
  }

  /** Reopens the item that an edit settled here. @param {string} edit */
  #undone(edit) {
    const settled = this.model.pending.find(({ op }) => op.id === edit)?.op;
    this.reviewQueue.unsettle(settled?.op === "settle" ? settled.key : this.masked.get(actOf(edit)));
  }

  /** @param {ReviewItem[]} items @param {string} reason */
  #settle(items, reason) {
    this.recorder.make(items.map(({ key }) => ({ op: "settle", key, reason })));
    for (const { key } of items) this.reviewQueue.settle(key);
  }
}
