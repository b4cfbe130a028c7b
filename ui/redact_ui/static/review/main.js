// The reviewer in any page: `mount({element, footage, csrf, release, base})`.

import { InRelease } from "./commands/decision_commands.js";
import { makeDoers } from "./commands/commands.js";
import { button, counted, h, icon, timecode } from "./view/dom.js";
import { History } from "./model/history.js";
import { Inspector } from "./view/inspector.js";
import { listen } from "./commands/keys.js";
import { Notices } from "./view/notices.js";
import { Overlay } from "./view/overlay.js";
import { clockTime, lay, listReleases } from "./layout.js";
import { Player } from "./view/player.js";
import { Risks } from "./view/review_queue.js";
import { Selection } from "./model/selection.js";
import { Model, PIECE, named, touched } from "./model/track_model.js";
import { Timeline } from "./view/timeline.js";
import { Api, ApiError, Queue } from "./model/edit_queue.js";

const OTHERS_EVERY = 5000; // ms
const RISKS_AFTER = 700;
const AROUND = 5; // seconds before and after an item to check, in the timeline
const BUCKETS = 4000;
const RETRY = 3000;
const PIECES_KEPT = 40; // before and after the one in sight
const TRACKS_AT_ONCE = 250;

/**
 * `element` is filled; `footage` is its number; `csrf` the session's token; `release` a release's reference or null,
 * whose policy the masks are then drawn with. Returns {ready, player, model, queue, unmount}.
 */
export function mount({ element, footage, csrf, release = null, base = "" }) {
  const sheet = new URL("./style.css", import.meta.url).href;
  if (![...document.styleSheets].some((each) => each.href === sheet)) {
    document.head.append(h("link", { rel: "stylesheet", href: sheet }));
  }
  const root = h("div", { class: "rv" }, h("p", { class: "rv-loading", role: "status" }, "Opening the footage…"));
  element.replaceChildren(root);
  const review = new Review(root, new Api({ base, footage, csrf }), release);
  review.ready = review.open();
  return review;
}

class Review {
  constructor(root, api, release) {
    Object.assign(this, { root, api });
    this.inRelease = new InRelease(api, release);
    this.fetching = new Map();
    this.actors = new Map(); // of edits, by id
    this.gone = new AbortController();
  }

  async open() {
    let info;
    try {
      info = await this.api.get("");
      if (!info.time_base) throw new ApiError(200, { text: "It was disposed of, and only its records are left." });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.root.replaceChildren(
        h("div", { class: "rv-failed", role: "alert" },
          h("h2", {}, "The footage cannot be opened"), h("p", {}, error.message),
          button("Try again", () => (this.ready = this.open()), { kind: "rv-primary" })));
      return;
    }
    this.api.csrf = info.csrf ?? this.api.csrf;
    this.info = info;
    this.#build(info);
    for (const op of this.queue.resume()) {
      this.model.add(op);
      this.history.push(op);
    }
    this.changed();
    this.notices.saving();
    const times = this.#keepTrying(() =>
      this.api.frames(info.frames, (from, pts) => {
        this.player.setTimes(from, pts);
        this.timeline.draw();
        this.#time();
        if (from === 0) this.player.show(0);
      }));
    await Promise.all([times, this.#keepTrying(() => this.#tracks())]);
    this.timeline.update();
    this.inspector.draw();
    this.risks.draw();
    this.root.dataset.ready = "true";
    if (info.sound) this.#waveform();
    if (info.tracks_id === null) {
      this.say("Nothing was detected in this footage yet. Masks can be made once detection has run.");
      return;
    }
    this.#keepTrying(() => this.#past());
    this.#keepTrying(async () => {
      await this.#releases();
      await this.#risks();
    });
    this.others = setInterval(() => this.#others(), OTHERS_EVERY);
    const back = () => {
      this.#others();
      this.inRelease.load();
    };
    window.addEventListener("focus", back, { signal: this.gone.signal });
  }

  unmount() {
    this.gone.abort();
    clearInterval(this.others);
    this.player?.video.pause();
    this.root.remove();
  }

