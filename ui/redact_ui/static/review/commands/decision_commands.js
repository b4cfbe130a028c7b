// What one release does with the tracks and sounds of this footage, and deciding what it is to do.

import { askDecision } from "../view/dialogs.js";
import { counted, h } from "../view/dom.js";
import { ApiError } from "../model/edit_queue.js";

export const PICTURE_EFFECTS = { solid: "Solid", mosaic: "Mosaic", blur: "Blur" };
export const SOUND_EFFECTS = { mute: "Mute", bleep: "Bleep", disguise: "Disguise the voice" };
const STATES = { draft: "draft", "in-review": "in review", approved: "approved", exported: "exported", withdrawn: "withdrawn" };
const BY = { policy: "by the policy", class: "by a decision on the class", own: "by a decision on it alone" };

/** The release that is looked at, or none. Events: "change" (another one, or another decision in it). */
export class InRelease extends EventTarget {
  constructor(api, reference) {
    super();
    Object.assign(this, { api, reference, told: null, trouble: "", listed: [], asked: 0 });
  }

  /** The footage's releases, to choose from. */
  async list() {
    this.listed = (await this.api.get("/releases")).releases;
  }

  async choose(reference) {
    Object.assign(this, { reference, told: null, trouble: "" });
    this.dispatchEvent(new CustomEvent("change"));
    await this.load();
  }

