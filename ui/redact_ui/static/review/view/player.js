// The picture, one frame at a time. Frames are counted by the server's table; the video element only shows them.

import { clamp } from "./dom.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];

/** Events: "frame" (another frame is on the screen), "play", "pause", "speed", "trouble". */
export class Player extends EventTarget {
  constructor(video, { frames, time_base: [numerator, denominator], start }) {
    super();
    this.video = video;
    this.frames = frames;
    this.start = start; // seconds of the video element's at which the first frame is shown: sound may come before it
    this.tick = numerator / denominator;
    this.pts = new Float64Array(frames);
    this.known = 0; // so many frames have their time
    this.frame = 0; // on the screen
    this.wanted = 0; // on its way to the screen
    video.addEventListener("seeked", () => this.#seeked());
    video.addEventListener("error", () => this.dispatchEvent(new CustomEvent("trouble")));
    video.addEventListener("ended", () => this.pause());
    video.addEventListener("pause", () => {
      if (this.playing) this.pause();
    });
    video.requestVideoFrameCallback((now, meta) => this.#painted(meta));
  }

  setTimes(from, pts) {
    this.pts.set(pts, from);
    this.known = from + pts.length;
    if (this.later !== undefined && this.later < this.known) this.show(this.later);
  }

  /** Seconds from the first frame at which `frame` is shown. */
  seconds(frame) {
    return this.pts[clamp(frame, 0, Math.max(this.known - 1, 0))] * this.tick;
  }

  get end() {
    const last = this.known - 1;
    return this.seconds(last) + (last > 0 ? this.seconds(last) - this.seconds(last - 1) : 1 / 25);
  }

  /** The frame that is on the screen at `seconds`. */
  frameAt(seconds) {
    const ticks = seconds / this.tick + 0.5; // a media time is rounded to microseconds
    let [low, high] = [0, this.known - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.pts[middle] <= ticks) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Go to `frame`. Asked again before it is there, only the last wish counts. */
  show(frame) {
    const wanted = clamp(Math.round(frame), 0, this.frames - 1);
    this.later = wanted < this.known ? undefined : wanted;
    if (this.later !== undefined) return;
    this.wanted = wanted;
    if (!this.video.seeking) this.#seek();
  }

  step(by) {
    if (this.playing) this.pause();
    this.show(this.wanted + by);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  async play() {
    if (this.playing) return;
    if (this.wanted >= this.frames - 1) this.show(0);
    this.playing = true;
    this.dispatchEvent(new CustomEvent("play"));
    try {
      await this.video.play();
    } catch {
      this.pause();
    }
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.video.pause();
    // The element's own clock runs ahead of the picture: what was seen last is what is meant.
    this.wanted = this.frame;
    this.#seek();
    this.dispatchEvent(new CustomEvent("pause"));
  }

  get speed() {
    return this.video.playbackRate;
  }

  set speed(rate) {
    this.video.playbackRate = rate;
    this.dispatchEvent(new CustomEvent("speed"));
  }

  faster(by) {
    const at = SPEEDS.indexOf(this.speed);
    this.speed = SPEEDS[clamp((at < 0 ? SPEEDS.indexOf(1) : at) + by, 0, SPEEDS.length - 1)];
  }

  #seek() {
    const start = this.seconds(this.wanted);
    const next = this.wanted + 1 < this.known ? this.seconds(this.wanted + 1) : this.end;
    this.aim = this.wanted;
    // The middle of a frame's time: its edges are rounded by everyone in another way.
    this.video.currentTime = this.start + (start + next) / 2;
  }

  #seeked() {
    if (this.playing) return;
    if (this.aim !== this.wanted) return this.#seek();
    // The picture comes on the screen a moment later, and says so itself unless it is the one that was there before.
    const there = () => !this.playing && !this.video.seeking && this.aim === this.wanted && this.#shown(this.wanted);
    requestAnimationFrame(() => requestAnimationFrame(there));
  }

  #painted(meta) {
    if (this.known) {
      const frame = this.frameAt(meta.mediaTime - this.start);
      if (this.playing) this.wanted = frame;
      if (this.playing || frame === this.wanted) this.#shown(frame);
    }
    this.video.requestVideoFrameCallback((now, next) => this.#painted(next));
  }

  #shown(frame) {
    this.frame = frame;
    this.dispatchEvent(new CustomEvent("frame"));
  }
}
