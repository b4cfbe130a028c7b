// What goes over the line: answers in pieces, and the queue of edits, which loses none.

const FRAMES_AT_ONCE = 20000;
const EDITS_AT_ONCE = 100;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30000;
const PASSING = [401, 408, 429]; // statuses of what is over by itself, or with a sign-in
const STATES = { 0: "offline", 401: "signed-out", 403: "saving" }; // 403: with the session's new token, if it has one

/** An answer that was not 2xx. `status` is 0 where there was none. */
export class ApiError extends Error {
  constructor(status, answer) {
    super(answer?.text ?? (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.status = status;
    this.code = answer?.code ?? "";
    this.answer = answer ?? {};
  }
}

/** Events: "signed" {out}: whether the last answer was that nobody is signed in. */
export class Api extends EventTarget {
  constructor({ base, footage, csrf }) {
    super();
    this.base = base;
    this.root = `${base}/api/footage/${encodeURIComponent(footage)}`;
    this.csrf = csrf;
    this.signedOut = false;
  }

  url(path) {
    return `${this.root}${path}`;
  }

  get(path) {
    return this.#ask(this.url(path), { headers: { Accept: "application/json" } });
  }

  /** To a route of the footage. */
  post(path, body) {
    return this.#send(this.url(path), body);
  }

  /** To any other. */
  send(address, body) {
    return this.#send(`${this.base}${address}`, body);
  }

  #send(address, body) {
    return this.#ask(address, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRF-Token": this.csrf },
      body: JSON.stringify(body),
    });
  }

  /** `got(from, pts)` for each piece of the frame table, in order. */
  async frames(count, got) {
    for (let from = 0; from < count; ) {
      const piece = await this.get(`/frames?from=${from}&count=${FRAMES_AT_ONCE}`);
      if (!piece.pts.length) throw new ApiError(200, { text: "The server's table of frames ends too early." });
      got(piece.from, piece.pts);
      from = piece.from + piece.pts.length;
    }
  }

  async #ask(url, options) {
    let response;
    try {
      response = await fetch(url, { credentials: "same-origin", ...options });
    } catch {
      throw new ApiError(0);
    }
    let answer;
    try {
      answer = await response.json();
    } catch {
      this.#signed(response.status === 401);
      throw new ApiError(response.ok ? 0 : response.status);
    }
    this.#signed(response.status === 401);
    if (!response.ok) throw new ApiError(response.status, answer);
    return answer;
  }

  #signed(out) {
    if (out === this.signedOut) return;
    this.signedOut = out;
    this.dispatchEvent(new CustomEvent("signed", { detail: { out } }));
  }
}

const sameThing = (a, b) => a.some((id) => b.includes(id));

/**
 * Edits on their way. Each is written down in the browser before anything else happens, and is taken off only once the
 * server has acknowledged it or the person has said that it is not wanted. Windows of one person share what is written
 * down: an edit that two of them send is recorded once, for it has an id.
 *
 * Events: "change" (the state), "saved" ({revision, ids}), "aside" (an entry of `aside` came or went), "foreign"
 * (somebody else's edits came between), "dropped" (ids of edits that are not to be made), "elsewhere" (ids of edits that
 * another window has seen to).
 */
export class Queue extends EventTarget {
  constructor(api, info, { touched, storage = window.localStorage }) {
    super();
    Object.assign(this, { api, touched, storage });
    this.user = info.user;
    this.tracksId = info.tracks_id;
    this.base = info.revision;
    this.prefix = `redact-edit/${info.user}/${info.id}/`;
    this.waiting = [];
    this.aside = []; // {ops, kind: "conflict" | "refused", text, by}
    this.state = "saved"; // or "saving", "offline" (no answer), "trouble" (the server's), "signed-out", "refused"
    this.refusal = ""; // why all edits are refused
    this.wait = FIRST_WAIT;
    this.kept = true;
    this.waiters = [];
    this.count = 0;
    this.mine = new Set();
    window.addEventListener("online", () => this.again());
    window.addEventListener("beforeunload", (event) => {
      if (!this.kept && this.unsaved) event.preventDefault();
    });
    window.addEventListener("storage", (event) => {
      // Another window saw it through.
      if (event.key?.startsWith(this.prefix) && event.newValue === null) this.#forgotten(event.key);
    });
  }