  #build(info) {
    const video = h("video", { class: "rv-video", preload: "auto", playsinline: true, tabindex: "-1", src: this.api.url("/proxy.mp4") });
    const mayEdit = info.may_edit;
    this.model = new Model(info);
    this.history = new History();
    this.selection = new Selection();
    this.player = new Player(video, info);
    this.queue = new Queue(this.api, info, { touched });
    this.notices = new Notices({ queue: this.queue, api: this.api, actors: this.actors, signIn: `${this.api.base}/sign-in` });
    const shared = {
      root: this.root, model: this.model, player: this.player, selection: this.selection, queue: this.queue, api: this.api,
      mayEdit, inRelease: this.inRelease, say: (words) => this.say(words), changed: () => this.changed(),
    };
    this.overlay = new Overlay({ ...shared, video });
    this.timeline = new Timeline(shared);
    this.risks = new Risks(shared);
    this.doers = makeDoers({
      ...shared, overlay: this.overlay, timeline: this.timeline, risks: this.risks, history: this.history,
      copied: (what) => this.notices.copied(what),
    });
    this.actions = this.doers.actions;
    this.inspector = new Inspector({ ...shared, ...this.doers, risks: this.risks });
    const { overlay, timeline, risks, inspector, notices, actions } = this;
    const { looking } = this.doers;
    this.fields = lay(this.root, this.api.base, info, { notices, actions, looking, overlay, timeline, risks, inspector }, {
      speed: (value) => (this.player.speed = value),
      look: (value) => {
        overlay.look = value;
        overlay.draw();
      },
      release: (value) => this.#choose(value),
    });
    risks.draw();
    inspector.draw();
    this.#wire();
    const stop = listen(this.root, Object.values(this.doers), { mayEdit, inHand: (event) => actions.inHand(event) });
    this.gone.signal.addEventListener("abort", stop);
  }

  #wire() {
    const { player, overlay, timeline, selection, actions, risks, queue, inRelease, notices } = this;
    const { choosing, sounds, checking } = this.doers;
    const on = (from, type, then) => from.addEventListener(type, (event) => then(event.detail));
    on(player, "frame", () => {
      overlay.onFrame();
      this.#time();
      if (player.playing) timeline.follow();
      else timeline.draw();
      this.#pieces();
    });
    for (const type of ["play", "pause", "speed"]) on(player, type, () => this.#transport());
    on(player, "trouble", () => this.say("The clip cannot be played. Reload the page; if that does not help, tell your administrator."));
    on(selection, "change", () => this.#chosen());
    for (const from of [overlay, timeline]) on(from, "picked", (detail) => choosing.picked(detail));
    on(overlay, "drawn", (detail) => actions.drawn(detail));
    on(overlay, "placed", (detail) => actions.placed(detail));
    on(overlay, "followed", (detail) => actions.followed(detail));
    on(timeline, "scrub", ({ frame }) => {
      if (player.playing) player.pause();
      player.show(frame);
    });
    on(timeline, "sound-drawn", (detail) => sounds.add(detail));
    on(timeline, "sound-here", () => sounds.hideSound());
    on(timeline, "sound-changed", (detail) => sounds.change(detail));
    on(timeline, "sound-picked", ({ span }) => selection.pickSound(span));
    on(risks, "go", ({ item }) => this.#visit(item));
    on(risks, "accept", () => checking.accept());
    on(risks, "reject", () => checking.reject());
    on(risks, "mask", () => checking.enter());
    on(inRelease, "change", () => this.#decided());
    on(this.api, "signed", ({ out }) => {
      notices.draw();
      if (out) return;
      queue.again();
      this.#others();
    });
    for (const type of ["change", "aside"]) on(queue, type, () => notices.saving());
    on(queue, "saved", ({ revision, ids }) => {
      this.model.saved(ids, revision);
      this.#refresh();
    });
    on(queue, "dropped", (ids) => {
      this.model.drop(ids);
      this.history.forget(ids);
      this.changed();
    });
    on(queue, "elsewhere", (ids) => {
      this.model.drop(ids);
      this.changed();
    });
    on(queue, "foreign", () => this.#others());
  }

  say(words) {
    this.notices.say(words);
  }

  /** Something of the tracks is other than what is on the screen. */
  changed() {
    this.timeline.update();
    this.inspector.draw();
    this.overlay.draw();
  }

  #chosen() {
    this.overlay.draw();
    this.inspector.draw();
    if (this.selection.main !== null) this.timeline.reveal(this.selection.main);
    this.timeline.draw();
  }

  #visit(item) {
    if (this.player.playing) this.player.pause();
    const track = this.model.tracks().get(item.track);
    this.selection.set(track ? [item.track] : []);
    this.overlay.suspect = item.box ? item : null;
    const around = (frame, by) => this.player.frameAt(this.player.seconds(frame) + by);
    if (track) this.timeline.zoomTo({ id: item.track, first: around(item.first, -AROUND), last: around(item.last, AROUND) });
    this.player.show(item.frame ?? item.first);
    this.say(item.text);
  }

  #choose(reference) {
    // On a page of its own the address says which, so that a reload shows the same.
    const here = new URL(window.location.href);
    if (here.pathname === `${this.api.base}/review/${this.info.id}`) {
      if (reference === null) here.searchParams.delete("release");
      else here.searchParams.set("release", reference);
      window.history.replaceState(null, "", here);
    }
    this.inRelease.choose(reference);
  }

  /** Another release, or other decisions in it: masks and risks are other than before. */
  #decided() {
    listReleases(this.fields.releases, this.inRelease.listed, this.inRelease.reference);
    this.looks = (this.looks ?? 0) + 1;
    this.model.outdateShapes();
    this.inspector.draw();
    this.#pieces();
    this.#risks().catch(() => undefined);
  }

  #time() {
    const { player } = this;
    if (this.info.recorded_start) {
      this.fields.wall.textContent = clockTime(this.info.recorded_start, player.seconds(player.frame));
    }
    this.fields.clock.textContent = `${timecode(player.seconds(player.frame))}  frame ${player.frame + 1} of ${this.info.frames}`;
  }

  #transport() {
    const { playing, speed } = this.player;
    this.fields.playing.replaceChildren(icon(playing ? "pause" : "play"));
    this.fields.playing.setAttribute("aria-label", playing ? "Pause" : "Play");
    this.fields.speed.value = String(speed);
    this.overlay.draw();
  }

  // What is fetched.
  async #keepTrying(what) {
    for (;;) {
      try {
        return await what();
      } catch (error) {
        if (!(error instanceof ApiError) || this.gone.signal.aborted) throw error;
        this.say(error.message);
        await new Promise((resolve) => setTimeout(resolve, RETRY));
      }
    }
  }

  /** All lanes, in pieces that are shown as they come; once they are here, only what is other than before. */
  async #tracks() {
    const before = this.lanes;
    let done;
    this.lanes = new Promise((resolve) => (done = resolve)); // one after the other: each builds on what is held
    await before;
    try {
      const held = this.model.server.revision;
      let asked = `revision=${this.model.revision}${held < 0 ? "" : `&after=${held}`}`;
      const changed = [];
      let answer;
      for (let from = 0; ; from += TRACKS_AT_ONCE) {
        answer = await this.api.get(`/tracks?${asked}&from=${from}&count=${TRACKS_AT_ONCE}`);
        if (answer.tracks_id !== this.info.tracks_id) this.notices.outdated();
        changed.push(...answer.tracks);
        if (from + TRACKS_AT_ONCE >= answer.total) break;
        if (held < 0) {
          this.model.setTracks({ ...answer, revision: -1, tracks: changed });
          this.changed();
        }
        asked = `revision=${answer.revision}${held < 0 ? "" : `&after=${held}`}`;
      }
      this.model.setTracks({ ...answer, tracks: changed });
      this.model.revision = Math.max(this.model.revision, answer.revision);
      this.#skips(answer.skipped);
      this.changed();
      this.#pieces();
    } finally {
      done();
    }
  }

  #skips(skipped) {
    const mine = (skipped ?? []).find(({ edit }) => this.queue.mine.has(edit) && !this.told?.has(edit));
    if (!mine) return;
    (this.told ??= new Set()).add(mine.edit);
    this.say(`One of your edits has no effect: ${mine.reason}`);
  }

  async #risks() {
    const { reference, trouble } = this.inRelease;
    // Of a release that does not stand any more, those of the whole footage.
    const { items } = await this.api.get(`/risks${reference === null || trouble ? "" : `?release=${encodeURIComponent(reference)}`}`);
    this.risks.setItems(items);
    if (!this.risks.item) this.overlay.suspect = null;
  }

  async #releases() {
    await this.inRelease.list();
    listReleases(this.fields.releases, this.inRelease.listed, this.inRelease.reference);
    await this.inRelease.load();
  }

  async #waveform() {
    try {
      this.timeline.setPeaks((await this.api.get(`/waveform?buckets=${BUCKETS}`)).peaks);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say("The sound's picture could not be loaded. The sound itself can be edited.");
    }
  }

  /** What this person did before, in this window or another, can be undone. */
  async #past() {
    const { edits } = await this.api.get("/edits?after=0");
    const now = this.history;
    const past = new History();
    for (const { id, actor } of edits) this.actors.set(id, actor);
    for (const { id, actor, edit } of edits) if (actor === this.info.user) past.push({ id, ...edit });
    for (const { op } of this.model.pending) past.push(op);
    Object.assign(now, past);
  }

  /** Whether somebody else, or another window, did something since. */
  async #others() {
    if (document.hidden || this.asking) return;
    this.asking = true;
    try {
      const { revision, edits } = await this.api.get(`/edits?after=${this.model.revision}`);
      const theirs = edits.filter(({ id }) => !this.queue.mine.has(id));
      for (const { id, actor } of theirs) this.actors.set(id, actor);
      if (theirs.length) this.notices.draw();
      if (revision > this.model.revision) {
        this.model.revision = revision;
        this.queue.seen(revision);
        await this.#refresh();
      } else if (this.model.server.revision < revision) {
        await this.#refresh();
      }
      if (theirs.length) this.say(`${theirs.at(-1).actor} made ${counted(theirs.length, "edit")} to this footage.`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the next time will do
    } finally {
      this.asking = false;
    }
  }

  async #refresh() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => {
      this.#risks().catch(() => undefined);
      this.inRelease.load();
    }, RISKS_AFTER);
    if (this.refreshing) {
      this.again = true;
      return;
    }
    this.refreshing = true;
    try {
      do {
        this.again = false;
        await this.#tracks();
      } while (this.again);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the edits are saved; the next look shows them
    } finally {
      this.refreshing = false;
    }
  }

  /** The boxes and masks of this piece of the clip and the next, if they are not here in the newest form. */
  #pieces() {
    const here = Math.floor(this.player.wanted / PIECE);
    const last = Math.floor((this.info.frames - 1) / PIECE);
    this.model.forgetFar(here, PIECES_KEPT);
    for (const number of [here, here + 1, here - 1]) {
      if (number < 0 || number > last) continue;
      this.#piece("boxes", number);
      this.#piece("shapes", number);
    }
  }

  async #piece(kind, number) {
    const key = `${kind}/${number}`;
    const { revision } = this.model;
    const { reference, trouble } = this.inRelease;
    const { looks = 0 } = this;
    const asked = `${revision} ${looks}`;
    if (!this.model.isStale(kind, number) || this.fetching.get(key) === asked) return;
    this.fetching.set(key, asked);
    // Of a release that does not stand any more all masks are shown.
    const policy = kind === "shapes" && reference !== null && !trouble ? `&release=${encodeURIComponent(reference)}` : "";
    try {
      const answer = await this.api.get(`/${kind}?revision=${revision}&from=${number * PIECE}&count=${PIECE}${policy}`);
      if (kind === "shapes" && looks !== (this.looks ?? 0)) return; // of another release, or before a decision
      const frames = kind === "shapes" ? named(answer) : answer.frames;
      this.model.setPiece(kind, number, answer.revision ?? revision, frames);
      this.overlay.draw();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (policy && error.status >= 400 && error.status < 500) this.inRelease.load(); // it says what is wrong
      setTimeout(() => this.#pieces(), RETRY);
    } finally {
      if (this.fetching.get(key) === asked) this.fetching.delete(key);
    }
  }
}
