// Copying masks to other footage of the same case, and undoing the copy there.

import { ApiError } from "../model/api.js";
import { askCopy } from "../view/dialogs.js";
import { counted } from "../view/dom.js";
import { newAct } from "./edit_recorder.js";

/** @import { Copied, OtherFootage, Shared } from "../types.js" */

export class CopyCommands {
  /**
   * @param {Pick<Shared, "root" | "api" | "model" | "selection" | "queue" | "say">
   *   & { copied: (copy: { name: string, link: string, count: number, undo: () => Promise<string | null> }) => void }} shared
   */
  constructor({ root, api, model, selection, queue, say, copied }) {
    this.root = root;
    this.api = api;
    this.model = model;
    this.selection = selection;
    this.queue = queue;
    this.say = say;
    this.copied = copied;
  }

  async copy() {
    const tracks = this.selection.ids.filter((id) => this.model.tracks().get(id)?.deleted === null);
    if (!tracks.length) {
      this.say("Select the masks to copy first.");
      return;
    }
    /** @type {OtherFootage[]} */
    let others;
    try {
      /** @type {{ footage: OtherFootage[] }} */
      const answer = await this.api.get("/others");
      others = answer.footage;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say(error.message);
      return;
    }
    if (!others.length) {
      this.say("This case has no other footage to copy to.");
      return;
    }
    const act = newAct(); // the same for every attempt, so that nothing is copied twice
    const title = `Copy ${counted(tracks.length, "mask")} to other footage`;
    await askCopy(this.root, { title, others, send: (answer) => this.#send(tracks, act, answer) });
  }

  /** @param {number[]} tracks @param {string} act @param {{ to: number, shift: number }} answer */
  async #send(tracks, act, { to, shift }) {
    if (this.queue.unsaved) return "The masks are still being saved. Try again in a moment.";
    /** @type {Copied[]} */
    const made = [];
    try {
      for (const [i, track] of tracks.entries()) {
        made.push(await this.api.post("/copy", { track, to, shift_seconds: shift, id: `${act}_${i}` }));
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!made.length) return `Nothing was copied. ${error.message}`;
      return `Not all masks were copied. ${error.message} ${made.length} of ${tracks.length} were copied before that.`;
    }
    this.say("");
    this.copied({
      name: made[0].name, link: `${this.api.base}/review/${to}`, count: made.length, undo: () => this.#undo(to, act, made),
    });
    return null;
  }

  /** Resolves to null, or to an error text. @param {number} to @param {string} act @param {Copied[]} made */
  async #undo(to, act, made) {
    const edits = made.flatMap((one) => one.edits).reverse();
    const ops = edits.map((edit, i) => ({ id: `${act}u_${i}`, op: "undo", edit }));
    const { tracks_id, revision } = made[made.length - 1];
    try {
      await this.api.send(`/api/footage/${to}/ops`, { tracks_id, base_revision: revision, ops });
      return null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return error.status === 409 ? "Someone has changed these masks since. Check them there." : error.message;
    }
  }
}
