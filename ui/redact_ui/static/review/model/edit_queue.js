// Edits waiting to be recorded by the server. None is ever lost.

import { ApiError } from "./api.js";
import { touched } from "./edit_rules.js";
import { Emitter } from "./emitter.js";
import { actOf } from "./history.js";

/** @import { Edit, EditsAnswer, FootageInfo, LoggedEdit } from "../types.js" */
/** @import { Api } from "./api.js" */

/**
 * One edit as kept in the browser's storage, under `key`: an edit of the tracks `tracks`, based on revision `base`.
 * @typedef {{ key: string, op: LoggedEdit, tracks: number | null, base: number, at: number, count: number }} QueuedEdit
 */

/**
 * Edits that the server did not accept: they wait for the person's decision.
 * @typedef {{ ops: QueuedEdit[], kind: "conflict" | "refused", text: string, conflicts: string[], revision?: number }} HeldEdits
 */

/**
 * "offline": no response; "trouble": a server error; "refused": no edit of this person is accepted.
 * @typedef {"saved" | "saving" | "offline" | "trouble" | "signed-out" | "refused"} QueueState
 */

/** @typedef {{ ids: Set<string>, resolve: (saved: boolean) => void }} Waiter */

const EDITS_AT_ONCE = 100;
const FIRST_WAIT = 1000; // ms
const LONGEST_WAIT = 30000;
const TRANSIENT = [401, 408, 429]; // may pass by itself or after a new sign-in
/** @type {Record<number, QueueState>} 403 may only mean that the session has a new token */
const STATES = { 0: "offline", 401: "signed-out", 403: "saving" };

/**
 * The tracks and sounds that an edit concerns. `known` has the edits that an undo may refer to; an undo of an unknown
 * edit concerns none.
 * @param {Edit} op @param {ReadonlyMap<string, Edit>} known @returns {string[]}
 */
export function subjectsOf(op, known) {
  if (op.op === "undo" || op.op === "redo") {
    const meant = known.get(op.edit);
    return !meant || meant.op === "undo" || meant.op === "redo" ? [] : subjectsOf(meant, known);
  }
  if (op.op === "add-sound" || op.op === "change-sound" || op.op === "remove-sound") return [`sound ${op.span}`];
  return touched(op).map((id) => `track ${id}`);
}

/** @param {string[]} a @param {string[]} b */
const overlap = (a, b) => a.some((each) => b.includes(each));

/**
 * Each edit is written to the browser's storage before it is sent. It is removed only once the server has acknowledged
 * it or the person has discarded it. All windows of one person share the storage; an edit sent by two of them is recorded
 * once, because it has an id.
 *
 * Events: "change" (another state); "held" (an entry of `held` was added or removed); "saved"; "foreign" (other
 * people's edits came in between); "dropped" (ids of discarded edits); "elsewhere" (ids of edits that another window
 * has sent). @extends {Emitter<{ change: undefined, held: undefined, saved: { revision: number, ids: string[] },
 * foreign: undefined,
 *   dropped: string[], elsewhere: string[] }>}
 */
export class EditQueue extends Emitter {
  /**
   * @param {Api} api
   * @param {Pick<FootageInfo, "id" | "user" | "tracks_id" | "revision">} info
   * @param {Storage} [storage]
   */
  constructor(api, info, storage = window.localStorage) {
    super();
    this.api = api;
    this.storage = storage;
    this.user = info.user;
    this.tracksId = info.tracks_id;
    this.base = info.revision;
    this.prefix = `redact-edit/${info.user}/${info.id}/`;
    /** @type {QueuedEdit[]} */
    this.waiting = [];
    /** @type {HeldEdits[]} */
    this.held = [];
    /** @type {QueueState} */
    this.state = "saved";
    this.refusal = ""; // why all edits are refused
    this.wait = FIRST_WAIT;
    this.stored = true; // false once the storage is full or missing
    this.busy = false;
    this.single = false; // the next request has only one edit
    this.renewed = false; // the token was renewed
    /** @type {Waiter[]} */
    this.waiters = [];
    this.count = 0;
    /** @type {Set<string>} ids of edits made in this window */
    this.mine = new Set();
    /** @type {Map<string, Edit>} all edits known to this window */
    this.known = new Map();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    window.addEventListener("online", () => this.retry());
    window.addEventListener("beforeunload", (event) => {
      if (!this.stored && this.unsaved) event.preventDefault();
    });
    window.addEventListener("storage", (event) => {
      // Another window has sent it.
      if (event.key?.startsWith(this.prefix) && event.newValue === null) this.#sentElsewhere(event.key);
    });
  }

  /** The number of edits not recorded yet. */
  get unsaved() {
    return this.waiting.length + this.held.reduce((n, entry) => n + entry.ops.length, 0);
  }

