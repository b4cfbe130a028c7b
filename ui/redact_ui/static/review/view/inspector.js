// The selection, and the commands for it.

import { PICTURE_EFFECTS, SOUND_EFFECTS } from "../model/release_decisions.js";
import { button, counted, h, timecode } from "./dom.js";

/** @import { Commands, Outcome, Shared, SoundSpan, Track } from "../types.js" */
/** @import { ReviewQueue } from "./review_queue.js" */

export const CLASSES = ["face", "plate", "person", "screen", "document", "tattoo", "other"];
const ORIGINS = { machine: "Found by a detector", manual: "Drawn by hand", corrected: "Found by a detector, then corrected" };
const DECIDED_BY = { policy: "by the policy", class: "by a decision on the class", own: "by an individual decision" };

/** "Hidden: solid for s40(2)", with the person and the reason. @param {Outcome} outcome @param {Record<string, string>} effects */
function outcomeLines({ hidden, effect, codes, reason, subject, by, who, at }, effects) {
  const text = hidden ? `Hidden: ${(effects[effect] ?? effect).toLowerCase()}` : "Shown";
  const decided = who && at ? `, ${who}, ${new Date(at).toLocaleString("en-GB")}` : "";
  const why = codes.length ? ` for ${codes.join(", ")}` : hidden ? " without a reason code" : "";
  return [
    h("p", { class: hidden ? "rv-hides" : "rv-shows" }, h("strong", {}, text), why),
    reason ? h("p", { class: "rv-what" }, h("q", {}, reason)) : null,
    h("p", { class: "rv-hint" }, `As ${subject}, ${DECIDED_BY[by]}${decided}.`),
  ];
}

export class Inspector {
  /** @param {Pick<Shared, "model" | "player" | "selection" | "release" | "mayEdit"> & { commands: Commands, reviewQueue: ReviewQueue }} shared */
  constructor({ model, player, selection, release, mayEdit, commands, reviewQueue }) {
    this.model = model;
    this.player = player;
    this.selection = selection;
    this.release = release;
    this.mayEdit = mayEdit;
    this.commands = commands;
    this.reviewQueue = reviewQueue;
    this.element = h("section", { class: "rv-card rv-inspector", "aria-label": "Selection" });
  }

