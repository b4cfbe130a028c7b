// The risk queue: what is likeliest to be wrong, the worst first, each settled by one key.

import { button, counted, h, timecode } from "./dom.js";

const NAMES = {
  gap: "Filled gap", weak: "Low confidence", birth: "Appears suddenly", death: "Vanishes suddenly", jump: "Jump",
  single: "Seen only briefly", damaged: "Damaged picture", suspect: "Seen in the copy",
};
const SHOWN = 200;

/** Events: "go" {item}, "accept" {item}, "reject" {item}, "mask" {item} (a suspect is to be a mask). */
export class Risks extends EventTarget {
  constructor({ model, player, mayEdit }) {
    super();
    Object.assign(this, { model, player, mayEdit });
    this.items = [];
    this.settled = new Set(); // here, and the server's answer does not know it yet
    this.current = null;
    this.list = h("ol", { class: "rv-risks" });
    this.title = h("h2", {}, "Check first");
    this.element = h("section", { class: "rv-card rv-riskcard", "aria-label": "Risk queue" }, this.title, this.list);
  }

  setItems(items) {
    this.items = [...items].sort((a, b) => b.score - a.score);
    this.loaded = true;
    if (this.asked) this.next();
    else this.draw();
  }

  get open() {
    return this.items.filter((item) => this.#isOpen(item));
  }

  /** Of a mask that was rejected nothing is left to check, whatever the server's last answer says. */
  #isOpen(item) {
    return !this.settled.has(item.key) && (this.model.tracks().get(item.track)?.deleted ?? null) === null;
  }

  /** The item after the current one, around the end; the first one as soon as the server has told of them. */
  next() {
    this.asked = !this.loaded;
    const { open } = this;
    const at = this.items.findIndex((item) => item.key === this.current);
    const later = this.items.slice(at + 1).find((item) => this.#isOpen(item));
    const item = later ?? open[0] ?? null;
    this.current = item?.key ?? null;
    this.draw();
    if (item) this.dispatchEvent(new CustomEvent("go", { detail: { item } }));
    return item;
  }

  get item() {
    return this.open.find((item) => item.key === this.current) ?? null;
  }

  settle(key) {
    this.settled.add(key);
    this.draw();
  }

  unsettle(key) {
    this.settled.delete(key);
    this.draw();
  }

  draw() {
    const { open } = this;
    this.title.textContent = open.length ? `Check first: ${counted(open.length, "item")}` : "Check first";
    if (!open.length) {
      const words = this.loaded ? "Nothing is left to check. Play the clip once from start to end." : "Looking for risks…";
      this.list.replaceChildren(h("li", { class: "rv-empty" }, words));
      return;
    }
    const rest = open.length - SHOWN;
    this.list.replaceChildren(
      ...open.slice(0, SHOWN).map((item) => this.#entry(item)),
      ...(rest > 0 ? [h("li", { class: "rv-empty" }, `and ${counted(rest, "more item", "more items")}`)] : []),
    );
    // Scrolled within the list only: the page must not jump under the person's hands.
    const chosen = this.list.querySelector("[aria-current]");
    if (chosen) {
      const top = chosen.offsetTop - this.list.offsetTop;
      if (top < this.list.scrollTop || top + chosen.offsetHeight > this.list.scrollTop + this.list.clientHeight) {
        this.list.scrollTop = top - this.list.clientHeight / 3;
      }
    }
  }

  #entry(item) {
    const chosen = item.key === this.current;
    const go = () => {
      this.current = item.key;
      this.draw();
      this.dispatchEvent(new CustomEvent("go", { detail: { item } }));
    };
    return h(
      "li",
      { class: "rv-risk", "aria-current": chosen ? "true" : null },
      h("button", { type: "button", class: "rv-riskgo", onclick: go },
        h("strong", {}, NAMES[item.kind] ?? "To check"),
        h("span", { class: "rv-when" }, timecode(this.player.seconds(item.first))),
        h("span", { class: "rv-why" }, item.text)),
      chosen && this.mayEdit ? this.#acts(item) : null,
    );
  }

  #acts(item) {
    const act = (type) => () => this.dispatchEvent(new CustomEvent(type, { detail: { item } }));
    const bare = (item.track ?? null) === null;
    return h("div", { class: "rv-riskdo" },
      item.box ? button("Mask it", act("mask"), { key: "Enter", kind: "rv-primary" }) : null,
      button(item.box ? "In order" : "It is right", act("accept"), { key: "A", kind: item.box ? "" : "rv-primary" }),
      button(bare ? "Reject…" : "Reject mask…", act("reject"), { key: "Delete" }));
  }
}
