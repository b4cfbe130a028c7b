// Deciding what a release does with the selected tracks or sound.

import { PICTURE_EFFECTS, RELEASE_STATES, SOUND_EFFECTS } from "../model/release_decisions.js";
import { askDecision } from "../view/dialogs.js";
import { counted } from "../view/dom.js";

/** @import { Decision, Outcome, PolicyOutcome, ReleaseState, Shared } from "../types.js" */
/** @import { Choice, DecisionAnswer, DecisionQuestion } from "../view/dialogs.js" */

/** @param {PolicyOutcome | undefined} policy */
function policyText(policy) {
  if (!policy?.hidden) return "shown";
  return `hidden, ${(PICTURE_EFFECTS[policy.effect] ?? policy.effect).toLowerCase()}${policy.codes.length ? `, ${policy.codes.join(", ")}` : ""}`;
}

/** The decision in force; empty if only the policy applies. @param {Outcome} outcome */
function inForce({ hidden, by, effect, codes, reason }) {
  const decided = by !== "policy";
  return { action: hidden ? "hide" : "show", effect: decided ? effect : null, codes: decided ? codes : [], reason: decided ? reason : "" };
}

export class DecisionCommands {
  /** @param {Pick<Shared, "root" | "model" | "selection" | "release" | "say" | "changed">} shared */
  constructor({ root, model, selection, release, say, changed }) {
    this.root = root;
    this.model = model;
    this.selection = selection;
    this.release = release;
    this.say = say;
    this.changed = changed;
  }

  /** Asks for a decision on the selection and sends it. */
  async decide() {
    const { release, selection } = this;
    const { current } = release;
    if (!current) {
      this.say(release.reference === null ? "Select a release above the picture first." : release.trouble || "Loading the release…");
    } else if (!current.may_decide) {
      this.say(`The release is ${RELEASE_STATES[current.state]}: you cannot record decisions in it.`);
    } else if (!current.same_tracks) {
      this.say("The release uses an earlier detection run on this footage. Choose its clips again on the release page first.");
    } else if (selection.sound !== null) {
      await this.#decideSound(current, selection.sound);
    } else {
      await this.#decideTracks(current);
    }
  }

  /** @param {ReleaseState} current @param {number} id */
  async #decideSound(current, id) {
    const span = this.model.sounds().get(id);
    const outcome = this.release.ofSound(id);
    if (!span || !outcome) {
      this.say("This sound is not in the release, or is still being saved.");
      return;
    }
    await this.#ask(current, {
      title: `Hidden sound in ${this.release.reference}`, scopes: [["selected", "This sound"]], now: inForce(outcome),
      policy: "as it treats sound", effects: Object.entries(SOUND_EFFECTS),
    }, () => [{ sound: id, start: span.start, end: span.end }]);
  }

  /** @param {ReleaseState} current */
  async #decideTracks(current) {
    const { release, selection, model } = this;
    const ids = selection.ids.filter((id) => release.ofTrack(id));
    const main = model.tracks().get(ids.at(-1) ?? -1);
    const outcome = main ? release.ofTrack(main.id) : null;
    if (!main || !outcome) {
      const why = "The selection is outside the clips of the release, was rejected, or is still being saved.";
      this.say(selection.size ? why : "Select a track first: click a mask or a lane.");
      return;
    }
    const linked = model.lanes().filter((t) => t.subject === main.subject && release.ofTrack(t.id)).map((t) => t.id);
    const single = [...model.tracks().values()].filter((t) => t.label === main.label && release.ofTrack(t.id)?.by === "own").length;
    const kept = single ? `; ${counted(single, "individual decision")} ${single === 1 ? "stays" : "stay"} in force` : "";
    /** @type {Choice[]} */
    const scopes = [["selected", ids.length > 1 ? `The ${ids.length} selected tracks` : "This track"]];
    if (linked.length > 1) scopes.push(["linked", `All ${linked.length} tracks of the same person or thing`]);
    scopes.push(["class", `All tracks of the class “${main.label}”, in every clip of the release${kept}`]);
    await this.#ask(current, {
      title: `${ids.length > 1 ? `${ids.length} tracks` : `${main.label} ${main.id}`} in ${release.reference}`,
      scopes, now: inForce(outcome), policy: policyText(release.policies.get(main.label)),
      effects: Object.entries(PICTURE_EFFECTS),
    }, (scope) => (scope === "class" ? [{ class: main.label }] : (scope === "linked" ? linked : ids).map((track) => ({ track }))));
  }

  /**
   * @param {ReleaseState} current @param {Omit<DecisionQuestion, "codes" | "note">} question
   * @param {(scope: string) => Decision["target"][]} targets
   */
  async #ask(current, question, targets) {
    const { reference } = this.release;
    const note = current.state === "draft" ? "" : `The release is ${RELEASE_STATES[current.state]}. A decision makes it a draft again.`;
    const send = (/** @type {DecisionAnswer} */ { scope, action, effect, codes, reason }) =>
      this.release.decide(targets(scope).map((target) => ({
        target, action, ...(effect ? { effect } : {}), ...(codes.length ? { codes } : {}), ...(reason ? { reason } : {}),
      })));
    if (await askDecision(this.root, { ...question, codes: current.codes, note, send })) {
      this.say(`Decision saved in ${reference}.`);
      this.changed();
    }
  }
}
