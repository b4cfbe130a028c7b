// How one release treats the tracks and sounds of this footage.

import { ApiError } from "./api.js";
import { Emitter } from "./emitter.js";

/** @import { Decision, ListedRelease, Outcome, PolicyOutcome, ReleaseState } from "../types.js" */
/** @import { Api } from "./api.js" */

/** @type {Record<string, string>} */
export const PICTURE_EFFECTS = { solid: "Solid", mosaic: "Mosaic", blur: "Blur" };
/** @type {Record<string, string>} */
export const SOUND_EFFECTS = { mute: "Mute", bleep: "Bleep", disguise: "Disguise the voice" };
/** @type {Record<string, string>} */
export const RELEASE_STATES = { draft: "draft", "in-review": "in review", approved: "approved", exported: "exported", withdrawn: "withdrawn" };

/**
 * The release whose decisions apply to the masks shown, or none. Events: "change" (another release or other decisions).
 * @extends {Emitter<{ change: undefined }>}
 */
export class ReleaseDecisions extends Emitter {
  /** @param {Api} api @param {string | null} reference */
  constructor(api, reference) {
    super();
    this.api = api;
    this.reference = reference;
    /** @type {ReleaseState | null} its current state on the server */
    this.current = null;
    this.trouble = ""; // why the release cannot be loaded: it may have been withdrawn
    /** @type {ListedRelease[]} */
    this.listed = [];
    /** @type {Map<number, Outcome>} */
    this.tracks = new Map();
    /** @type {Map<number, Outcome>} */
    this.sounds = new Map();
    /** @type {Map<string, PolicyOutcome>} the policy's treatment of each class */
    this.policies = new Map();
    this.requests = 0;
  }

  /** Loads the list of the footage's releases. */
  async list() {
    /** @type {{ releases: ListedRelease[] }} */
    const { releases } = await this.api.get("/releases");
    this.listed = releases;
  }

  /** @param {string | null} reference */
  async choose(reference) {
    this.reference = reference;
    this.#set(null, "");
    this.emit("change");
    await this.load();
  }

  /** Loads the decisions in force. */
  async load() {
    if (this.reference === null) return;
    const request = ++this.requests;
    try {
      /** @type {ReleaseState} */
      const state = await this.api.get(`/decisions?release=${encodeURIComponent(this.reference)}`);
      if (request !== this.requests) return; // there is a later request
      const changed = this.current?.content !== state.content || this.current?.state !== state.state;
      this.#set(state, "");
      if (changed) this.emit("change");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (request !== this.requests || ![400, 403, 404].includes(error.status)) return; // repeated later
      this.#set(null, error.message);
      this.emit("change");
    }
  }

  /** @param {ReleaseState | null} state @param {string} trouble */
  #set(state, trouble) {
    this.current = state;
    this.trouble = trouble;
    if (!state) return;
    this.tracks = new Map(state.tracks.map((outcome) => [outcome.id, outcome]));
    this.sounds = new Map(state.sounds.map((outcome) => [outcome.id, outcome]));
    this.policies = new Map(state.classes.map(({ label, policy }) => [label, policy]));
  }

  /** @param {number} id */
  ofTrack(id) {
    return this.current ? (this.tracks.get(id) ?? null) : null;
  }

  /** @param {number} id */
  ofSound(id) {
    return this.current ? (this.sounds.get(id) ?? null) : null;
  }

  /**
   * Sends decisions one after the other. Resolves to null, or to an error text with the number saved before.
   * @param {Decision[]} decisions @returns {Promise<string | null>}
   */
  async decide(decisions) {
    const address = `/api/releases/${encodeURIComponent(this.reference ?? "")}/decide`;
    let done = 0;
    try {
      for (const decision of decisions) {
        await this.api.send(address, { decision, exhibit: this.current?.exhibit });
        done += 1;
      }
      return null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const before = done ? ` ${done} of ${decisions.length} decisions were saved before that.` : "";
      return `The decision was not saved. ${error.message}${before}`;
    } finally {
      if (done) await this.load();
    }
  }
}
