// What is chosen, and what can be done with it.

import { outcome, PICTURE_EFFECTS, SOUND_EFFECTS } from "../commands/decision_commands.js";
import { button, counted, h, timecode } from "./dom.js";

export const CLASSES = ["face", "plate", "person", "screen", "document", "tattoo", "other"];
const ORIGINS = { machine: "Found by the detector", manual: "Made by hand", corrected: "Found, then corrected" };

export class Inspector {
  constructor({ model, player, selection, risks, inRelease, actions, choosing, sounds, checking, copying, deciding, mayEdit }) {
    Object.assign(this, { model, player, selection, risks, inRelease, mayEdit });
    Object.assign(this, { actions, choosing, sounds, checking, copying, deciding });
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
      this.#inRelease(this.inRelease.ofTrack(track.id), PICTURE_EFFECTS),
      this.#classes(track.label),
      h("div", { class: "rv-acts" },
        track.kind === "frame" ? null : this.#act("Move", () => actions.grab(), "G"),
        moving ? this.#act("Keyframe", () => actions.keyframe(), "K") : null,
        moving ? this.#act("Out of sight", () => actions.outside(), "O") : null,
        moving ? this.#act("Remove mark", () => actions.removeKeyframe(), "Shift+K") : null,
        this.#act("Starts here", () => actions.startsHere(), "["),
        this.#act("Ends here", () => actions.endsHere(), "]"),
        track.kind === "frame" ? null : this.#act("Grow", () => actions.grow(), "W"),
        track.kind === "frame" ? null : this.#act("Shrink", () => actions.shrink(), "S"),
        moving ? this.#act("Track on", () => actions.trackOn(), "T") : null,
        moving ? this.#act("Track back", () => actions.trackBack(), "Shift+T") : null,
        this.#act("Split", () => actions.split(), "Alt+M"),
        moving ? this.#act("Merge…", () => actions.merge(), "M") : null,
        moving ? this.#act("Swap…", () => actions.swap(), "X") : null,
        this.#act("Copy to…", () => this.copying.copy(), "Y"),
        this.#act("Reject…", () => actions.remove(), "Delete", "rv-danger")),
      linked > 1
        ? h("div", { class: "rv-acts" },
            h("span", { class: "rv-hint" }, `${linked} tracks of the same one`),
            this.#act("Choose all", () => this.choosing.samePerson(), "L"), this.#act("Someone else", () => actions.unlink()))
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
    const { actions, inRelease } = this;
    const open = this.risks.open.filter((item) => this.selection.has(item.track)).length;
    const gone = tracks.filter((track) => track.deleted !== null).length;
    const told = tracks.map((track) => inRelease.ofTrack(track.id)).filter(Boolean);
    const hidden = told.filter((one) => one.hidden).length;
    return [
      h("h2", {}, `${tracks.length} tracks chosen`),
      h("p", { class: "rv-hint" }, "What is done here is done to all of them."),
      this.#classes(tracks.every((t) => t.label === tracks[0].label) ? tracks[0].label : null),
      h("div", { class: "rv-acts" },
        this.#act("Grow", () => actions.grow(), "W"), this.#act("Shrink", () => actions.shrink(), "S"),
        this.#act("Same person", () => actions.link()), this.#act("Merge", () => actions.merge(), "M"),
        this.#act("Copy to…", () => this.copying.copy(), "Y"),
        open ? this.#act(`In order: ${counted(open, "item")}`, () => this.checking.accept(), "A") : null,
        gone ? this.#act("Hide again", () => actions.restore()) : null,
        this.#act("Reject…", () => actions.remove(), "Delete", "rv-danger")),
      told.length ? this.#release([h("p", {}, `${hidden} hidden, ${told.length - hidden} shown`)]) : null,
    ];
  }

  #inRelease(one, effects) {
    const { reference, told, trouble } = this.inRelease;
    if (reference === null) return null;
    if (one) return this.#release(outcome(one, effects));
    const why = told
      ? "Outside of the clips of this release, or not saved yet."
      : trouble || "The release is being read…";
    return this.#release([h("p", { class: told ? "rv-hint" : "rv-trouble" }, why)], false);
  }

  #release(parts, decidable = true) {
    const act = this.#act("Hide or show…", () => this.deciding.decide(), "H");
    act.disabled = !this.inRelease.told?.may_decide;
    return h("div", { class: "rv-inrelease" },
      h("h3", {}, `In ${this.inRelease.reference}`, decidable ? act : ""), ...parts.filter(Boolean));
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
    const { actions, sounds } = this;
    const field = h("select", {
      "data-name": "effect", "aria-label": "Effect", disabled: !this.mayEdit,
      onchange: () => sounds.change({ ...span, span: span.id, effect: field.value }),
    });
    field.append(...Object.entries(SOUND_EFFECTS).map(([value, words]) => h("option", { value }, words)));
    field.value = span.effect;
    return [
      h("h2", {}, "Hidden sound"),
      h("p", { class: "rv-hint" }, `${timecode(span.start)} to ${timecode(span.end)}. Drag its edges, or press [ and ], to trim it.`),
      h("div", { class: "rv-field" }, h("span", { "aria-hidden": "true" }, "Effect"), field),
      h("div", { class: "rv-acts" },
        this.#act("Starts here", () => actions.startsHere(), "["), this.#act("Ends here", () => actions.endsHere(), "]"),
        this.#act("Move", () => actions.grab(), "G"), this.#act("Remove…", () => sounds.remove(), "Delete", "rv-danger")),
      this.#inRelease(this.inRelease.ofSound(span.id), SOUND_EFFECTS),
    ];
  }
}
