// Notes which frames of a rendered preview were really played, and shows what is left. Frames count that were presented
// while the video ran on; what was jumped over does not. Knows nothing of Gradio: it finds `section.watch` on the page.
const EVERY = 5000;
const LONGEST_STEP = 0.15;
const FRAMES = 20000;

const token = () => document.querySelector("form.leave input[name=csrf]")?.value ?? "";
const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const two = (value) => String(value).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
};

// Seconds of every frame of the clip from its first, as the footage has them.
async function frameTimes(footage, first, last) {
  const about = await (await fetch(`/api/footage/${footage}`)).json();
  const [top, bottom] = about.time_base;
  const pts = [];
  while (pts.length <= last - first) {
    const from = first + pts.length;
    const count = Math.min(FRAMES, last - from + 1);
    const response = await fetch(`/api/footage/${footage}/frames?from=${from}&count=${count}`);
    const piece = (await response.json()).pts;
    if (!piece.length) throw new Error("The frames of this footage are not known.");
    pts.push(...piece);
  }
  return pts.map((value) => ((value - pts[0]) * top) / bottom);
}

// The frame that is on show at a time: the last one that began by then, allowing for rounding.
function frameAt(times, seconds) {
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
    const { release, output, content, footage, first, last, start } = section.dataset;
    Object.assign(this, { section, content, output: Number(output), start: Number(start) });
    this.address = `/api/releases/${encodeURIComponent(release)}/watched`;
    this.copy = section.querySelector("video.copy");
    this.master = section.querySelector("video.master");
    this.bar = section.querySelector("canvas.coverage");
    this.words = section.querySelector(".coverage-words");
    this.spans = [];
    this.previous = null;
    this.sending = false;
    frameTimes(footage, Number(first), Number(last))
      .then((times) => {
        this.times = times;
        this.listen();
        return this.refresh();
      })
      .catch(() => this.say("What is watched cannot be noted just now. Reload the page."));
  }

  say(words) {
    this.words.textContent = words;
  }

  listen() {
    const copy = this.copy;
    const presented = (now, frame) => {
      this.saw(frame.mediaTime);
      copy.requestVideoFrameCallback(presented);
    };
    copy.requestVideoFrameCallback(presented);
    for (const name of ["seeking", "emptied"]) copy.addEventListener(name, () => (this.previous = null));
    // The frame that stands when play begins was presented before, and nothing tells of it again.
    copy.addEventListener("play", () => {
      this.previous = null;
      this.saw(copy.currentTime);
    });
    copy.addEventListener("ended", () => this.saw(this.times.at(-1)));
    for (const name of ["pause", "ended"]) copy.addEventListener(name, () => this.send());
    for (const name of ["play", "pause", "seeked", "ratechange", "timeupdate"]) copy.addEventListener(name, () => this.follow());
    this.timer = setInterval(() => (this.section.isConnected ? this.send() : this.end()), EVERY);
    this.leaving = () => document.visibilityState === "hidden" && this.send();
    document.addEventListener("visibilitychange", this.leaving);
  }

  end() {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.leaving);
    this.send();
  }

  // A presented frame. At high speeds a browser leaves out frames; those between two that followed each other closely on
  // the clock of the footage were played.
  saw(seconds) {
    const frame = frameAt(this.times, seconds);
    const before = this.previous;
    this.previous = this.copy.seeking ? null : { frame, seconds };
    if (this.copy.paused && before === null) return;
    const step = LONGEST_STEP * Math.max(1, this.copy.playbackRate);
    const joined = before !== null && frame >= before.frame && seconds - before.seconds <= step;
    this.add(joined ? before.frame : frame, frame);
  }

  add(first, last) {
    const end = this.spans.at(-1);
    if (end && first <= end[1] + 1 && first >= end[0]) end[1] = Math.max(end[1], last);
    else this.spans.push([first, last]);
  }

  follow() {
    const wanted = this.start + this.copy.currentTime;
    this.master.playbackRate = this.copy.playbackRate;
    if (Math.abs(this.master.currentTime - wanted) > 0.15) this.master.currentTime = wanted;
    if (this.copy.paused !== this.master.paused) this.copy.paused ? this.master.pause() : this.master.play().catch(() => {});
  }

  // What could not be sent is kept, and sent with the next.
  async send() {
    if (this.sending || !this.spans.length) return;
    this.sending = true;
    const spans = this.spans.splice(0, 500);
    try {
      const response = await fetch(this.address, {
        method: "POST",
        keepalive: true,
        headers: { "content-type": "application/json", "x-csrf-token": token() },
        body: JSON.stringify({ output: this.output, spans, content: this.content }),
      });
      const answer = await response.json();
      if (response.ok) this.draw(answer);
      else {
        if (response.status >= 500) this.spans.unshift(...spans);
        this.say(`${answer.text} (${answer.code})`);
      }
    } catch {
      this.spans.unshift(...spans);
      this.say("The server cannot be reached. What you watched is kept here and sent as soon as it can be.");
    } finally {
      this.sending = false;
    }
  }

  async refresh() {
    const response = await fetch(this.address);
    if (response.ok) this.draw(await response.json());
  }

  draw(answer) {
    const mine = answer.outputs.find((one) => one.output === this.output);
    if (answer.content !== this.content || !mine) {
      this.say("The release was changed since this was rendered. Render the preview again.");
      return;
    }
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
      ? `${Math.floor((100 * (mine.frames - left)) / mine.frames)}% was watched. Not watched yet from ${clock(this.times[next[0]])} on.`
      : "All of it was watched.";
    this.bar.setAttribute("aria-label", words);
    this.say(words);
  }
}

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
