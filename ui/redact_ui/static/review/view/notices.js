// What the page says: what is going on, whether all is saved, and what the person has to decide about.

import { button, counted, h } from "./dom.js";

/** `signIn` is the address of the sign-in page. */
export class Notices {
  constructor({ queue, api, actors, signIn }) {
    Object.assign(this, { queue, api, actors, signIn });
    this.status = h("p", { class: "rv-status", role: "status", "aria-live": "polite" });
    this.saved = h("span", { class: "rv-saved", role: "status", "aria-live": "polite" });
    this.cards = h("div", { class: "rv-asides" });
    this.done = []; // cards of things that were done
    this.stale = false;
  }

  say(words) {
    this.status.textContent = words;
  }

  /** The queue is in another state. */
  saving() {
    const { state, unsaved } = this.queue;
    const kept = `${counted(unsaved, "edit")} kept here`;
    const words = {
      saved: unsaved ? `${counted(unsaved, "edit")} to decide about` : "All saved",
      saving: "Saving…",
      offline: `No connection. ${kept}, sent again soon.`,
      trouble: `The server cannot save at the moment. ${kept}, sent again soon.`,
      "signed-out": `You are signed out. ${kept}.`,
      refused: `Not saved. ${kept}.`,
    }[state];
    if (this.saved.textContent !== words) this.saved.textContent = words;
    this.saved.dataset.state = state === "saved" && unsaved ? "aside" : state;
    this.draw();
  }

  /** Something was done elsewhere that can be taken back: `undo()` gives null, or what went wrong. */
  copied({ name, link, count, undo }) {
    const words = h("p", {}, `${counted(count, "mask")} copied to ${name}. Look there whether they are in the right place.`);
    const back = button("Undo the copy", async () => {
      back.disabled = true;
      const wrong = await undo();
      words.textContent = wrong === null ? `The copy in ${name} was undone.` : `It was not undone. ${wrong}`;
      back.hidden = wrong === null;
      back.disabled = false;
    });
    const card = h("section", { class: "rv-card rv-done", role: "status" },
      h("h2", {}, "Copied"), words,
      h("div", { class: "rv-acts" },
        h("a", { class: "rv-button", href: link, target: "_blank", rel: "noopener" }, "Open it"), back,
        button("Close", () => {
          this.done = this.done.filter((each) => each !== card);
          this.draw();
        })));
    this.done.unshift(card);
    this.draw();
  }

  /** The footage was searched again: what is on the screen are the tracks of before. */
  outdated() {
    this.stale = true;
    this.draw();
  }

  draw() {
    const { queue, api } = this;
    const parts = [];
    if (queue.state === "signed-out" || api.signedOut) parts.push(["signed-out", () => this.#signedOut()]);
    else if (queue.state === "refused") parts.push([`refused ${queue.refusal}`, () => this.#refused()]);
    if (this.stale) parts.push(["stale", () => this.#stale()]);
    for (const entry of queue.aside) {
      const who = [...new Set(entry.conflicts.map((id) => this.actors.get(id)).filter(Boolean))].join(", ");
      parts.push([entry, () => this.#aside(entry, who), who]);
    }
    // A card that is there already stays, so that what is read or about to be pressed does not jump.
    const held = new Map((this.shown ?? []).map((each) => [each.key, each]));
    this.shown = parts.map(([key, make, also]) => {
      const before = held.get(key);
      return before?.also === also && before ? before : { key, also, card: make() };
    });
    const wanted = [...this.shown.map(({ card }) => card), ...this.done];
    const there = [...this.cards.children];
    if (wanted.length !== there.length || wanted.some((card, i) => card !== there[i])) this.cards.replaceChildren(...wanted);
  }

  #signedOut() {
    return h("section", { class: "rv-card rv-aside", role: "alert" },
      h("h2", {}, "You are signed out"),
      h("p", {}, "Sign in again in another tab, as the same person, and come back. Your edits are kept in this browser and are sent then."),
      h("div", { class: "rv-acts" },
        h("a", { class: "rv-button rv-primary", href: this.signIn, target: "_blank", rel: "noopener" }, "Sign in in another tab"),
        button("I am signed in", () => this.queue.again())));
  }

  #refused() {
    return h("section", { class: "rv-card rv-aside", role: "alert" },
      h("h2", {}, "Your edits are not taken"),
      h("p", {}, this.queue.refusal),
      h("p", { class: "rv-hint" }, "They are kept in this browser, and are sent again from time to time."),
      h("div", { class: "rv-acts" }, button("Try again", () => this.queue.again(), { kind: "rv-primary" })));
  }

  #stale() {
    return h("section", { class: "rv-card rv-aside", role: "alert" },
      h("h2", {}, "This footage was searched again"),
      h("p", {}, "There are new tracks, and what you see are those of before."),
      h("div", { class: "rv-acts" }, button("Reload the page", () => window.location.reload(), { kind: "rv-primary" })));
  }

  #aside(entry, who) {
    const conflict = entry.kind === "conflict";
    return h("section", { class: "rv-card rv-aside", role: "alert" },
      h("h2", {}, conflict ? `${who || "Somebody"} changed the same mask` : "An edit was refused"),
      h("p", {}, entry.text),
      h("p", { class: "rv-hint" }, `${counted(entry.ops.length, "edit")} of yours, kept until you decide.`),
      h("div", { class: "rv-acts" },
        button(conflict ? "Take theirs" : "Discard", () => this.queue.takeTheirs(entry)),
        button(conflict ? "Make mine again" : "Try again", () => this.queue.makeMineAgain(entry), { kind: "rv-primary" })));
  }
}