  get unsaved() {
    return this.waiting.length + this.aside.reduce((n, entry) => n + entry.ops.length, 0);
  }

  /** Edits that an earlier page left behind, oldest first; they are sent again. */
  resume() {
    const found = [];
    for (let i = 0; i < this.storage.length; i++) {
      const key = this.storage.key(i);
      if (!key?.startsWith(this.prefix)) continue;
      try {
        found.push({ key, ...JSON.parse(this.storage.getItem(key)) });
      } catch {
        continue; // not one of ours
      }
    }
    found.sort((a, b) => a.at - b.at || a.count - b.count);
    this.waiting.push(...found);
    for (const one of found) this.mine.add(one.op.id);
    if (found.length) this.#pump();
    return found.map((entry) => entry.op);
  }

  add(ops) {
    for (const op of ops) {
      const { tracksId: tracks, base } = this;
      const one = { key: `${this.prefix}${op.id}`, op, tracks, base, at: Date.now(), count: this.count++ };
      this.#write(one);
      this.waiting.push(one);
      this.mine.add(op.id);
    }
    this.#pump();
  }

  /** True once these are recorded, false if they are not going to be soon. */
  whenSaved(ids) {
    return new Promise((resolve) => {
      this.waiters.push({ ids: new Set(ids), resolve });
      if (!["saved", "saving"].includes(this.state)) this.#giveUp();
    });
  }

  /** Others' edits stay; this window's edits of that entry are thrown away, as the person said. */
  takeTheirs(entry) {
    this.aside = this.aside.filter((each) => each !== entry);
    for (const one of entry.ops) this.storage.removeItem(one.key);
    this.dispatchEvent(new CustomEvent("dropped", { detail: entry.ops.map((one) => one.op.id) }));
    this.#changed("aside");
  }

  /** The edits are sent once more, on top of what the others did. */
  makeMineAgain(entry) {
    this.aside = this.aside.filter((each) => each !== entry);
    for (const one of entry.ops) {
      one.base = Math.max(one.base, this.base, entry.revision ?? 0);
      this.#write(one);
    }
    this.waiting.unshift(...entry.ops);
    this.#changed("aside");
    this.#pump();
  }

  /** A newer revision is on the screen: what is made from now on is made knowing of it. */
  seen(revision) {
    this.base = Math.max(this.base, revision);
  }

  async #pump() {
    if (this.busy || !this.waiting.length) return this.#changed();
    this.busy = true;
    this.#changed();
    const { tracks, base } = this.waiting[0];
    const most = this.alone ? 1 : EDITS_AT_ONCE;
    const batch = [];
    for (const one of this.waiting) {
      if (batch.length >= most || one.tracks !== tracks || one.base !== base) break;
      batch.push(one);
    }
    let pause = 0;
    try {
      const answer = await this.api.post("/ops", {
        tracks_id: tracks, base_revision: base, ops: batch.map((one) => one.op),
      });
      await this.#acknowledged(batch, answer);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      pause = await this.#failed(batch, error);
    } finally {
      this.busy = false;
    }
    if (pause) this.timer = setTimeout(() => this.#pump(), pause);
    else this.#pump();
    return undefined;
  }

