// The reviewer in any page: `mount({element, footage, csrf, release, base})`.

import { Actions } from "./actions.js";
import { button, counted, h, icon, timecode } from "./dom.js";
import { CLASSES, Inspector } from "./inspector.js";
import { listen } from "./keys.js";
import { LOOKS, Overlay } from "./overlay.js";
import { Player, SPEEDS } from "./player.js";
import { Risks } from "./risks.js";
import { Selection } from "./selection.js";
import { History, Model, PIECE, touched } from "./state.js";
import { Timeline } from "./timeline.js";
import { Api, ApiError, Queue } from "./transport.js";

const OTHERS_EVERY = 5000; // ms
const RISKS_AFTER = 700;
const BUCKETS = 4000;
const RETRY = 3000;
const PIECES_KEPT = 40; // before and after the one in sight

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
    Object.assign(this, { root, api, release });
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
    this.#saving();
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
    this.#keepTrying(() => this.#risks());
    this.#keepTrying(() => this.#past());
    this.others = setInterval(() => this.#others(), OTHERS_EVERY);
    window.addEventListener("focus", () => this.#others(), { signal: this.gone.signal });
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
    const shared = { model: this.model, player: this.player, selection: this.selection, api: this.api, mayEdit };
    this.overlay = new Overlay({ ...shared, video });
    this.timeline = new Timeline(shared);
    this.risks = new Risks(shared);
    this.actions = new Actions({
      ...shared, root: this.root, overlay: this.overlay, timeline: this.timeline, risks: this.risks, queue: this.queue,
      history: this.history, say: (words) => this.say(words), changed: () => this.changed(),
    });
    this.inspector = new Inspector({ ...shared, actions: this.actions });
    this.#page(info);
    this.#wire();
    const stop = listen(this.root, this.actions, { mayEdit });
    this.gone.signal.addEventListener("abort", stop);
  }

  #page(info) {
    const { actions, overlay } = this;
    const where = info.exhibits.map(({ case: name, reference }) => `${name} / ${reference}`).join(", ");
    this.status = h("span", { class: "rv-status", role: "status", "aria-live": "polite" });
    this.saved = h("span", { class: "rv-saved", role: "status", "aria-live": "polite" });
    this.asides = h("div", { class: "rv-asides" });
    this.wall = h("time", { class: "rv-where rv-wall", title: "By the camera's clock" });
    this.clock = h("output", { class: "rv-clock", "aria-label": "Time and frame" });
    this.playing = button("Play", () => actions.toggle(), { picture: "play", key: "Space", kind: "rv-play" });
    this.speed = h("select", { "aria-label": "Speed", onchange: () => (this.player.speed = Number(this.speed.value)) },
      ...SPEEDS.map((each) => h("option", { value: each, selected: each === 1 }, `${each}×`)));
    this.look = h("select", { "aria-label": "How masks are shown", onchange: () => this.#looked() },
      ...Object.entries(LOOKS).map(([value, words]) => h("option", { value }, words)));
    this.fresh = h("select", { "aria-label": "Class of new masks", onchange: () => (actions.label = this.fresh.value) },
      ...CLASSES.map((each) => h("option", { value: each }, each)));
    const editing = info.may_edit
      ? h("div", { class: "rv-tools", role: "group", "aria-label": "New masks" },
          button("New box", () => actions.draw(), { key: "N", kind: "rv-primary" }), this.fresh,
          button("Fixed area", () => actions.area()), button("Hide picture", () => actions.hideFrames()),
          button("Undo", () => actions.undo(), { picture: "undo", key: "Ctrl+Z" }),
          button("Redo", () => actions.redo(), { picture: "redo", key: "Ctrl+Shift+Z" }))
      : h("p", { class: "rv-hint" }, "You can look at this footage, but not change its masks.");
    const frame = h("div", { class: "rv-frame" }, overlay.stage);
    frame.style.setProperty("--rv-ratio", String(info.proxy_width / info.proxy_height));
    this.root.replaceChildren(
      h("header", { class: "rv-head" },
        h("h1", {}, info.name), h("span", { class: "rv-where" }, where), this.wall, this.status, this.saved,
        h("div", { class: "rv-tools", role: "group", "aria-label": "View" },
          this.look,
          button("Zoom out of the picture", () => overlay.zoom(1 / 1.4), { picture: "less" }),
          button("Zoom into the picture", () => overlay.zoom(1.4), { picture: "more" }),
          button("Whole picture", () => overlay.fit(), { picture: "whole" })),
        button("All keys", () => actions.help(), { picture: "?", key: "?" })),
      h("div", { class: "rv-main" },
        h("div", { class: "rv-centre" },
          frame,
          h("div", { class: "rv-bar" },
            h("div", { class: "rv-tools", role: "group", "aria-label": "Playing" },
              button("Ten frames back", () => actions.back10(), { picture: "back10", key: "C" }),
              button("One frame back", () => actions.back(), { picture: "back", key: "D" }),
              this.playing,
              button("One frame on", () => actions.on(), { picture: "on", key: "F" }),
              button("Ten frames on", () => actions.on10(), { picture: "on10", key: "V" }),
              this.speed, this.clock),
            editing)),
        h("aside", { class: "rv-side", "aria-label": "Checking" }, this.asides, this.risks.element, this.inspector.element)),
      this.timeline.element,
    );
    this.risks.draw();
    this.inspector.draw();
  }

  #wire() {
    const { player, overlay, timeline, selection, actions, risks, queue } = this;
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
    for (const from of [overlay, timeline]) on(from, "picked", (detail) => actions.picked(detail));
    on(overlay, "drawn", (detail) => actions.drawn(detail));
    on(overlay, "placed", (detail) => actions.placed(detail));
    on(overlay, "followed", (detail) => actions.followed(detail));
    on(timeline, "scrub", ({ frame }) => {
      if (player.playing) player.pause();
      player.show(frame);
    });
    on(timeline, "sound-drawn", (detail) => actions.addSound(detail));
    on(timeline, "sound-changed", (detail) => actions.changeSound(detail));
    on(timeline, "sound-picked", ({ span }) => selection.pickSound(span));
    on(risks, "go", ({ item }) => this.#visit(item));
    on(risks, "accept", () => actions.accept());
    on(risks, "reject", () => actions.reject());
    on(queue, "change", () => this.#saving());
    on(queue, "aside", () => this.#asides());
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
    this.status.textContent = words;
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
    if (track) this.timeline.zoomTo({ ...track, first: item.first, last: item.last });
    this.player.show(item.first);
    this.say(item.text);
  }

  #time() {
    const { player } = this;
    if (this.info.recorded_start) {
      const at = new Date(Date.parse(this.info.recorded_start) + player.seconds(player.frame) * 1000);
      this.wall.textContent = `${at.toLocaleDateString()} ${at.toLocaleTimeString()}`;
    }
    this.clock.textContent = `${timecode(player.seconds(player.frame))}  frame ${player.frame + 1} of ${this.info.frames}`;
  }

  #transport() {
    const { playing, speed } = this.player;
    this.playing.replaceChildren(icon(playing ? "pause" : "play"));
    this.playing.setAttribute("aria-label", playing ? "Pause" : "Play");
    this.speed.value = String(speed);
    this.overlay.draw();
  }

  #looked() {
    this.overlay.look = this.look.value;
    this.overlay.draw();
  }

  #saving() {
    const { state, unsaved } = this.queue;
    const words = {
      saved: unsaved ? `${counted(unsaved, "edit")} to decide about` : "All saved",
      saving: "Saving…",
      offline: `No connection. ${counted(unsaved, "edit")} kept here, sent again soon.`,
      "signed-out": `You are signed out. ${counted(unsaved, "edit")} kept here: sign in again in another window.`,
    }[state];
    if (this.saved.textContent !== words) this.saved.textContent = words;
    this.saved.dataset.state = state === "saved" && unsaved ? "aside" : state;
  }

  #asides() {
    this.asides.replaceChildren(...this.queue.aside.map((entry) => {
      const conflict = entry.kind === "conflict";
      const who = [...new Set(entry.conflicts?.map((id) => this.actors.get(id)).filter(Boolean))].join(", ");
      const theirs = conflict ? "Take theirs" : "Discard";
      const again = conflict ? "Make mine again" : "Try again";
      return h("section", { class: "rv-card rv-aside", role: "alert" },
        h("h2", {}, conflict ? `${who || "Somebody"} changed the same mask` : "An edit was refused"),
        h("p", {}, entry.text),
        h("p", { class: "rv-hint" }, `${counted(entry.ops.length, "edit")} of yours, kept until you decide.`),
        h("div", { class: "rv-acts" },
          button(theirs, () => this.queue.takeTheirs(entry)),
          button(again, () => this.queue.makeMineAgain(entry), { kind: "rv-primary" })));
    }));
    this.#saving();
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

  async #tracks() {
    const asked = this.model.revision;
    const answer = await this.api.get(`/tracks?revision=${asked}`);
    if (answer.revision < this.model.server.revision) return; // a newer answer was quicker
    this.model.setTracks(answer);
    this.model.revision = Math.max(this.model.revision, answer.revision);
    this.#skips(answer.skipped);
    this.changed();
    this.#pieces();
  }

  #skips(skipped) {
    const mine = (skipped ?? []).find(({ edit }) => this.queue.mine.has(edit) && !this.told?.has(edit));
    if (!mine) return;
    (this.told ??= new Set()).add(mine.edit);
    this.say(`One of your edits has no effect: ${mine.reason}`);
  }

  async #risks() {
    const { items } = await this.api.get("/risks");
    this.risks.setItems(items);
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
      if (theirs.length) this.#asides();
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
    this.soon = setTimeout(() => this.#risks().catch(() => undefined), RISKS_AFTER);
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
    if (!this.model.isStale(kind, number) || this.fetching.get(key) === revision) return;
    this.fetching.set(key, revision);
    const policy = kind === "shapes" && this.release ? `&release=${encodeURIComponent(this.release)}` : "";
    try {
      const answer = await this.api.get(`/${kind}?revision=${revision}&from=${number * PIECE}&count=${PIECE}${policy}`);
      this.model.setPiece(kind, number, answer.revision ?? revision, answer.frames);
      this.overlay.draw();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setTimeout(() => this.#pieces(), RETRY);
    } finally {
      if (this.fetching.get(key) === revision) this.fetching.delete(key);
    }
  }
}
