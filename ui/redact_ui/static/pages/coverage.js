// Which frames of a preview have been watched.
//
// What counts as watched, as reported by the browser's requestVideoFrameCallback:
//   - Two consecutive pictures during playback count, and so do the frames between them. The screen must have
//     shown a new picture at least every BLINK seconds, the pictures must be no more than GAP seconds of footage
//     apart, and the footage must not have advanced faster than the clock and the chosen speed allow.
//   - A single picture does not count. Nor does the target of a seek until playback continues from there, nor frames
//     stepped through during a pause. A run ends with a seek, a pause or another source, or when preview or page is
//     hidden.
// What this allows: browsers drop frames when they play fast or are busy, at speed 8 on a 60 Hz screen three of four.
// So at any speed, anything visible for GAP seconds of footage was on the screen at least once; at speed 1, anything
// visible for BLINK seconds. Whether anyone looked at the screen cannot be measured here.

/** A picture on the screen: its frame, when it appeared (`at`, s), its number, the playback speed. @typedef {{ frame: number, at: number | null, pictures: number, speed: number, played: boolean }} Picture */
/** First and last frame. @typedef {[number, number]} Span */

export const BLINK = 0.1;
export const GAP = 0.25;
const HASTE = 1.5; // browsers show a picture up to half of its time early or late
const SLACK = 0.05;

/** Collects the spans of frames that have been watched. */
export class Coverage {
  /** @param {number[]} times seconds of every frame */
  constructor(times) {
    this.times = times;
    /** @type {Span[]} */
    this.spans = [];
    /** @type {Picture | null} */
    this.last = null;
  }

  /** The run of pictures ends. */
  broken() {
    this.last = null;
  }

  /** Playback begins on this picture, however long it has been on the screen. @param {number} frame */
  stands(frame) {
    this.last = { frame, at: null, pictures: 0, speed: 0, played: true };
  }

  /** A picture appeared on the screen. @param {number} frame @param {number} at seconds of the clock @param {number} pictures its number @param {number} speed */
  presented(frame, at, pictures, speed) {
    const before = this.last;
    const now = { frame, at, pictures, speed, played: false };
    this.last = now;
    if (!before || frame < before.frame || !this.#follows(before, now)) return;
    now.played = frame > before.frame || before.played;
    if (frame > before.frame) this.#add(before.frame, frame);
  }

  /** The preview has ended. The browser need not report its last frames. */
  ended() {
    const end = this.times.length - 1;
    if (this.last?.played && this.times[end] - this.times[this.last.frame] <= GAP) this.#add(this.last.frame, end);
    this.last = null;
  }

  /** @param {Picture} before @param {Picture & { at: number }} now */
  #follows(before, now) {
    if (now.frame <= before.frame + 1) return true;
    const footage = this.times[now.frame] - this.times[before.frame];
    // For pictures that appeared while this page was busy, the browser reports only the count.
    const pictures = before.at === null ? 1 : Math.max(1, now.pictures - before.pictures);
    if (footage > GAP * pictures) return false;
    if (before.at === null) return true;
    const passed = now.at - before.at;
    const speed = Math.max(before.speed, now.speed);
    return passed <= BLINK * pictures && footage <= passed * speed * HASTE + SLACK;
  }

  /** @param {number} first @param {number} last */
  #add(first, last) {
    const end = this.spans.at(-1);
    if (end && first <= end[1] + 1 && first >= end[0]) end[1] = Math.max(end[1], last);
    else this.spans.push([first, last]);
  }

  /** Removes and returns the spans watched since the last call. @param {number} most */
  taken(most) {
    return this.spans.splice(0, most);
  }

  /** Puts back spans that could not be sent. @param {Span[]} spans */
  back(spans) {
    this.spans.unshift(...spans);
  }
}

/** The frame on the screen at a time: the last one that began by then, allowing for rounding. @param {number[]} times @param {number} seconds */
export function frameAt(times, seconds) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= seconds + 0.0005) low = middle;
    else high = middle - 1;
  }
  return low;
}
