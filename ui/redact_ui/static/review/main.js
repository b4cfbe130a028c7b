// The reviewer, in any page: `mount({ element, footage, csrf, release, base })`.

import { listen } from "./commands/keys.js";
import { makeCommands, run } from "./commands/commands.js";
import { clockTime, layOut, listReleases } from "./layout.js";
import { Loader } from "./loader.js";
import { Api, ApiError } from "./model/api.js";
import { EditQueue } from "./model/edit_queue.js";
import { History } from "./model/history.js";
import { ReleaseDecisions } from "./model/release_decisions.js";
import { Selection } from "./model/selection.js";
import { TrackModel } from "./model/track_model.js";
import { button, h, icon, timecode } from "./view/dom.js";
import { Inspector } from "./view/inspector.js";
import { Notices } from "./view/notices.js";
import { Overlay } from "./view/overlay.js";
import { Player } from "./view/player.js";
import { ReviewQueue } from "./view/review_queue.js";
import { Timeline } from "./view/timeline.js";

/** @import { FootageInfo, ReviewItem } from "./types.js" */

const OTHERS_EVERY = 5000; // ms
const AROUND = 5; // seconds of the timeline before and after an item of the review queue

/**
 * Fills `element` with the reviewer. `csrf` is the session's token. `release` is the reference of the release whose policy
 * determines how masks are drawn, or null. `base` is the base URL of the workbench's pages. `opened` resolves once the
 * page is built.
 * @param {{ element: HTMLElement, footage: number, csrf: string, release?: string | null, base?: string }} options
 */
export function mount({ element, footage, csrf, release = null, base = "" }) {
  const sheet = new URL("./style.css", import.meta.url).href;
  if (![...document.styleSheets].some((each) => each.href === sheet)) {
    document.head.append(h("link", { rel: "stylesheet", href: sheet }));
  }
  const root = h("div", { class: "rv" });
  element.replaceChildren(root);
  const api = new Api({ base, footage, csrf });
  const opened = load(root, api).then((info) => {
    const review = new Review(root, api, info, release);
    review.start();
    return review;
  });
  return { opened, unmount: async () => (await opened).unmount() };
}

/** Loads the facts about the footage, with a button to try again if that fails. @param {HTMLElement} root @param {Api} api */
async function load(root, api) {
  for (;;) {
    root.replaceChildren(h("p", { class: "rv-loading", role: "status" }, "Opening the footage…"));
    try {
      /** @type {FootageInfo} */
      const info = await api.get("");
      if (!info.time_base) throw new ApiError(200, { text: "The footage has been disposed of. Only its records remain." });
      api.csrf = info.csrf ?? api.csrf;
      return info;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      await new Promise((resolve) => {
        root.replaceChildren(
          h("div", { class: "rv-failed", role: "alert" },
            h("h2", {}, "The footage cannot be opened"), h("p", {}, error.message),
            button("Try again", () => resolve(undefined), { kind: "rv-primary" })));
      });
    }
  }
}

class Review {
  /** @param {HTMLElement} root @param {Api} api @param {FootageInfo} info @param {string | null} release */
  constructor(root, api, info, release) {
    const mayEdit = info.may_edit;
    this.root = root;
    this.api = api;
    this.info = info;
    this.stop = new AbortController();
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    const video = h("video", { class: "rv-video", preload: "auto", playsinline: true, tabindex: "-1", src: api.url("/proxy.mp4") });
    this.release = new ReleaseDecisions(api, release);
    this.player = new Player(video, info);
    this.model = new TrackModel(info, (frame) => this.player.seconds(frame));
    this.history = new History();
    this.selection = new Selection();
    this.queue = new EditQueue(api, info);
    /** @type {Map<string, string>} the person who made each edit */
    const actors = new Map();
    this.notices = new Notices({ queue: this.queue, api, actors, signIn: `${api.base}/sign-in` });
    const { model, player, selection, queue, history, notices } = this;
    const say = (/** @type {string} */ text) => notices.say(text);
    const shared = { root, model, player, selection, queue, api, mayEdit, release: this.release, history, notices, say, changed: () => this.changed() };
    this.overlay = new Overlay({ ...shared, video });
    this.timeline = new Timeline(shared);
    this.reviewQueue = new ReviewQueue(shared);
    const { overlay, timeline, reviewQueue } = this;
    this.commands = makeCommands({ ...shared, overlay, timeline, reviewQueue });
    this.inspector = new Inspector({ ...shared, commands: this.commands, reviewQueue });
    this.loader = new Loader({ ...shared, info, overlay, reviewQueue, actors, stopped: this.stop.signal });
    const { commands, inspector } = this;
    this.fields = layOut(root, { base: api.base, info }, { notices, commands, overlay, timeline, reviewQueue, inspector }, {
      speed: (value) => {
        player.speed = value;
      },
      style: (value) => {
        overlay.painter.style = value;
        overlay.draw();
      },
      release: (value) => this.#choose(value),
    });
    reviewQueue.draw();
    inspector.draw();
    this.#connect();
    const stop = listen(root, (action) => run(commands, action), {
      mayEdit, grabbed: (event) => commands.masks.handleGrabbed(event),
    });
    this.stop.signal.addEventListener("abort", stop);
  }

