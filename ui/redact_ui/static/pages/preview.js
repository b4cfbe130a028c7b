// Notes which frames of a rendered preview were watched, shows what is left, and keeps the footage beside it in step.
// Knows nothing of Gradio: it finds `section.watch` on the page.
//
// What counts as watched, of what the browser says through requestVideoFrameCallback:
//   - Two pictures that followed each other while the copy played on count, and so do the frames between them, where
//     the screen had a new picture at least every BLINK seconds of the clock, the pictures were no more than GAP seconds
//     of footage apart, and the footage went on no faster than the clock and the chosen speed let it.
//   - One picture alone counts for nothing: neither does where a seek led to, until play goes on from there, nor what is
//     stepped through while paused. A seek, a pause, another source, or the copy or the page out of sight ends a run.
// What this allows: browsers leave out frames when they are fast or busy, at speed 8 on a screen of 60 pictures a second
// three of four. So at any speed whatever is in sight for GAP seconds of footage was on the screen at least once, and at
// speed 1 whatever is in sight for BLINK seconds. Whether somebody looked at the screen, nothing here can tell.
import { ask } from "./api.js";

export const BLINK = 0.1;
export const GAP = 0.25;
const HASTE = 1.5; // browsers put a picture up to a part of one early or late
const SLACK = 0.05;
const EVERY = 5000;
const FRAMES = 20000;
const MOST_SPANS = 500;
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4, 8];
const IN_STEP = 0.02; // s between the two films that nobody sees
const FAR = 0.5; // s: rather a jump than a chase
const PATIENCE = 2; // s for the picture that a seek leads to

const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const two = (value) => String(value).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
};

// The spans of frames that were watched, from what was on the screen and when. `times`: seconds of every frame.
export class Coverage {
  constructor(times) {
    this.times = times;
    this.spans = [];
    this.last = null;
  }

  broken() {
    this.last = null;
  }

  // The picture that stands when play begins. How long it has been standing does not matter.
  stands(frame) {
    this.last = { frame, at: null, pictures: null, speed: 0, played: true };
  }

  // A picture came on the screen `at` seconds of the clock, as the one of number `pictures` that this video has shown.
  presented(frame, at, pictures, speed) {
    const before = this.last;
    const now = { frame, at, pictures, speed, played: false };
    this.last = now;
    if (!before || frame < before.frame || !this.follows(before, now)) return;
    now.played = frame > before.frame || before.played;
    if (frame > before.frame) this.add(before.frame, frame);
  }

  // The film is over: its last frames need not have been told of.
  ended() {
    const end = this.times.length - 1;
    if (this.last?.played && this.times[end] - this.times[this.last.frame] <= GAP) this.add(this.last.frame, end);
    this.last = null;
  }

  follows(before, now) {
    if (now.frame <= before.frame + 1) return true;
    const footage = this.times[now.frame] - this.times[before.frame];
    const fresh = before.at === null;
    // Of pictures that came while this page was busy nobody tells but their count.
    const pictures = fresh ? 1 : Math.max(1, now.pictures - before.pictures);
    if (footage > GAP * pictures) return false;
    const passed = now.at - before.at;
    const speed = Math.max(before.speed, now.speed);
    return fresh || (passed <= BLINK * pictures && footage <= passed * speed * HASTE + SLACK);
  }

  add(first, last) {
    const end = this.spans.at(-1);
    if (end && first <= end[1] + 1 && first >= end[0]) end[1] = Math.max(end[1], last);
    else this.spans.push([first, last]);
  }

  // What was watched since this was asked last.
  taken(most) {
    return this.spans.splice(0, most);
  }

  back(spans) {
    this.spans.unshift(...spans);
  }
}

// Seconds of every frame of the clip from its first, as the footage has them, and where the first is in its proxy.
async function frameTimes(footage, first, last) {
  const about = await ask(`/api/footage/${footage}`);
  const [top, bottom] = about.time_base;
  const pts = [];
  while (pts.length <= last - first) {
    const from = first + pts.length;
    const count = Math.min(FRAMES, last - from + 1);
    const piece = (await ask(`/api/footage/${footage}/frames?from=${from}&count=${count}`)).pts;
    if (!piece.length) throw new Error("The frames of this footage are not known.");
    pts.push(...piece);
  }
  const times = pts.map((value) => ((value - pts[0]) * top) / bottom);
  return { times, start: about.start + (pts[0] * top) / bottom };
}

