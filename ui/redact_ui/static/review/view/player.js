// The picture, one frame at a time. The server's frame table numbers the frames; the video element only shows them.

import { Emitter } from "../model/emitter.js";
import { clamp } from "../model/geometry.js";

/** @import { FootageInfo } from "../types.js" */

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];

/**
 * Events: "frame" (another frame is on the screen), "play", "pause", "speed", "trouble" (the clip cannot be played).
 * @extends {Emitter<{ frame: undefined, play: undefined, pause: undefined, speed: undefined, trouble: undefined }>}
 */
export class Player extends Emitter {
  /** @param {HTMLVideoElement} video @param {Pick<FootageInfo, "frames" | "time_base" | "start">} info */
  constructor(video, { frames, time_base: [numerator, denominator], start }) {
    super();
    this.video = video;
    this.frames = frames;
    this.start = start; // seconds of the video element at which the first frame is shown: sound may come before it
    this.tick = numerator / denominator;
    this.pts = new Float64Array(frames);
    this.known = 0; // number of frames with a known time
    this.frame = 0; // on the screen
    this.wanted = 0; // requested, but not shown yet
    this.playing = false;
    this.target = 0; // of the last seek
    /** @type {number | undefined} a frame to show once its time is known */
    this.later = undefined;
    video.addEventListener("seeked", () => this.#seeked());
    video.addEventListener("error", () => this.emit("trouble"));
    video.addEventListener("ended", () => this.pause());
    video.addEventListener("pause", () => {
      if (this.playing) this.pause();
    });
    video.requestVideoFrameCallback((now, meta) => this.#painted(meta));
  }

  /** @param {number} from @param {number[]} pts */
  setTimes(from, pts) {
    this.pts.set(pts, from);
    this.known = from + pts.length;
    if (this.later !== undefined && this.later < this.known) this.show(this.later);
  }

  /** Seconds from the first frame at which `frame` is shown. @param {number} frame */
  seconds(frame) {
    return this.pts[clamp(frame, 0, Math.max(this.known - 1, 0))] * this.tick;
  }

  get end() {
    const last = this.known - 1;
    return this.seconds(last) + (last > 0 ? this.seconds(last) - this.seconds(last - 1) : 1 / 25);
  }

  /** The frame that is on the screen at `seconds`. @param {number} seconds */
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

  /** Goes to `frame`. If called again before the frame is shown, only the last call counts. @param {number} frame */
  show(frame) {
    const wanted = clamp(Math.round(frame), 0, this.frames - 1);
    this.later = wanted < this.known ? undefined : wanted;
    if (this.later !== undefined) return;
    this.wanted = wanted;
    if (!this.video.seeking) this.#seek();
  }

  /** @param {number} by */
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
    this.emit("play");
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
    // The element's clock runs ahead of the picture: the frame on the screen counts.
    this.wanted = this.frame;
    this.#seek();
    this.emit("pause");
  }

  get speed() {
    return this.video.playbackRate;
  }

  set speed(rate) {
    this.video.playbackRate = rate;
    this.emit("speed");
  }

  /** @param {number} by steps along the list of speeds */
  faster(by) {
    const at = SPEEDS.indexOf(this.speed);
    this.speed = SPEEDS[clamp((at < 0 ? SPEEDS.indexOf(1) : at) + by, 0, SPEEDS.length - 1)];
  }

  #seek() {
    const start = this.seconds(this.wanted);
    const next = this.wanted + 1 < this.known ? this.seconds(this.wanted + 1) : this.end;
    this.target = this.wanted;
    // The middle of the frame's time: programs round its edges differently.
    this.video.currentTime = this.start + (start + next) / 2;
  }

  #seeked() {
    if (this.playing) return;
    if (this.target !== this.wanted) {
      this.#seek();
      return;
    }
    // The picture reaches the screen a moment later and is then reported, unless it has not changed.
    const arrived = () => !this.playing && !this.video.seeking && this.target === this.wanted && this.#shown(this.wanted);
    requestAnimationFrame(() => requestAnimationFrame(arrived));
  }

  /** @param {VideoFrameCallbackMetadata} meta */
  #painted(meta) {
    if (this.known) {
      const frame = this.frameAt(meta.mediaTime - this.start);
      if (this.playing) this.wanted = frame;
      if (this.playing || frame === this.wanted) this.#shown(frame);
    }
    this.video.requestVideoFrameCallback((now, next) => this.#painted(next));
  }

  /** @param {number} frame */
  #shown(frame) {
    this.frame = frame;
    this.emit("frame");
  }
}
