// Selecting tracks by mouse and keyboard.

/** @import { Shared } from "../types.js" */
/** @import { Timeline } from "../view/timeline.js" */

export class SelectionCommands {
  /** @param {Pick<Shared, "model" | "player" | "selection" | "say"> & { timeline: Timeline, go: (frame: number) => void }} shared */
  constructor({ model, player, selection, timeline, say, go }) {
    this.model = model;
    this.player = player;
    this.selection = selection;
    this.timeline = timeline;
    this.say = say;
    this.go = go;
    /** @type {((track: number, other: number) => void) | null} called once with the second track when it is selected */
    this.pairing = null;
  }

  previousTrack() { this.#neighbour(-1, false); }
  nextTrack() { this.#neighbour(1, false); }
  extendUp() { this.#neighbour(-1, true); }
  extendDown() { this.#neighbour(1, true); }
  cursorUp() { this.timeline.moveCursor(-1); }
  cursorDown() { this.timeline.moveCursor(1); }

  /** Adds the lane under the cursor to the selection, or removes it. */
  toggleLane() {
    const track = this.timeline.cursor ?? this.selection.main;
    if (track !== null) this.picked({ track, more: true });
  }

  allTracks() {
    this.selection.set((this.timeline.shown ?? []).filter((track) => track.deleted === null).map((track) => track.id));
    this.say(`${this.selection.size} tracks selected.`);
  }

  samePerson() {
    const { main } = this.selection;
    const track = main === null ? undefined : this.model.tracks().get(main);
    if (!track) {
      this.say("Select a track first.");
      return;
    }
    const all = this.model.lanes().filter((each) => each.subject === track.subject && each.deleted === null);
    // The selected track stays the main one.
    this.selection.set([...all.map((each) => each.id).filter((id) => id !== track.id), track.id]);
    this.say(all.length > 1 ? `${all.length} tracks of the same person or thing selected.` : "No other track is linked with this one.");
  }

  /** A track was clicked or chosen by key. @param {{ track: number | null, more: boolean }} pick */
  picked({ track, more }) {
    const first = this.selection.main;
    if (this.pairing && track !== null && first !== null && track !== first) {
      const { pairing } = this;
      this.pairing = null;
      pairing(first, track);
    } else {
      this.selection.pick(track, more);
    }
  }

  /** @param {number} by @param {boolean} more */
  #neighbour(by, more) {
    const track = this.timeline.neighbour(by);
    if (!track) return;
    if (this.pairing) {
      this.timeline.moveCursor(by);
      return;
    }
    if (!more) this.selection.set([track.id]);
    else if (this.selection.has(track.id)) this.selection.set(this.selection.ids.filter((id) => id !== this.selection.main));
    else this.selection.set([...this.selection.ids, track.id]);
    if (more) return;
    this.timeline.zoomTo(track);
    if (this.player.wanted < track.first || this.player.wanted > track.last) this.go(track.first);
  }
}