  /** Sends the edits that an earlier page left behind, and returns them, oldest first. */
  resume() {
    /** @type {QueuedEdit[]} */
    const found = [];
    for (let i = 0; i < this.storage.length; i++) {
      const key = this.storage.key(i);
      if (!key?.startsWith(this.prefix)) continue;
      try {
        found.push({ key, ...JSON.parse(this.storage.getItem(key) ?? "") });
      } catch {
        continue; // an entry of something else
      }
    }
    found.sort((a, b) => a.at - b.at || a.count - b.count);
    this.waiting.push(...found);
    for (const { op } of found) {
      this.mine.add(op.id);
      this.known.set(op.id, op);
    }
    if (found.length) this.#send();
    return found.map((entry) => entry.op);
  }

  /** @param {LoggedEdit[]} ops */
  add(ops) {
    for (const op of ops) {
      const { tracksId: tracks, base } = this;
      const one = { key: `${this.prefix}${op.id}`, op, tracks, base, at: Date.now(), count: this.count++ };
      this.#store(one);
      this.waiting.push(one);
      this.mine.add(op.id);
      this.known.set(op.id, op);
    }
    this.#send();
  }

  /** Remembers recorded edits, which an undo may refer to. @param {EditsAnswer["edits"]} edits */
  remember(edits) {
    for (const { id, edit } of edits) this.known.set(id, edit);
  }

  /**
   * Resolves to true once these edits are recorded, to false if they will not be soon.
   * @param {string[]} ids @returns {Promise<boolean>}
   */
  whenSaved(ids) {
    return new Promise((resolve) => {
      this.waiters.push({ ids: new Set(ids), resolve });
      if (!["saved", "saving"].includes(this.state)) this.#giveUp();
    });
  }

  /** Keeps other people's edits and discards this entry's. @param {HeldEdits} entry */
  discard(entry) {
    this.held = this.held.filter((each) => each !== entry);
    for (const one of entry.ops) this.storage.removeItem(one.key);
    this.emit("dropped", entry.ops.map((one) => one.op.id));
    this.#heldChanged();
  }

  /** Sends this entry's edits again, after those of other people. @param {HeldEdits} entry */
  resend(entry) {
    this.held = this.held.filter((each) => each !== entry);
    for (const one of entry.ops) {
      one.base = Math.max(one.base, this.base, entry.revision ?? 0);
      this.#store(one);
    }
    this.waiting.unshift(...entry.ops);
    this.#heldChanged();
    this.#send();
  }

  /** A newer revision is on the screen: later edits are based on it. @param {number} revision */
  rebase(revision) {
    this.base = Math.max(this.base, revision);
  }

  /** Sends the waiting edits at once. */
  retry() {
    clearTimeout(this.timer);
    this.wait = FIRST_WAIT;
    this.#send();
  }

  /** Sends the waiting edits in batches, one batch at a time. @returns {Promise<void>} */
  async #send() {
    if (this.busy || !this.waiting.length) {
      this.#changed();
      return;
    }
    this.busy = true;
    this.#changed();
    const { tracks, base } = this.waiting[0];
    const most = this.single ? 1 : EDITS_AT_ONCE;
    /** @type {QueuedEdit[]} */
    const batch = [];
    for (const one of this.waiting) {
      if (batch.length >= most || one.tracks !== tracks || one.base !== base) break;
      batch.push(one);
    }
    let pause = 0;
    try {
      /** @type {{ revision: number }} */
      const { revision } = await this.api.post("/ops", {
        tracks_id: tracks, base_revision: base, ops: batch.map((one) => one.op),
      });
      await this.#acknowledged(batch, revision);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      pause = await this.#failed(batch, error);
    } finally {
      this.busy = false;
    }
    if (pause) this.timer = setTimeout(() => this.#send(), pause);
    else this.#send();
  }