  draw() {
    const { selection, model } = this;
    const span = selection.sound === null ? undefined : model.sounds().get(selection.sound);
    const tracks = selection.ids.map((id) => model.tracks().get(id)).filter((track) => track !== undefined);
    if (span) this.#fill(this.#sound(span));
    else if (tracks.length === 1) this.#fill(this.#one(tracks[0]));
    else if (tracks.length) this.#fill(this.#many(tracks));
    else {
      this.#fill([
        h("h2", {}, "Nothing selected"),
        h("p", { class: "rv-hint" }, "Click a mask or a lane. N draws a new mask, Q goes to the next item of the review queue, ? shows all keys."),
      ]);
    }
  }

  /** Replaces the content. The focus stays on the control of the same name. @param {(HTMLElement | null)[]} content */
  #fill(content) {
    const { activeElement } = document;
    const name = activeElement instanceof HTMLElement && this.element.contains(activeElement) ? activeElement.dataset.name : null;
    this.element.replaceChildren(...content.filter((each) => each !== null));
    const same = name ? this.element.querySelector(`[data-name="${CSS.escape(name)}"]`) : null;
    if (same instanceof HTMLElement) same.focus();
  }

  /** @param {string} name @param {() => void} act @param {string | null} [key] @param {string} [kind] */
  #button(name, act, key = null, kind = "") {
    const element = button(name, act, { key, kind });
    element.dataset.name = name;
    element.disabled = !this.mayEdit;
    return element;
  }

  /** @param {Track} track */
  #one(track) {
    const { masks } = this.commands;
    const from = timecode(this.player.seconds(track.first));
    const to = timecode(this.player.seconds(track.last));
    const head = [
      h("h2", {}, h("span", { class: "rv-what" }, track.label), ` ${track.id}`),
      h("p", { class: "rv-hint" }, `${ORIGINS[track.origin] ?? ""}. ${from} to ${to}.`),
      this.#warnings(track),
    ];
    if (track.deleted !== null) {
      return [
        ...head,
        h("p", {}, "Rejected: ", h("q", { class: "rv-what" }, track.deleted)),
        h("div", { class: "rv-acts" }, this.#button("Restore", () => masks.restore())),
      ];
    }
    return [
      ...head,
      this.#inRelease(this.release.ofTrack(track.id), PICTURE_EFFECTS),
      this.#classes(track.label),
      h("div", { class: "rv-acts" }, ...this.#trackButtons(track)),
      this.#linked(track),
    ];
  }

  /** @param {Track} track */
  #trackButtons({ kind }) {
    const { masks, copying } = this.commands;
    const moves = kind === "object";
    const outlined = kind !== "frame";
    return [
      outlined ? this.#button("Move", () => masks.grab(), "G") : null,
      moves ? this.#button("Set keyframe", () => masks.keyframe(), "K") : null,
      moves ? this.#button("Mark out of sight", () => masks.outside(), "O") : null,
      moves ? this.#button("Remove mark", () => masks.removeKeyframe(), "Shift+K") : null,
      this.#button("Start here", () => masks.startHere(), "["),
      this.#button("End here", () => masks.endHere(), "]"),
      outlined ? this.#button("Grow", () => masks.grow(), "W") : null,
      outlined ? this.#button("Shrink", () => masks.shrink(), "S") : null,
      moves ? this.#button("Track forwards", () => masks.trackForwards(), "T") : null,
      moves ? this.#button("Track backwards", () => masks.trackBackwards(), "Shift+T") : null,
      this.#button("Split", () => masks.split(), "Alt+M"),
      moves ? this.#button("Merge…", () => masks.merge(), "M") : null,
      moves ? this.#button("Swap…", () => masks.swap(), "X") : null,
      this.#button("Copy to…", () => copying.copy(), "Y"),
      this.#button("Reject…", () => masks.remove(), "Delete", "rv-danger"),
    ];
  }

  /** @param {Track} track */
  #linked({ subject }) {
    const { masks, selecting } = this.commands;
    const linked = this.model.lanes().filter((each) => each.subject === subject).length;
    if (linked < 2) return null;
    return h("div", { class: "rv-acts" },
      h("span", { class: "rv-hint" }, `${linked} tracks of the same person or thing`),
      this.#button("Select all", () => selecting.samePerson(), "L"), this.#button("Unlink", () => masks.unlink()));
  }

  /** @param {Track} track */
  #warnings(track) {
    const text = [
      track.filled.length ? `${counted(track.filled.length, "gap")} filled` : "",
      track.weak.length ? `${counted(track.weak.length, "span")} of low confidence` : "",
    ].filter(Boolean);
    return text.length ? h("p", { class: "rv-trouble" }, text.join(", ")) : null;
  }

  /** @param {Track[]} tracks */
  #many(tracks) {
    const { masks, copying, queueing } = this.commands;
    const open = this.reviewQueue.open.filter((item) => this.selection.has(item.track ?? -1)).length;
    const rejected = tracks.filter((track) => track.deleted !== null).length;
    const outcomes = tracks.map((track) => this.release.ofTrack(track.id)).filter((outcome) => outcome !== null);
    const hidden = outcomes.filter((outcome) => outcome.hidden).length;
    return [
      h("h2", {}, `${tracks.length} tracks selected`),
      h("p", { class: "rv-hint" }, "Changes apply to all of them."),
      this.#classes(tracks.every((t) => t.label === tracks[0].label) ? tracks[0].label : null),
      h("div", { class: "rv-acts" },
        this.#button("Grow", () => masks.grow(), "W"), this.#button("Shrink", () => masks.shrink(), "S"),
        this.#button("Link as same person", () => masks.link()), this.#button("Merge", () => masks.merge(), "M"),
        this.#button("Copy to…", () => copying.copy(), "Y"),
        open ? this.#button(`Accept ${counted(open, "item")}`, () => queueing.accept(), "A") : null,
        rejected ? this.#button("Restore", () => masks.restore()) : null,
        this.#button("Reject…", () => masks.remove(), "Delete", "rv-danger")),
      outcomes.length ? this.#release([h("p", {}, `${hidden} hidden, ${outcomes.length - hidden} shown`)]) : null,
    ];
  }

  /** @param {Outcome | null} outcome @param {Record<string, string>} effects */
  #inRelease(outcome, effects) {
    const { reference, current, trouble } = this.release;
    if (reference === null) return null;
    if (outcome) return this.#release(outcomeLines(outcome, effects));
    const why = current ? "Outside the clips of this release, or not saved yet." : trouble || "Loading the release…";
    return this.#release([h("p", { class: current ? "rv-hint" : "rv-trouble" }, why)], false);
  }

  /** @param {(HTMLElement | null)[]} lines @param {boolean} [decidable] */
  #release(lines, decidable = true) {
    const act = this.#button("Hide or show…", () => this.commands.deciding.decide(), "H");
    act.disabled = !this.release.current?.may_decide;
    return h("div", { class: "rv-inrelease" }, h("h3", {}, `In ${this.release.reference}`, decidable ? act : ""), ...lines);
  }

  /** @param {string | null} label the class of the whole selection, or null */
  #classes(label) {
    const known = [...new Set([...CLASSES, ...this.model.lanes().map((track) => track.label)])];
    const field = h("select", {
      "data-name": "class", "aria-label": "Class", disabled: !this.mayEdit,
      onchange: () => this.commands.masks.setClass(field.value === "…" ? null : field.value),
    });
    if (label === null) field.append(h("option", { value: "" }, "several"));
    field.append(...known.map((each) => h("option", { value: each }, each)), h("option", { value: "…" }, "Other…"));
    field.value = label ?? "";
    return h("div", { class: "rv-field" }, h("span", { "aria-hidden": "true" }, "Class"), field);
  }

  /** @param {SoundSpan} span */
  #sound(span) {
    const { masks, sounds } = this.commands;
    const field = h("select", {
      "data-name": "effect", "aria-label": "Effect", disabled: !this.mayEdit,
      onchange: () => sounds.change({ ...span, effect: field.value }),
    });
    field.append(...Object.entries(SOUND_EFFECTS).map(([value, text]) => h("option", { value }, text)));
    field.value = span.effect;
    return [
      h("h2", {}, "Hidden sound"),
      h("p", { class: "rv-hint" }, `${timecode(span.start)} to ${timecode(span.end)}. Drag its edges or press [ and ] to trim it.`),
      h("div", { class: "rv-field" }, h("span", { "aria-hidden": "true" }, "Effect"), field),
      h("div", { class: "rv-acts" },
        this.#button("Start here", () => masks.startHere(), "["), this.#button("End here", () => masks.endHere(), "]"),
        this.#button("Move", () => masks.grab(), "G"), this.#button("Remove…", () => sounds.remove(), "Delete", "rv-danger")),
      this.#inRelease(this.release.ofSound(span.id), SOUND_EFFECTS),
    ];
  }
}