// The frame that is on show at a time: the last one that began by then, allowing for rounding.
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

class Watching {
  constructor(section) {
    const { release, output, content, footage, first, last } = section.dataset;
    Object.assign(this, { section, content, output: Number(output) });
    this.address = `/api/releases/${encodeURIComponent(release)}/watched`;
    this.copy = section.querySelector("video.copy");
    this.master = section.querySelector("video.master");
    this.bar = section.querySelector("canvas.coverage");
    this.words = section.querySelector(".coverage-words");
    this.shown = null; // the frame that came on the screen last
    this.standing = null; // the same, unless a seek is under way: then it may be one from before
    this.tried = null;
    this.starting = false;
    this.unwatched = [];
    this.sending = false;
    this.inSight = true;
    frameTimes(footage, Number(first), Number(last))
      .then(({ times, start }) => {
        Object.assign(this, { times, start });
        this.coverage = new Coverage(times);
        this.controls();
        this.listen();
        return this.refresh();
      })
      .catch(() => this.say("What is watched cannot be noted just now. Reload the page."));
  }

  say(words) {
    if (this.words.textContent !== words) this.words.textContent = words;
  }

  controls() {
    const line = document.createElement("p");
    line.className = "watch-controls";
    const label = document.createElement("label");
    const speed = document.createElement("select");
    for (const value of SPEEDS) speed.add(new Option(`${value} ×`, String(value), value === 1, value === 1));
    speed.addEventListener("change", () => (this.copy.playbackRate = Number(speed.value)));
    this.copy.addEventListener("ratechange", () => (speed.value = String(this.copy.playbackRate)));
    label.append("Speed ", speed);
    this.next = document.createElement("button");
    this.next.type = "button";
    this.next.textContent = "Play what was not watched yet";
    this.next.addEventListener("click", () => this.playNext());
    line.append(label, this.next);
    this.bar.before(line);
  }

  async playNext() {
    if (this.starting) return;
    this.starting = true;
    await this.send();
    if (this.unwatched.length) await this.play(this.unwatched[0]);
    this.starting = false;
  }

  async play(span) {
    const { copy } = this;
    // What this machine could not show whole at one speed is played at the next slower one.
    if (span[0] === this.tried && this.standing > span[0]) {
      copy.playbackRate = SPEEDS.findLast((speed) => speed < copy.playbackRate) ?? SPEEDS[0];
    }
    this.tried = span[0];
    // The first frame counts only when play goes on from it: it is on the screen before play begins, with a little
    // run-up where there is footage before it.
    copy.pause();
    this.standing = null;
    copy.currentTime = Math.max(0, this.times[span[0]] - BLINK);
    const until = performance.now() + 1000 * PATIENCE;
    while (this.standing === null && performance.now() < until) await new Promise(requestAnimationFrame);
    copy.play().catch(() => {});
  }

  listen() {
    const { copy, coverage } = this;
    const presented = (now, frame) => {
      this.saw(frame);
      copy.requestVideoFrameCallback(presented);
    };
    copy.requestVideoFrameCallback(presented);
    const elsewhere = () => {
      this.standing = null;
      coverage.broken();
    };
    for (const name of ["seeking", "emptied"]) copy.addEventListener(name, elsewhere);
    // The picture that a seek leads to may come before the seek is over.
    copy.addEventListener("seeked", () => {
      if (this.shown === frameAt(this.times, copy.currentTime)) this.standing = this.shown;
    });
    // At its end the film is paused, too.
    copy.addEventListener("pause", () => (copy.ended && !copy.seeking ? coverage.ended() : coverage.broken()));
    // The frame that stands when play begins came on the screen before, and nothing tells of it again.
    copy.addEventListener("play", () => this.standing !== null && this.watching() && coverage.stands(this.standing));
    copy.addEventListener("pause", () => this.send());
    for (const name of ["play", "pause", "seeked", "ratechange", "timeupdate"]) copy.addEventListener(name, () => this.follow());
    this.sight = new IntersectionObserver(
      ([{ intersectionRatio, intersectionRect }]) => {
        this.inSight = intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2;
      },
      { threshold: [0, 0.25, 0.5, 0.75] },
    );
    this.sight.observe(copy);
    this.timer = setInterval(() => (this.section.isConnected ? this.send() : this.end()), EVERY);
    this.leaving = () => document.visibilityState === "hidden" && this.send();
    document.addEventListener("visibilitychange", this.leaving);
  }

