// Keeps the page up to date with the server: tracks, boxes, masks, the review queue, other people's edits.

import { ApiError } from "./model/api.js";
import { History } from "./model/history.js";
import { CHUNK, named } from "./model/track_model.js";
import { counted } from "./view/dom.js";

/** @import { BoxRow, EditsAnswer, FootageInfo, ReviewItem, ShapesAnswer, Shared, Track, TracksAnswer } from "./types.js" */
/** @import { ChunkKind } from "./model/track_model.js" */
/** @import { Notices } from "./view/notices.js" */
/** @import { Overlay } from "./view/overlay.js" */
/** @import { ReviewQueue } from "./view/review_queue.js" */

const REVIEW_ITEMS_AFTER = 700; // ms after an edit
const BUCKETS = 4000; // number of waveform values
const RETRY = 3000; // ms
const CHUNKS_KEPT = 40; // chunks loaded before and after the visible one
const TRACKS_AT_ONCE = 250;

/** Ignores a failed request, which will be repeated anyway; rethrows any other error. @param {unknown} error */
export function ignoreApiError(error) {
  if (!(error instanceof ApiError)) throw error;
}

export class Loader {
  /**
   * @param {Pick<Shared, "api" | "model" | "player" | "queue" | "release" | "say" | "changed">
   *   & { info: FootageInfo, history: History, notices: Notices, overlay: Overlay, reviewQueue: ReviewQueue,
   *   actors: Map<string, string>, stopped: AbortSignal }} shared `actors`: who made each edit, by the edit's id
   */
  constructor({ api, model, player, queue, release, say, changed, info, history, notices, overlay, reviewQueue, actors, stopped }) {
    this.api = api;
    this.model = model;
    this.player = player;
    this.queue = queue;
    this.release = release;
    this.say = say;
    this.changed = changed;
    this.info = info;
    this.history = history;
    this.notices = notices;
    this.overlay = overlay;
    this.reviewQueue = reviewQueue;
    this.actors = actors;
    this.stopped = stopped;
    /** @type {Map<string, string>} chunks being loaded, and their revision */
    this.fetching = new Map();
    this.decisions = 0; // number of changes to the decisions of the release
    /** @type {Promise<void>} */
    this.lanes = Promise.resolve();
    /** @type {Set<string>} edits without effect that were reported */
    this.reported = new Set();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.checking = false;
    this.refreshing = false;
    this.refreshAgain = false;
  }

  /** Repeats `load` until it succeeds. @template Result @param {() => Promise<Result>} load @returns {Promise<Result>} */
  async keepTrying(load) {
    for (;;) {
      try {
        return await load();
      } catch (error) {
        if (!(error instanceof ApiError) || this.stopped.aborted) throw error;
        this.say(error.message);
        await new Promise((resolve) => {
          setTimeout(resolve, RETRY);
        });
      }
    }
  }

  /** Loads all lanes in chunks, shown as they arrive; later only those that have changed. */
  async tracks() {
    const before = this.lanes;
    // One after the other: each builds on the lanes loaded before.
    this.lanes = before.catch(() => undefined).then(() => this.#tracks());
    await this.lanes;
  }

  async #tracks() {
    const held = this.model.server.revision;
    const after = held < 0 ? "" : `&after=${held}`;
    let query = `revision=${this.model.revision}${after}`;
    /** @type {Track[]} */
    const changed = [];
    /** @type {TracksAnswer} */
    let answer;
    for (let from = 0; ; from += TRACKS_AT_ONCE) {
      answer = await this.api.get(`/tracks?${query}&from=${from}&count=${TRACKS_AT_ONCE}`);
      if (answer.tracks_id !== this.info.tracks_id) this.notices.outdated();
      changed.push(...answer.tracks);
      if (from + TRACKS_AT_ONCE >= answer.total) break;
      if (held < 0) {
        this.model.setTracks({ ...answer, revision: -1, tracks: changed });
        this.changed();
      }
      query = `revision=${answer.revision}${after}`;
    }
    this.model.setTracks({ ...answer, tracks: changed });
    this.model.revision = Math.max(this.model.revision, answer.revision);
    this.#reportSkipped(answer);
    this.changed();
    this.chunks();
  }