  /** @param {QueuedEdit[]} batch @param {number} revision */
  async #acknowledged(batch, revision) {
    const foreign = revision > batch[0].base + batch.length;
    this.base = Math.max(this.base, revision);
    this.waiting = this.waiting.filter((one) => !batch.includes(one));
    for (const one of batch) this.storage.removeItem(one.key);
    this.wait = FIRST_WAIT;
    this.single = false;
    this.renewed = false;
    this.state = "saved";
    const ids = batch.map((one) => one.op.id);
    this.waiters = this.waiters.filter((waiter) => {
      for (const id of ids) waiter.ids.delete(id);
      if (waiter.ids.size) return true;
      waiter.resolve(true);
      return false;
    });
    this.emit("saved", { revision, ids });
    if (foreign) this.emit("foreign");
    await this.#rebase(revision, foreign, batch[0].base);
  }

  /**
   * The waiting edits are based on this window's earlier edits. Other people's edits of other tracks and sounds do not
   * matter to them; for the rest, the server decides whether they conflict.
   * @param {number} revision @param {boolean} foreign @param {number} base of the batch that became `revision`
   */
  async #rebase(revision, foreign, base) {
    /** @type {string[]} */
    let theirs = [];
    if (foreign && this.waiting.length) {
      const after = Math.min(...this.waiting.map((one) => one.base));
      try {
        /** @type {EditsAnswer} */
        const { edits } = await this.api.get(`/edits?after=${after}`);
        this.remember(edits);
        theirs = edits.filter((each) => !this.mine.has(each.id)).flatMap((each) => subjectsOf(each.edit, this.known));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return; // the server will find the conflicts
      }
    }
    for (const one of this.waiting) {
      // An edit with an older base than the batch was already held back by other people's edits.
      const keptBack = !foreign && one.base < base;
      if (keptBack || one.base >= revision || overlap(subjectsOf(one.op, this.known), theirs)) continue;
      one.base = revision;
      this.#store(one);
    }
  }

  /**
   * Returns the delay before the next attempt, in ms.
   * @param {QueuedEdit[]} batch @param {ApiError} error
   */
  async #failed(batch, error) {
    const final = [400, 409, 413, 422].includes(error.status);
    if (final && batch.length > 1) {
      this.single = true; // so that one edit does not hold up the others
      return 0;
    }
    if (final) {
      this.single = false;
      this.renewed = false;
      this.#hold(batch[0], error);
      return 0;
    }
    // Nothing else is discarded: a refused edit may be accepted once a right is restored.
    const refused = error.status >= 400 && error.status < 500 && !TRANSIENT.includes(error.status);
    this.state = STATES[error.status] ?? (error.status ? "trouble" : "offline");
    if (refused && (error.status !== 403 || this.renewed)) [this.state, this.refusal] = ["refused", error.message];
    this.#giveUp();
    this.#changed();
    if (error.status === 401 || error.status === 403) await this.#renew();
    const pause = this.wait * (0.8 + 0.4 * Math.random());
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    return pause;
  }

  /** Fetches the session's new token, after a sign-in in another window. */
  async #renew() {
    try {
      /** @type {{ csrf: string, user: string }} */
      const { csrf, user } = await this.api.get("");
      this.renewed = true;
      if (user === this.user) this.api.csrf = csrf;
      else [this.state, this.refusal] = ["refused", `${user} is signed in now, but these edits belong to ${this.user}.`];
    } catch {
      this.renewed = false;
    }
    this.#changed();
  }

  /** Holds an edit that cannot be recorded, and later ones that build on it. @param {QueuedEdit} one @param {ApiError} error */
  #hold(one, { status, message, problem }) {
    const subjects = subjectsOf(one.op, this.known);
    const act = actOf(one.op.id);
    const ops = this.waiting.filter(
      (each) => each === one || actOf(each.op.id) === act || overlap(subjectsOf(each.op, this.known), subjects),
    );
    this.waiting = this.waiting.filter((each) => !ops.includes(each));
    this.held.push({
      ops,
      kind: status === 409 && problem.conflicts ? "conflict" : "refused",
      text: message,
      conflicts: problem.conflicts ?? [],
      revision: problem.revision,
    });
    this.state = "saved";
    this.#giveUp(new Set(ops.map((each) => each.op.id)));
    this.#heldChanged();
    if (problem.revision) this.emit("foreign");
  }

  /** @param {Set<string> | null} [ids] */
  #giveUp(ids = null) {
    this.waiters = this.waiters.filter((waiter) => {
      if (ids && ![...waiter.ids].some((id) => ids.has(id))) return true;
      waiter.resolve(false);
      return false;
    });
  }

  /** @param {QueuedEdit} one */
  #store({ key, ...value }) {
    try {
      this.storage.setItem(key, JSON.stringify(value));
    } catch {
      this.stored = false; // full or missing: the page warns before it is left
    }
  }

  /** @param {string} key */
  #sentElsewhere(key) {
    const gone = this.waiting.filter((one) => one.key === key);
    if (gone.length && !this.busy) {
      this.waiting = this.waiting.filter((one) => one.key !== key);
      this.emit("elsewhere", gone.map((one) => one.op.id));
      this.#changed();
    }
    this.emit("foreign");
  }

  #heldChanged() {
    this.#settleState();
    this.emit("held");
    this.emit("change");
  }

  #changed() {
    this.#settleState();
    this.emit("change");
  }

  #settleState() {
    if (this.waiting.length && this.state === "saved") this.state = "saving";
    if (!this.waiting.length) this.state = this.state === "saving" ? "saved" : this.state;
  }
}