  end() {
    clearInterval(this.timer);
    this.sight.disconnect();
    document.removeEventListener("visibilitychange", this.leaving);
    this.send();
  }

  watching() {
    return this.inSight && document.visibilityState === "visible";
  }

  saw({ mediaTime, presentationTime, presentedFrames }) {
    const { copy, coverage } = this;
    this.shown = frameAt(this.times, mediaTime);
    this.standing = copy.seeking ? null : this.shown;
    if (copy.paused || this.standing === null || !this.watching()) return coverage.broken();
    coverage.presented(this.standing, presentationTime / 1000, presentedFrames, copy.playbackRate);
    if (!this.master.paused) this.keepStep(mediaTime);
  }

  // While both play, the footage is led back to the copy by playing it a little faster or slower.
  keepStep(seconds) {
    if (this.master.seeking) return;
    const behind = this.start + seconds - this.master.currentTime;
    if (Math.abs(behind) > FAR) this.master.currentTime = this.start + seconds;
    const chase = Math.abs(behind) > IN_STEP ? Math.min(0.25, Math.max(-0.25, behind)) : 0;
    const rate = this.copy.playbackRate * (1 + chase);
    if (Math.abs(this.master.playbackRate - rate) > 0.005) this.master.playbackRate = rate;
  }

  follow() {
    const { copy, master } = this;
    if (copy.paused) {
      if (!master.paused) master.pause();
      // To the middle of the frame that is on show: its edges may be rounded into the one before.
      const frame = frameAt(this.times, copy.currentTime);
      const end = this.times[frame + 1] ?? this.times[frame] + 0.02;
      const wanted = this.start + (this.times[frame] + end) / 2;
      if (Math.abs(master.currentTime - wanted) > 0.002) master.currentTime = wanted;
    } else if (master.paused) {
      master.currentTime = this.start + copy.currentTime;
      master.playbackRate = copy.playbackRate;
      master.play().catch(() => {});
    }
  }

  // What could not be sent is kept, and sent with the next.
  async send() {
    if (this.sending) return;
    const spans = this.coverage.taken(MOST_SPANS);
    if (!spans.length) return;
    this.sending = true;
    try {
      this.draw(await ask(this.address, { method: "POST", body: { output: this.output, spans, content: this.content } }));
    } catch (problem) {
      if (problem.status === undefined || problem.status >= 500) this.coverage.back(spans);
      this.say(
        problem.status === undefined
          ? "The server cannot be reached. What you watched is kept here and sent as soon as it can be."
          : `${problem.message} (${problem.code ?? problem.status})`,
      );
    } finally {
      this.sending = false;
    }
  }

  async refresh() {
    this.draw(await ask(this.address));
  }

  draw(answer) {
    const mine = answer.outputs.find((one) => one.output === this.output);
    if (answer.content !== this.content || !mine) {
      this.say("The release was changed since this was rendered. Render the preview again.");
      return;
    }
    this.unwatched = mine.unwatched;
    this.next.hidden = !mine.unwatched.length;
    const width = (this.bar.width = Math.max(200, this.bar.clientWidth));
    const paint = this.bar.getContext("2d");
    const style = getComputedStyle(this.section);
    paint.fillStyle = style.getPropertyValue("--well");
    paint.fillRect(0, 0, width, this.bar.height);
    paint.fillStyle = style.getPropertyValue("--ground");
    let left = 0;
    for (const [first, last] of mine.unwatched) {
      paint.fillRect((first / mine.frames) * width, 0, Math.max(2, ((last - first + 1) / mine.frames) * width), this.bar.height);
      left += last - first + 1;
    }
    const [next] = mine.unwatched;
    const words = left
      ? `${share(mine.frames - left, mine.frames)} was watched. Not watched yet from ${clock(this.times[next[0]])} on.`
      : "All of it was watched.";
    const people = mine.watched.map(({ name, frames }) => `${name} ${share(frames, mine.frames)}`).join(", ");
    this.bar.setAttribute("aria-label", words);
    this.say(people ? `${words} By ${people}.` : words);
  }
}

const share = (part, whole) => (part === whole ? "all of it" : `${Math.floor((100 * part) / whole)}%`);

export function mount() {
  const known = new WeakSet();
  const find = () => {
    for (const section of document.querySelectorAll("section.watch")) {
      if (known.has(section)) continue;
      known.add(section);
      new Watching(section);
    }
  };
  new MutationObserver(find).observe(document.body, { childList: true, subtree: true });
  find();
}