  /** @param {TracksAnswer} answer */
  #reportSkipped({ skipped = [] }) {
    const mine = skipped.find(({ edit }) => this.queue.mine.has(edit) && !this.reported.has(edit));
    if (!mine) return;
    this.reported.add(mine.edit);
    this.say(`One of your edits has no effect. ${mine.reason}`);
  }

  /** Loads the review queue of the release, or of the whole footage if there is no valid release. */
  async reviewItems() {
    const { reference, trouble } = this.release;
    const query = reference === null || trouble ? "" : `?release=${encodeURIComponent(reference)}`;
    /** @type {{ items: ReviewItem[] }} */
    const { items } = await this.api.get(`/risks${query}`);
    this.reviewQueue.setItems(items);
    if (!this.reviewQueue.item) this.overlay.detection = null;
  }

  /** @param {(peaks: number[]) => void} received */
  async waveform(received) {
    try {
      /** @type {{ peaks: number[] }} */
      const { peaks } = await this.api.get(`/waveform?buckets=${BUCKETS}`);
      received(peaks);
    } catch (error) {
      ignoreApiError(error);
      this.say("The waveform could not be loaded. The sound can be edited without it.");
    }
  }

  /** Loads this person's earlier edits, from any window, so that they can be undone. */
  async past() {
    /** @type {EditsAnswer} */
    const { edits } = await this.api.get("/edits?after=0");
    const past = new History();
    for (const { id, actor } of edits) this.actors.set(id, actor);
    this.queue.remember(edits);
    for (const { id, actor, edit } of edits) if (actor === this.info.user) past.push({ id, ...edit });
    for (const { op } of this.model.pending) past.push(op);
    this.history.replace(past);
  }

  /** Checks whether other people, or other windows, have made edits. */
  async others() {
    if (document.hidden || this.checking) return;
    this.checking = true;
    try {
      /** @type {EditsAnswer} */
      const { revision, edits } = await this.api.get(`/edits?after=${this.model.revision}`);
      const theirs = edits.filter(({ id }) => !this.queue.mine.has(id));
      for (const { id, actor } of theirs) this.actors.set(id, actor);
      this.queue.remember(theirs);
      if (theirs.length) this.notices.draw();
      if (revision > this.model.revision) {
        this.model.revision = revision;
        this.queue.rebase(revision);
        await this.refresh();
      } else if (this.model.server.revision < revision) {
        await this.refresh();
      }
      const last = theirs.at(-1);
      if (last) this.say(`${last.actor} made ${counted(theirs.length, "edit")} to this footage.`);
    } catch (error) {
      ignoreApiError(error);
    } finally {
      this.checking = false;
    }
  }

  /** Loads the tracks again, and a little later the review queue and the decisions. */
  async refresh() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.reviewItems().catch(() => undefined);
      this.release.load();
    }, REVIEW_ITEMS_AFTER);
    if (this.refreshing) {
      this.refreshAgain = true;
      return;
    }
    this.refreshing = true;
    try {
      do {
        this.refreshAgain = false;
        await this.tracks();
      } while (this.refreshAgain);
    } catch (error) {
      ignoreApiError(error);
    } finally {
      this.refreshing = false;
    }
  }

  /** The release or its decisions have changed: reloads masks and review queue. */
  decisionsChanged() {
    this.decisions += 1;
    this.model.outdateShapes();
    this.chunks();
    this.reviewItems().catch(() => undefined);
  }

  /** Loads missing or outdated boxes and masks around the visible frame. */
  chunks() {
    const here = Math.floor(this.player.wanted / CHUNK);
    const last = Math.floor((this.info.frames - 1) / CHUNK);
    this.model.forgetFar(here, CHUNKS_KEPT);
    for (const number of [here, here + 1, here - 1]) {
      if (number < 0 || number > last) continue;
      this.#chunk("boxes", number);
      this.#chunk("shapes", number);
    }
  }

  /** @param {ChunkKind} kind @param {number} number */
  async #chunk(kind, number) {
    const key = `${kind}/${number}`;
    const { revision } = this.model;
    const { decisions } = this;
    const { reference, trouble } = this.release;
    const wanted = `${revision} ${decisions}`;
    if (!this.model.isStale(kind, number) || this.fetching.get(key) === wanted) return;
    this.fetching.set(key, wanted);
    // Without a valid release, all masks are shown.
    const inRelease = kind === "shapes" && reference !== null && !trouble ? `&release=${encodeURIComponent(reference)}` : "";
    const query = `revision=${revision}&from=${number * CHUNK}&count=${CHUNK}`;
    try {
      if (kind === "boxes") {
        /** @type {{ revision?: number, frames: BoxRow[][] }} */
        const answer = await this.api.get(`/boxes?${query}`);
        this.model.setBoxes(number, answer.revision ?? revision, answer.frames);
      } else {
        /** @type {ShapesAnswer} */
        const answer = await this.api.get(`/shapes?${query}${inRelease}`);
        if (decisions !== this.decisions) return; // for another release, or from before a decision
        this.model.setShapes(number, answer.revision ?? revision, named(answer));
      }
      this.overlay.draw();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (inRelease && error.status >= 400 && error.status < 500) this.release.load(); // the error is shown
      setTimeout(() => this.chunks(), RETRY);
    } finally {
      if (this.fetching.get(key) === wanted) this.fetching.delete(key);
    }
  }
}
