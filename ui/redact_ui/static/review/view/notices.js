// Messages to the person: what is happening, whether everything is saved, and what needs a decision.

import { button, counted, h } from "./dom.js";

/** @import { Api } from "../model/api.js" */
/** @import { EditQueue, HeldEdits } from "../model/edit_queue.js" */

/** A card, made by `make` unless there is already one for `key` with the same `detail`. @typedef {{ key: unknown, make: () => HTMLElement, detail?: string }} CardRequest */

export class Notices {
  /** @param {{ queue: EditQueue, api: Api, actors: Map<string, string>, signIn: string }} options `actors`: names by edit; `signIn`: address of the sign-in page */
  constructor({ queue, api, actors, signIn }) {
    this.queue = queue;
    this.api = api;
    this.actors = actors;
    this.signIn = signIn;
    /** @type {HTMLElement[]} cards about finished work */
    this.done = [];
    this.stale = false;
    /** @type {{ key: unknown, detail?: string, card: HTMLElement }[]} */
    this.shown = [];
    this.status = h("p", { class: "rv-status", role: "status", "aria-live": "polite" });
    this.saved = h("span", { class: "rv-saved", role: "status", "aria-live": "polite" });
    this.cards = h("div", { class: "rv-asides" });
  }

  /** @param {string} text */
  say(text) {
    this.status.textContent = text;
  }

  /** The queue's state has changed. */
  saving() {
    const { state, unsaved } = this.queue;
    const kept = `${counted(unsaved, "edit")} kept in this browser`;
    const text = {
      saved: unsaved ? `${counted(unsaved, "edit")} need${unsaved === 1 ? "s" : ""} your decision` : "All saved",
      saving: "Saving…",
      offline: `No connection. ${kept}; retrying.`,
      trouble: `The server cannot save at the moment. ${kept}; retrying.`,
      "signed-out": `You are signed out. ${kept}.`,
      refused: `Not saved. ${kept}.`,
    }[state];
    if (this.saved.textContent !== text) this.saved.textContent = text;
    this.saved.dataset.state = state === "saved" && unsaved ? "aside" : state;
    this.draw();
  }

  /**
   * Masks have been copied to other footage. `undo` resolves to null, or to an error text.
   * @param {{ name: string, link: string, count: number, undo: () => Promise<string | null> }} copy
   */
  copied({ name, link, count, undo }) {
    const text = h("p", {}, `${counted(count, "mask")} copied to ${name}. Check their position there.`);
    const back = button("Undo the copy", async () => {
      back.disabled = true;
      const problem = await undo();
      text.textContent = problem === null ? `The copy in ${name} was undone.` : `The copy was not undone. ${problem}`;
      back.hidden = problem === null;
      back.disabled = false;
    });
    const card = h("section", { class: "rv-card rv-done", role: "status" },
      h("h2", {}, "Masks copied"), text,
      h("div", { class: "rv-acts" },
        h("a", { class: "rv-button", href: link, target: "_blank", rel: "noopener" }, "Open footage"), back,
        button("Close", () => {
          this.done = this.done.filter((each) => each !== card);
          this.draw();
        })));
    this.done.unshift(card);
    this.draw();
  }

  /** Detection has run again: the tracks on the screen are out of date. */
  outdated() {
    this.stale = true;
    this.draw();
  }

  draw() {
    const { queue, api } = this;
    /** @type {CardRequest[]} */
    const wanted = [];
    if (queue.state === "signed-out" || api.signedOut) wanted.push({ key: "signed-out", make: () => this.#signedOut() });
    else if (queue.state === "refused") wanted.push({ key: `refused ${queue.refusal}`, make: () => this.#refused() });
    if (this.stale) wanted.push({ key: "stale", make: () => this.#stale() });
    for (const entry of queue.held) {
      const who = [...new Set(entry.conflicts.map((id) => this.actors.get(id)).filter(Boolean))].join(", ");
      wanted.push({ key: entry, make: () => this.#held(entry, who), detail: who });
    }
    // Existing cards are kept, so that nothing jumps while a person reads or is about to click.
    const before = new Map(this.shown.map((each) => [each.key, each]));
    this.shown = wanted.map(({ key, make, detail }) => {
      const known = before.get(key);
      return known && known.detail === detail ? known : { key, detail, card: make() };
    });
    const cards = [...this.shown.map(({ card }) => card), ...this.done];
    const present = [...this.cards.children];
    if (cards.length !== present.length || cards.some((card, i) => card !== present[i])) this.cards.replaceChildren(...cards);
  }

  /** @param {string} title @param {string[]} lines @param {Node[]} acts */
  #card(title, lines, acts) {
    return h("section", { class: "rv-card rv-aside", role: "alert" },
      h("h2", {}, title),
      ...lines.map((line, i) => h("p", i ? { class: "rv-hint" } : {}, line)),
      h("div", { class: "rv-acts" }, ...acts));
  }

  #signedOut() {
    return this.#card(
      "You are signed out",
      ["Sign in again under the same name in a new tab, then come back. Your edits are kept in this browser and are sent then."],
      [
        h("a", { class: "rv-button rv-primary", href: this.signIn, target: "_blank", rel: "noopener" }, "Sign in in a new tab"),
        button("Send my edits now", () => this.queue.retry()),
      ],
    );
  }

  #refused() {
    return this.#card(
      "Your edits were not accepted",
      [this.queue.refusal, "They are kept in this browser and are sent again from time to time."],
      [button("Try again", () => this.queue.retry(), { kind: "rv-primary" })],
    );
  }

  #stale() {
    return this.#card(
      "Detection has run again on this footage",
      ["There are new tracks. This page still shows the earlier ones."],
      [button("Reload the page", () => window.location.reload(), { kind: "rv-primary" })],
    );
  }

  /** @param {HeldEdits} entry @param {string} who */
  #held(entry, who) {
    const conflict = entry.kind === "conflict";
    return this.#card(
      conflict ? `${who || "Someone else"} changed the same mask` : "An edit was refused",
      [entry.text, `${counted(entry.ops.length, "edit")} of yours kept until you decide.`],
      [
        button(conflict ? "Keep theirs" : "Discard", () => this.queue.discard(entry)),
        button(conflict ? "Apply mine again" : "Try again", () => this.queue.resend(entry), { kind: "rv-primary" }),
      ],
    );
  }
}
