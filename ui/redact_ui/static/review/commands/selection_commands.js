// Choosing tracks, by mouse and by key.

/** `go(frame)` shows a frame; `pairing(track, other)` is called once where a second track is being chosen. */
export class Choosing {
  constructor({ model, player, selection, timeline, say, go }) {
    Object.assign(this, { model, player, selection, timeline, say, go });
    this.pairing = null;
  }

  previousTrack() { this.#neighbour(-1, false); }
  nextTrack() { this.#neighbour(1, false); }
  extendUp() { this.#neighbour(-1, true); }
  extendDown() { this.#neighbour(1, true); }
  cursorUp() { this.timeline.moveCursor(-1); }
  cursorDown() { this.timeline.moveCursor(1); }

  /** The lane that the cursor is on, to what is chosen or away from it; what waits for a second one gets it. */
  toggleLane() {
    const track = this.timeline.cursor ?? this.selection.main;
    if (track !== null) this.picked({ track, more: true });
  }

  allTracks() {
    this.selection.set(this.timeline.shown.filter((track) => track.deleted === null).map((track) => track.id));
    this.say(`${this.selection.size} tracks chosen.`);
  }

  samePerson() {
    const track = this.model.tracks().get(this.selection.main);
    if (!track) {
      this.say("Choose a track first.");
      return;
    }
    const all = this.model.lanes().filter((each) => each.subject === track.subject && each.deleted === null);
    // The one that was chosen stays the main one.
    this.selection.set([...all.map((each) => each.id).filter((id) => id !== track.id), track.id]);
    this.say(all.length > 1 ? `${all.length} tracks of the same one chosen.` : "No other track is linked with this one.");
  }

  /** What was chosen with the mouse or the keys; the second track of two, if one is being chosen. */
  picked({ track, more }) {
    const first = this.selection.main;
    if (this.pairing && track !== null && track !== first) {
      const { pairing } = this;
      this.pairing = null;
      pairing(first, track);
    } else {
      this.selection.pick(track, more);
    }
  }

  #neighbour(by, more) {
    const track = this.timeline.neighbour(by);
    if (!track) return;
    if (this.pairing) {
      this.timeline.moveCursor(by);
      return;
    }
    if (!more) this.selection.set([track.id]);
    else if (this.selection.has(track.id)) this.selection.set([...this.selection.ids.filter((id) => id !== this.selection.main)]);
    else this.selection.set([...this.selection.ids, track.id]);
    if (more) return;
    this.timeline.zoomTo(track);
    if (this.player.wanted < track.first || this.player.wanted > track.last) this.go(track.first);
  }
}