  async #acknowledged(batch, { revision }) {
    const foreign = revision > batch[0].base + batch.length;
    this.base = Math.max(this.base, revision);
    this.waiting = this.waiting.filter((one) => !batch.includes(one));
    for (const one of batch) this.storage.removeItem(one.key);
    this.wait = FIRST_WAIT;
    this.alone = false;
    this.renewed = false;
    this.state = "saved";
    const ids = batch.map((one) => one.op.id);
    this.waiters = this.waiters.filter((waiter) => {
      for (const id of ids) waiter.ids.delete(id);
      if (waiter.ids.size) return true;
      waiter.resolve(true);
      return false;
    });
    this.dispatchEvent(new CustomEvent("saved", { detail: { revision, ids } }));
    if (foreign) this.dispatchEvent(new CustomEvent("foreign"));
    await this.#rebase(revision, foreign);
  }

  /** What waits was made knowing of this window's edits before it. Of others' only where they are about other things. */
  async #rebase(revision, foreign) {
    let theirs = [];
    if (foreign && this.waiting.length) {
      const after = Math.min(...this.waiting.map((one) => one.base));
      try {
        const { edits } = await this.api.get(`/edits?after=${after}`);
        theirs = edits.filter((each) => !this.mine.has(each.id)).flatMap((each) => this.touched(each.edit));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return; // the server will say which of them conflict
      }
    }
    for (const one of this.waiting) {
      if (one.base >= revision || sameThing(this.touched(one.op), theirs)) continue;
      one.base = revision;
      this.#write(one);
    }
  }

  /** How long to wait before the next try, in ms. */
  async #failed(batch, error) {
    const final = [400, 409, 413, 422].includes(error.status);
    if (final && batch.length > 1) {
      this.alone = true; // one by one, so that the others are not held up
      return 0;
    }
    if (final) {
      this.alone = false;
      this.renewed = false;
      this.#setAside(batch[0], error);
      return 0;
    }
    // Of others nothing is thrown away: what is refused now may be taken when a right is given back.
    const refused = error.status >= 400 && error.status < 500 && !PASSING.includes(error.status);
    this.state = STATES[error.status] ?? (error.status ? "trouble" : "offline");
    if (refused && (error.status !== 403 || this.renewed)) [this.state, this.refusal] = ["refused", error.message];
    this.#giveUp();
    this.#changed();
    if (error.status === 401 || error.status === 403) {
      // Signed in again in another window: the session has a new token.
      try {
        const { csrf, user } = await this.api.get("");
        this.renewed = true;
        if (user === this.user) this.api.csrf = csrf;
        else [this.state, this.refusal] = ["refused", `${user} is signed in now, and these edits are ${this.user}'s.`];
      } catch {
        this.renewed = false;
      }
      this.#changed();
    }
    const pause = this.wait * (0.8 + 0.4 * Math.random());
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    return pause;
  }

  /** An edit that cannot be recorded as it is, and those after it that were built on it. */
  #setAside(one, error) {
    const things = this.touched(one.op);
    const act = one.op.id.split("_")[0];
    const ops = this.waiting.filter(
      (each) => each === one || each.op.id.startsWith(`${act}_`) || sameThing(this.touched(each.op), things),
    );
    this.waiting = this.waiting.filter((each) => !ops.includes(each));
    this.aside.push({
      ops,
      kind: error.status === 409 && error.answer.conflicts ? "conflict" : "refused",
      text: error.message,
      conflicts: error.answer.conflicts ?? [],
      revision: error.answer.revision,
    });
    this.state = "saved";
    this.#giveUp(new Set(ops.map((each) => each.op.id)));
    this.#changed("aside");
    if (error.answer.revision) this.dispatchEvent(new CustomEvent("foreign"));
  }

  #giveUp(ids = null) {
    this.waiters = this.waiters.filter((waiter) => {
      if (ids && ![...waiter.ids].some((id) => ids.has(id))) return true;
      waiter.resolve(false);
      return false;
    });
  }

  #write(one) {
    const { key, ...value } = one;
    try {
      this.storage.setItem(key, JSON.stringify(value));
    } catch {
      this.kept = false; // full, or none: leaving the page is warned about
    }
  }

  #forgotten(key) {
    const gone = this.waiting.filter((one) => one.key === key);
    if (gone.length && !this.busy) {
      this.waiting = this.waiting.filter((one) => one.key !== key);
      this.dispatchEvent(new CustomEvent("elsewhere", { detail: gone.map((one) => one.op.id) }));
      this.#changed();
    }
    this.dispatchEvent(new CustomEvent("foreign"));
  }

  /** Sends what waits at once. */
  again() {
    clearTimeout(this.timer);
    this.wait = FIRST_WAIT;
    this.#pump();
  }

  #changed(type = "change") {
    if (this.waiting.length && this.state === "saved") this.state = "saving";
    if (!this.waiting.length) this.state = this.state === "saving" ? "saved" : this.state;
    this.dispatchEvent(new CustomEvent(type));
    if (type !== "change") this.dispatchEvent(new CustomEvent("change"));
  }
}