  /** Loads everything, then keeps it up to date. */
  async start() {
    const { info, loader, timeline } = this;
    for (const op of this.queue.resume()) {
      this.model.add(op);
      this.history.push(op);
    }
    this.changed();
    this.notices.saving();
    const times = loader.keepTrying(() =>
      this.api.frames(info.frames, (from, pts) => {
        this.player.setTimes(from, pts);
        this.model.timesChanged();
        timeline.draw();
        this.#showTime();
        if (from === 0) this.player.show(0);
      }));
    await Promise.all([times, loader.keepTrying(() => loader.tracks())]);
    timeline.update();
    this.inspector.draw();
    this.reviewQueue.draw();
    this.root.dataset.ready = "true";
    if (info.sound) loader.waveform((peaks) => timeline.setPeaks(peaks));
    if (info.tracks_id === null) {
      this.notices.say("Detection has not run on this footage yet. Masks can be drawn once it has.");
      return;
    }
    loader.keepTrying(() => loader.past());
    loader.keepTrying(async () => {
      await this.release.list();
      this.#listReleases();
      await this.release.load();
      await loader.reviewItems();
    });
    this.timer = setInterval(() => loader.others(), OTHERS_EVERY);
    const returned = () => {
      loader.others();
      this.release.load();
    };
    window.addEventListener("focus", returned, { signal: this.stop.signal });
  }

  unmount() {
    this.stop.abort();
    clearInterval(this.timer);
    this.player.video.pause();
    this.root.remove();
  }

  /** Connects the events of all components. */
  #connect() {
    const { player, overlay, timeline, selection, reviewQueue, release } = this;
    const { masks, selecting, sounds, queueing } = this.commands;
    player.on("frame", () => {
      overlay.onFrame();
      this.#showTime();
      if (player.playing) timeline.follow();
      else timeline.draw();
      this.loader.chunks();
    });
    player.on("play", () => this.#showPlayback());
    player.on("pause", () => this.#showPlayback());
    player.on("speed", () => this.#showPlayback());
    player.on("trouble", () =>
      this.notices.say("The clip cannot be played. Reload the page. If that does not help, tell your administrator."));
    selection.on("change", () => this.#selected());
    overlay.on("picked", (pick) => selecting.picked(pick));
    timeline.on("picked", (pick) => selecting.picked(pick));
    overlay.on("drawn", (drawn) => masks.drawn(drawn));
    overlay.on("placed", (placed) => masks.placed(placed));
    overlay.on("followed", (followed) => masks.followed(followed));
    timeline.on("scrub", ({ frame }) => this.commands.viewing.go(frame));
    timeline.on("sound-drawn", (span) => sounds.add(span));
    timeline.on("sound-here", () => sounds.hideSound());
    timeline.on("sound-changed", (span) => sounds.change(span));
    timeline.on("sound-picked", ({ span }) => selection.pickSound(span));
    reviewQueue.on("go", ({ item }) => this.#visit(item));
    reviewQueue.on("accept", () => queueing.accept());
    reviewQueue.on("reject", () => queueing.reject());
    reviewQueue.on("mask", () => queueing.maskDetection());
    release.on("change", () => {
      this.#listReleases();
      this.inspector.draw();
      this.loader.decisionsChanged();
    });
    this.#connectQueue();
  }

  #connectQueue() {
    const { queue, model, history, notices, loader } = this;
    this.api.on("signed", ({ out }) => {
      notices.draw();
      if (out) return;
      queue.retry();
      loader.others();
    });
    queue.on("change", () => notices.saving());
    queue.on("saved", ({ revision, ids }) => {
      model.saved(ids, revision);
      loader.refresh();
    });
    queue.on("dropped", (ids) => {
      model.drop(ids);
      history.forget(ids);
      this.changed();
    });
    queue.on("elsewhere", (ids) => {
      model.drop(ids);
      this.changed();
    });
    queue.on("foreign", () => loader.others());
  }

  /** The tracks have changed: updates everything that shows them. */
  changed() {
    this.timeline.update();
    this.inspector.draw();
    this.overlay.draw();
  }

  #selected() {
    this.overlay.draw();
    this.inspector.draw();
    if (this.selection.main !== null) this.timeline.reveal(this.selection.main);
    this.timeline.draw();
  }

  /** Shows an item of the review queue. @param {ReviewItem} item */
  #visit(item) {
    if (this.player.playing) this.player.pause();
    const track = this.model.tracks().get(item.track ?? -1);
    this.selection.set(track ? [track.id] : []);
    this.overlay.detection = item.box ? item : null;
    const around = (/** @type {number} */ frame, /** @type {number} */ by) => this.player.frameAt(this.player.seconds(frame) + by);
    if (track) this.timeline.zoomTo({ id: track.id, first: around(item.first, -AROUND), last: around(item.last, AROUND) });
    this.player.show(item.frame ?? item.first);
    this.notices.say(item.text);
  }

  /** Shows another release, or none. @param {string | null} reference */
  #choose(reference) {
    // On a page of its own, the URL names the release, so that a reload shows the same.
    const here = new URL(window.location.href);
    if (here.pathname === `${this.api.base}/review/${this.info.id}`) {
      if (reference === null) here.searchParams.delete("release");
      else here.searchParams.set("release", reference);
      window.history.replaceState(null, "", here);
    }
    this.release.choose(reference);
  }

  #listReleases() {
    listReleases(this.fields.releases, this.release.listed, this.release.reference);
  }

  #showTime() {
    const { player, info, fields } = this;
    const seconds = player.seconds(player.frame);
    if (info.recorded_start) fields.wall.textContent = clockTime(info.recorded_start, seconds);
    fields.clock.textContent = `${timecode(seconds)}  frame ${player.frame + 1} of ${info.frames}`;
  }

  #showPlayback() {
    const { playing, speed } = this.player;
    this.fields.playing.replaceChildren(icon(playing ? "pause" : "play"));
    this.fields.playing.setAttribute("aria-label", playing ? "Pause" : "Play");
    this.fields.speed.value = String(speed);
    this.overlay.draw();
  }
}
