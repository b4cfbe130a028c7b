// Masks copied into other footage of the same case, and taken back there.

import { askCopy } from "../view/dialogs.js";
import { counted } from "../view/dom.js";
import { ApiError } from "../model/edit_queue.js";

const SENTENCE = (error) => `Nothing was copied. ${error.message}`;

export const newAct = () =>
  [...crypto.getRandomValues(new Uint8Array(10))].map((b) => b.toString(16).padStart(2, "0")).join("");

/** `copied({name, link, undo})` is told what was done. */
export class Copying {
  constructor({ root, api, model, selection, queue, say, copied }) {
    Object.assign(this, { root, api, model, selection, queue, say, copied });
  }

  async copy() {
    const tracks = this.selection.ids.filter((id) => this.model.tracks().get(id)?.deleted === null);
    if (!tracks.length) {
      this.say("Choose the masks that are to be copied first.");
      return;
    }
    let others;
    try {
      others = (await this.api.get("/others")).footage;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say(error.message);
      return;
    }
    if (!others.length) {
      this.say("There is no other footage in this case to copy to.");
      return;
    }
    const act = newAct(); // the same for every try: what arrived before is not copied twice
    const title = `Copy ${counted(tracks.length, "mask")} to other footage`;
    await askCopy(this.root, { title, others, send: (wish) => this.#send(tracks, act, wish) });
  }

  async #send(tracks, act, { to, shift }) {
    if (this.queue.unsaved) return "The masks are being saved. Try again in a moment.";
    const made = [];
    try {
      for (const [i, track] of tracks.entries()) {
        made.push(await this.api.post("/copy", { track, to, shift_seconds: shift, id: `${act}_${i}` }));
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const before = made.length ? ` ${counted(made.length, "mask")} of ${tracks.length} arrived before.` : "";
      return `${SENTENCE(error)}${before}`;
    }
    this.say("");
    this.copied({
      name: made[0].name, link: `${this.api.base}/review/${to}`, count: made.length, undo: () => this.#undo(to, act, made),
    });
    return null;
  }

  /** The copies' edits count as never made. Resolves to null, or to what went wrong. */
  async #undo(to, act, made) {
    const edits = made.flatMap((one) => one.edits).reverse();
    const ops = edits.map((edit, i) => ({ id: `${act}u_${i}`, op: "undo", edit }));
    const { tracks_id, revision } = made.at(-1);
    try {
      await this.api.send(`/api/footage/${to}/ops`, { tracks_id, base_revision: revision, ops });
      return null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return error.status === 409 ? "Somebody changed these masks since. Look at them there." : error.message;
    }
  }
}
