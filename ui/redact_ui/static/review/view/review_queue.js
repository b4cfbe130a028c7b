// The review queue: places where masks may be wrong, most likely first. One key settles each.

import { Emitter } from "../model/emitter.js";
import { button, counted, h, timecode } from "./dom.js";

/** @import { ReviewItem, Shared } from "../types.js" */

/** @type {Record<string, string>} */
const NAMES = {
  gap: "Filled gap", weak: "Low confidence", birth: "Appears suddenly", death: "Vanishes suddenly", jump: "Jump",
  single: "Visible only briefly", damaged: "Damaged picture", suspect: "Detection without a mask",
};
const SHOWN = 200;

/**
 * Events: "go" (to an item), "accept", "reject" and "mask" (mask an unmasked detection).
 * @extends {Emitter<Record<"go" | "accept" | "reject" | "mask", { item: ReviewItem }>>}
 */
export class ReviewQueue extends Emitter {
  /** @param {Pick<Shared, "model" | "player" | "mayEdit">} shared */
  constructor({ model, player, mayEdit }) {
    super();
    this.model = model;
    this.player = player;
    this.mayEdit = mayEdit;
    /** @type {ReviewItem[]} */
    this.items = [];
    /** @type {Set<string>} keys of items settled here but still in the server's last response */
    this.settled = new Set();
    /** @type {string | null} */
    this.current = null;
    this.loaded = false;
    this.waiting = false; // go to the next item once the items are loaded
    this.list = h("ol", { class: "rv-risks" });
    this.title = h("h2", {}, "Review queue");
    this.element = h("section", { class: "rv-card rv-riskcard", "aria-label": "Review queue" }, this.title, this.list);
  }

  /** @param {ReviewItem[]} items */
  setItems(items) {
    this.items = [...items].sort((a, b) => b.score - a.score);
    this.loaded = true;
    if (this.waiting) this.next();
    else this.draw();
  }

  get open() {
    return this.items.filter((item) => this.#isOpen(item));
  }

  /** A rejected mask needs no check, even if the server's last response lists it. @param {ReviewItem} item */
  #isOpen(item) {
    const track = this.model.tracks().get(item.track ?? -1);
    return !this.settled.has(item.key) && (track?.deleted ?? null) === null;
  }

  /** Goes to the next item, from the last to the first; if items are still loading, to the first once they are. */
  next() {
    this.waiting = !this.loaded;
    const { open } = this;
    const at = this.items.findIndex((item) => item.key === this.current);
    const later = this.items.slice(at + 1).find((item) => this.#isOpen(item));
    const item = later ?? open[0] ?? null;
    this.current = item?.key ?? null;
    this.draw();
    if (item) this.emit("go", { item });
    return item;
  }

  get item() {
    return this.open.find((item) => item.key === this.current) ?? null;
  }

  /** @param {string} key */
  settle(key) {
    this.settled.add(key);
    this.draw();
  }

  /** @param {string | undefined} key */
  unsettle(key) {
    if (key !== undefined) this.settled.delete(key);
    this.draw();
  }

  draw() {
    const { open } = this;
    this.title.textContent = open.length ? `Review queue: ${counted(open.length, "item")}` : "Review queue";
    if (!open.length) {
      const words = this.loaded ? "The review queue is empty. Play the clip once from start to end." : "Loading the review queue…";
      this.list.replaceChildren(h("li", { class: "rv-empty" }, words));
      return;
    }
    const rest = open.length - SHOWN;
    this.list.replaceChildren(
      ...open.slice(0, SHOWN).map((item) => this.#entry(item)),
      ...(rest > 0 ? [h("li", { class: "rv-empty" }, `and ${rest} more`)] : []),
    );
    // Only the list scrolls: the page must not jump during work.
    const current = this.list.querySelector("[aria-current]");
    if (current instanceof HTMLElement) {
      const top = current.offsetTop - this.list.offsetTop;
      if (top < this.list.scrollTop || top + current.offsetHeight > this.list.scrollTop + this.list.clientHeight) {
        this.list.scrollTop = top - this.list.clientHeight / 3;
      }
    }
  }

  /** @param {ReviewItem} item */
  #entry(item) {
    const isCurrent = item.key === this.current;
    const go = () => {
      this.current = item.key;
      this.draw();
      this.emit("go", { item });
    };
    return h(
      "li",
      { class: "rv-risk", "aria-current": isCurrent ? "true" : null },
      h("button", { type: "button", class: "rv-riskgo", onclick: go },
        h("strong", {}, NAMES[item.kind] ?? "To check"),
        h("span", { class: "rv-when" }, timecode(this.player.seconds(item.first))),
        h("span", { class: "rv-why" }, item.text)),
      isCurrent && this.mayEdit ? this.#buttons(item) : null,
    );
  }

  /** @param {ReviewItem} item */
  #buttons(item) {
    const act = (/** @type {"accept" | "reject" | "mask"} */ name) => () => this.emit(name, { item });
    const bare = (item.track ?? null) === null;
    return h("div", { class: "rv-riskdo" },
      item.box ? button("Mask it", act("mask"), { key: "Enter", kind: "rv-primary" }) : null,
      button("Accept", act("accept"), { key: "A", kind: item.box ? "" : "rv-primary" }),
      button(bare ? "Reject…" : "Reject mask…", act("reject"), { key: "Delete" }));
  }
}