  /** What it decides as things are now. What goes wrong is kept in `trouble`: the release may not stand any more. */
  async load() {
    if (this.reference === null) return;
    const asked = ++this.asked;
    try {
      const told = await this.api.get(`/decisions?release=${encodeURIComponent(this.reference)}`);
      if (asked !== this.asked) return; // a later question was asked
      const changed = this.told?.content !== told.content || this.told?.state !== told.state;
      Object.assign(this, { told, trouble: "" });
      this.tracks = new Map(told.tracks.map((one) => [one.id, one]));
      this.sounds = new Map(told.sounds.map((one) => [one.id, one]));
      this.classes = new Map(told.classes.map((one) => [one.label, one]));
      if (changed) this.dispatchEvent(new CustomEvent("change"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (asked !== this.asked || ![400, 403, 404].includes(error.status)) return; // the next look will do
      Object.assign(this, { told: null, trouble: error.message });
      this.dispatchEvent(new CustomEvent("change"));
    }
  }

  ofTrack(id) {
    return this.told ? (this.tracks.get(id) ?? null) : null;
  }

  ofSound(id) {
    return this.told ? (this.sounds.get(id) ?? null) : null;
  }

  /** One after the other. Resolves to null, or to what went wrong, and after how many. */
  async decide(decisions) {
    const address = `/api/releases/${encodeURIComponent(this.reference)}/decide`;
    let done = 0;
    try {
      for (const decision of decisions) {
        await this.api.send(address, { decision, exhibit: this.told.exhibit });
        done += 1;
      }
      return null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const before = done ? ` ${done} of ${decisions.length} were decided before.` : "";
      return `It was not decided. ${error.message}${before}`;
    } finally {
      if (done) await this.load();
    }
  }
}

/** "Hidden (solid)", "Shown" and so on, with why and by whom, as elements. */
export function outcome(one, effects) {
  const told = one.hidden ? `Hidden: ${(effects[one.effect] ?? one.effect).toLowerCase()}` : "Shown";
  const who = one.who ? `, ${one.who}, ${new Date(one.at).toLocaleString("en-GB")}` : "";
  return [
    h("p", { class: one.hidden ? "rv-hides" : "rv-shows" },
      h("strong", {}, told), one.codes.length ? ` for ${one.codes.join(", ")}` : "", one.hidden && !one.codes.length ? " without a reason code" : ""),
    one.reason ? h("p", { class: "rv-what" }, h("q", {}, one.reason)) : null,
    h("p", { class: "rv-hint" }, `As ${one.subject}, ${BY[one.by]}${who}.`),
  ];
}

const asPolicy = ({ hidden, effect, codes }) =>
  hidden ? `hidden, ${PICTURE_EFFECTS[effect].toLowerCase()}${codes.length ? `, ${codes.join(", ")}` : ""}` : "shown";

export class Deciding {
  constructor({ root, model, selection, inRelease, say, changed }) {
    Object.assign(this, { root, model, selection, inRelease, say, changed });
  }

  /** Asks, for what is chosen, and tells the server. */
  async decide() {
    const { inRelease, selection } = this;
    const { told } = inRelease;
    if (!told) {
      this.say(inRelease.reference === null ? "Choose a release first, above the picture." : inRelease.trouble || "The release is being read…");
    } else if (!told.may_decide) {
      this.say(`The release is ${STATES[told.state]}: nothing can be decided in it, or not by you.`);
    } else if (!told.same_tracks) {
      this.say("The release was made of an earlier search of this footage: choose its clips anew on its page first.");
    } else if (selection.sound !== null) {
      await this.#sound();
    } else {
      await this.#tracks();
    }
  }

  async #sound() {
    const span = this.model.sounds().get(this.selection.sound);
    const one = this.inRelease.ofSound(span?.id);
    if (!one) {
      this.say("This sound is not in the release, or is being saved still.");
      return;
    }
    const target = { sound: span.id, start: span.start, end: span.end };
    await this.#ask({
      title: `Hidden sound in ${this.inRelease.reference}`, scopes: [["chosen", "This sound"]], now: this.#now(one),
      policy: "as it says of sound", effects: Object.entries(SOUND_EFFECTS), targets: () => [target],
    });
  }

  async #tracks() {
    const { inRelease, selection, model } = this;
    const ids = selection.ids.filter((id) => inRelease.ofTrack(id));
    if (!ids.length) {
      const why = "What is chosen lies outside of the release's clips, was rejected, or is being saved still.";
      this.say(selection.size ? why : "Choose a track first: click a mask or a lane.");
      return;
    }
    const main = model.tracks().get(ids.at(-1));
    const person = model.lanes().filter((t) => t.subject === main.subject && inRelease.ofTrack(t.id)).map((t) => t.id);
    const own = [...model.tracks().values()].filter((t) => t.label === main.label && inRelease.ofTrack(t.id)?.by === "own");
    const kept = own.length ? `; ${counted(own.length, "decision")} on single tracks stay${own.length === 1 ? "s" : ""}` : "";
    const tracks = { chosen: ids, person };
    await this.#ask({
      title: `${ids.length > 1 ? `${ids.length} tracks` : `${main.label} ${main.id}`} in ${inRelease.reference}`,
      scopes: [
        ["chosen", ids.length > 1 ? `The ${ids.length} chosen tracks` : "This track"],
        ...(person.length > 1 ? [["person", `All ${person.length} tracks of the same person or thing`]] : []),
        ["class", `All of the class “${main.label}”, in every clip of the release${kept}`],
      ],
      now: this.#now(inRelease.ofTrack(main.id)), policy: asPolicy(inRelease.classes.get(main.label).policy),
      effects: Object.entries(PICTURE_EFFECTS),
      targets: (scope) => (scope === "class" ? [{ class: main.label }] : tracks[scope].map((track) => ({ track }))),
    });
  }

  /** What stands there now, to begin with; what the policy alone decided stays the policy's unless it is changed. */
  #now({ hidden, by, effect, codes, reason }) {
    const own = by !== "policy";
    return { action: hidden ? "hide" : "show", effect: own ? effect : null, codes: own ? codes : [], reason: own ? reason : "" };
  }

  async #ask({ targets, ...question }) {
    const { told, reference } = this.inRelease;
    const note = told.state === "draft" ? "" : `The release is ${STATES[told.state]}. A decision makes it a draft again.`;
    const send = ({ scope, action, effect, codes, reason }) =>
      this.inRelease.decide(targets(scope).map((target) => ({
        target, action, ...(effect ? { effect } : {}), ...(codes.length ? { codes } : {}), ...(reason ? { reason } : {}),
      })));
    if (await askDecision(this.root, { ...question, codes: told.codes, note, send })) {
      this.say(`Decided in ${reference}.`);
      this.changed();
    }
  }
}
