// Sends files in pieces, each after the one before. What was sent stays sent: after a broken connection, a closed page or
// a restarted browser, the same file goes on from where it was. Knows nothing of Gradio but where it was put.
import { ask } from "./api.js";

const PIECE = 8 * 1024 * 1024;
const PATIENCE = [1, 2, 4, 8, 15, 30];
const UPLOADS = "/api/uploads";

const make = (name, properties = {}, ...inside) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...inside);
  return element;
};
const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

// One file on its way, with its line on the page.
class Sending {
  constructor(file, about, list) {
    this.file = file;
    this.about = about;
    this.list = list;
    this.stopped = new AbortController();
    this.bar = make("progress", { max: file.size, value: 0 });
    this.bar.setAttribute("aria-label", `Sending ${file.name}`);
    this.words = make("span", { className: "quiet" });
    this.words.setAttribute("aria-live", "polite");
    this.drop = make("button", { type: "button", textContent: "Stop sending" });
    this.drop.addEventListener("click", () => this.stopped.abort());
    const what = make("span", {}, make("strong", { textContent: file.name }), " ", this.words);
    list.append(make("div", { className: "file" }, what, this.drop, this.bar));
  }

  say(words, problem = false) {
    this.words.textContent = words;
    this.words.className = problem ? "problem" : "quiet";
  }

  async run() {
    try {
      const upload = await this.begin();
      await this.pieces(upload);
      this.say("All of it is there. It is being checked and taken in; see “Under way”.");
      await this.patiently(() => ask(`${UPLOADS}/${upload.id}/finish`, { method: "POST", body: this.details() }));
      this.bar.value = this.file.size;
    } catch (problem) {
      if (problem.name === "AbortError") this.say("Stopped. Choose the same file again to go on.");
      else this.say(problem.code ? `${problem.message} (${problem.code})` : problem.message, true);
    } finally {
      this.drop.remove();
    }
  }

  details() {
    return Object.fromEntries(Object.entries(this.about.details).filter(([, value]) => value !== ""));
  }

  // One that was begun before, of this very file, or a new one.
  async begin() {
    const { uploads } = await this.patiently(() => ask(UPLOADS));
    const same = uploads.find((u) => u.case === this.about.case && u.name === this.file.name && u.size === this.file.size);
    if (same) {
      this.list.querySelector(`[data-upload="${same.id}"]`)?.remove();
      return same;
    }
    const body = { case: this.about.case, name: this.file.name, size: this.file.size };
    return this.patiently(() => ask(UPLOADS, { method: "POST", body }));
  }

  async pieces(upload) {
    let at = upload.received;
    const from = at;
    const began = performance.now();
    while (at < this.file.size) {
      this.progress(at, from, began);
      try {
        const body = this.file.slice(at, at + PIECE);
        const address = `${UPLOADS}/${upload.id}?offset=${at}`;
        const answer = await this.patiently(() => ask(address, { method: "PATCH", body, signal: this.stopped.signal }));
        at = answer.received;
      } catch (problem) {
        // The server has more, or less, than was thought: go on from what it has.
        if (problem.status !== 409 || problem.received === undefined) throw problem;
        await this.pause(1);
        at = (await this.patiently(() => ask(`${UPLOADS}/${upload.id}`))).received;
      }
    }
    this.progress(at, from, began);
  }

  progress(at, from, began) {
    this.bar.value = at;
    const passed = (performance.now() - began) / 1000;
    const left = at > from && passed > 3 ? (this.file.size - at) / ((at - from) / passed) : null;
    const time = left === null ? "" : left < 60 ? ", less than a minute left" : `, about ${Math.round(left / 60)} minutes left`;
    this.say(`${megabytes(at)} of ${megabytes(this.file.size)} MB${time}`);
  }

  // Again and again as long as only the connection is at fault.
  async patiently(work) {
    for (let turn = 0; ; turn++) {
      try {
        return await work();
      } catch (problem) {
        const passing = problem instanceof TypeError || problem.status >= 500;
        if (!passing || problem.status === 507) throw problem;
        const seconds = PATIENCE[Math.min(turn, PATIENCE.length - 1)];
        this.say(`The server cannot be reached. It is tried again in ${seconds} s; nothing that was sent is lost.`);
        await this.pause(seconds);
      }
    }
  }

  async pause(seconds) {
    await wait(seconds);
    this.stopped.signal.throwIfAborted();
  }
}

// What was begun before and is not all there: it goes on as soon as the same file is chosen.
async function showUnfinished(list) {
  const reference = new URLSearchParams(location.search).get("case") ?? "";
  const { uploads } = await ask(UPLOADS).catch(() => ({ uploads: [] }));
  for (const upload of uploads.filter((one) => one.case === reference)) {
    const words = ` ${megabytes(upload.received)} of ${megabytes(upload.size)} MB were sent. Choose the same file again to go on.`;
    const drop = make("button", { type: "button", textContent: "Forget it" });
    drop.setAttribute("aria-label", `Forget it: ${upload.name}`);
    const line = make(
      "div", { className: "file" },
      make("span", {}, make("strong", { textContent: upload.name }), make("span", { className: "quiet", textContent: words })),
      drop,
    );
    line.dataset.upload = upload.id;
    drop.addEventListener("click", async () => {
      await ask(`${UPLOADS}/${upload.id}`, { method: "DELETE" }).catch(() => {});
      line.remove();
    });
    list.append(line);
  }
}

export function mount(element) {
  const place = element.querySelector(".upload-place") ?? element;
  if (place.childElementCount) return;
  const exhibit = make("input", { type: "text", maxLength: 64 });
  const wearer = make("input", { type: "text", maxLength: 200 });
  const files = make("input", { type: "file", multiple: true, accept: "video/*,.mkv,.ts,.avi,.mts,.m2ts" });
  const list = make("div");
  const box = make(
    "div", { className: "upload" },
    make("h3", { textContent: "Add footage" }),
    make("p", { textContent: "Large files are sent in pieces: what was sent is never sent again, even after a broken connection or a closed page." }),
    make(
      "div", { className: "fields" },
      make("label", {}, "Exhibit reference, as AB1", exhibit),
      make("label", {}, "Worn by", wearer),
      make("label", {}, "Choose files, or drop them here", files),
    ),
    list,
  );
  place.append(box);
  showUnfinished(list);

  let before = Promise.resolve();
  const send = (chosen) => {
    const reference = new URLSearchParams(location.search).get("case") ?? "";
    const several = chosen.length > 1;
    for (const file of chosen) {
      const details = { exhibit: several ? "" : exhibit.value.trim(), wearer: wearer.value.trim() };
      const sending = new Sending(file, { case: reference, details }, list);
      sending.say("Waits for the one before.");
      before = before.then(() => sending.run());
    }
    files.value = "";
    exhibit.value = "";
  };
  files.addEventListener("change", () => send([...files.files]));
  box.addEventListener("dragover", (event) => {
    event.preventDefault();
    box.classList.add("over");
  });
  box.addEventListener("dragleave", () => box.classList.remove("over"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("over");
    send([...event.dataTransfer.files]);
  });
}
