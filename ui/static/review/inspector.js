// What is chosen, and what can be done with it.

import { button, counted, h, timecode } from "./dom.js";

export const CLASSES = ["face", "plate", "person", "screen", "document", "tattoo", "other"];
const ORIGINS = { machine: "Found by the detector", manual: "Made by hand", corrected: "Found, then corrected" };
const EFFECTS = { mute: "Mute", bleep: "Bleep", disguise: "Disguise the voice" };

export class Inspector {
  constructor({ model, player, selection, actions, mayEdit }) {
    Object.assign(this, { model, player, selection, actions, mayEdit });
    this.element = h("section", { class: "rv-card rv-inspector", "aria-label": "What is chosen" });
  }

  draw() {
    const { selection, model } = this;
    const span = model.sounds().get(selection.sound);
    const tracks = selection.ids.map((id) => model.tracks().get(id)).filter(Boolean);
    if (span) this.#fill(this.#sound(span));
    else if (tracks.length === 1) this.#fill(this.#one(tracks[0]));
    else if (tracks.length) this.#fill(this.#many(tracks));
    else {
      this.#fill([
        h("h2", {}, "Nothing chosen"),
        h("p", { class: "rv-hint" }, "Click a mask or a lane. N draws a new mask, Q takes you to the next doubtful place, ? shows all keys."),
      ]);
    }
  }

  // The focus stays on the control it was on, though the controls are made anew.
  #fill(parts) {
    const name = this.element.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    this.element.replaceChildren(...parts.filter(Boolean));
    if (name) this.element.querySelector(`[data-name="${CSS.escape(name)}"]`)?.focus();
  }

  #act(name, does, key = null, kind = "") {
    const element = button(name, does, { key, kind });
    element.dataset.name = name;
    element.disabled = !this.mayEdit;
    return element;
  }

  #one(track) {
    const { actions, model } = this;
    const from = timecode(this.player.seconds(track.first));
    const to = timecode(this.player.seconds(track.last));
    const linked = model.lanes().filter((each) => each.subject === track.subject).length;
    const head = [
      h("h2", {}, h("span", { class: "rv-what" }, track.label), ` ${track.id}`),
      h("p", { class: "rv-hint" }, `${ORIGINS[track.origin] ?? ""}. ${from} to ${to}.`),
      this.#troubles(track),
    ];
    if (track.deleted !== null) {
      return [
        ...head,
        h("p", {}, "Rejected: ", h("q", { class: "rv-what" }, track.deleted)),
        h("div", { class: "rv-acts" }, this.#act("Hide it again", () => actions.restore())),
      ];
    }
    const moving = track.kind === "object";
    return [
      ...head,
      this.#classes(track.label),
      h("div", { class: "rv-acts" },
        moving ? this.#act("Keyframe", () => actions.keyframe(), "K") : null,
        moving ? this.#act("Out of sight", () => actions.outside(), "O") : null,
        moving ? this.#act("Remove mark", () => actions.removeKeyframe(), "Shift+K") : null,
        this.#act("Starts here", () => actions.startsHere()),
        this.#act("Ends here", () => actions.endsHere()),
        track.kind === "frame" ? null : this.#act("Grow", () => actions.grow(), "W"),
        track.kind === "frame" ? null : this.#act("Shrink", () => actions.shrink(), "S"),
        moving ? this.#act("Track on", () => actions.trackOn(), "T") : null,
        moving ? this.#act("Track back", () => actions.trackBack(), "Shift+T") : null,
        this.#act("Split", () => actions.split(), "Alt+M"),
        moving ? this.#act("Merge…", () => actions.merge(), "M") : null,
        this.#act("Reject…", () => actions.remove(), "Delete", "rv-danger")),
      linked > 1
        ? h("div", { class: "rv-acts" },
            h("span", { class: "rv-hint" }, `${linked} tracks of the same one`),
            this.#act("Choose all", () => actions.samePerson()), this.#act("Someone else", () => actions.unlink()))
        : null,
    ];
  }

  #troubles(track) {
    const words = [
      track.filled.length ? `${counted(track.filled.length, "gap")} filled` : "",
      track.weak.length ? `${counted(track.weak.length, "span")} of low confidence` : "",
    ].filter(Boolean);
    return words.length ? h("p", { class: "rv-trouble" }, words.join(", ")) : null;
  }

  #many(tracks) {
    const { actions } = this;
    return [
      h("h2", {}, `${tracks.length} tracks chosen`),
      this.#classes(tracks.every((t) => t.label === tracks[0].label) ? tracks[0].label : null),
      h("div", { class: "rv-acts" },
        this.#act("Same person", () => actions.link()), this.#act("Merge", () => actions.merge(), "M"),
        this.#act("Reject…", () => actions.remove(), "Delete", "rv-danger")),
    ];
  }

  #classes(label) {
    const known = [...new Set([...CLASSES, ...this.model.lanes().map((track) => track.label)])];
    const field = h("select", {
      "data-name": "class", "aria-label": "Class", disabled: !this.mayEdit,
      onchange: () => this.actions.setClass(field.value === "…" ? null : field.value),
    });
    if (label === null) field.append(h("option", { value: "" }, "different"));
    field.append(...known.map((each) => h("option", { value: each }, each)), h("option", { value: "…" }, "Another…"));
    field.value = label ?? "";
    return h("div", { class: "rv-field" }, h("span", { "aria-hidden": "true" }, "Class"), field);
  }

  #sound(span) {
    const { actions } = this;
    const field = h("select", {
      "data-name": "effect", "aria-label": "Effect", disabled: !this.mayEdit,
      onchange: () => actions.changeSound({ ...span, span: span.id, effect: field.value }),
    });
    field.append(...Object.entries(EFFECTS).map(([value, words]) => h("option", { value }, words)));
    field.value = span.effect;
    return [
      h("h2", {}, "Hidden sound"),
      h("p", { class: "rv-hint" }, `${timecode(span.start)} to ${timecode(span.end)}. Drag its edges to trim it.`),
      h("div", { class: "rv-field" }, h("span", { "aria-hidden": "true" }, "Effect"), field),
      h("div", { class: "rv-acts" }, this.#act("Remove…", () => actions.removeSound(), "Delete", "rv-danger")),
    ];
  }
}
