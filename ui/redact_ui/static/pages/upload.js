// Uploads files in chunks, one file after the other. After a lost connection, a closed page or a restarted browser the
// same file resumes where it stopped. Independent of Gradio, except for its place on the page.
import { RequestRefused, request, textOf } from "./api.js";

/** An upload, as sent by the server. @typedef {{ id: string, case: string, name: string, size: number, received: number }} Upload */

const CHUNK = 8 * 1024 * 1024;
const RETRY_AFTER = [1, 2, 4, 8, 15, 30]; // seconds
const UPLOADS = "/api/uploads";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Partial<HTMLElementTagNameMap[Tag]>} [properties] @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

/** @param {number} seconds */
const wait = (seconds) =>
  new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });

/** @param {number} bytes */
const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

/** The reference of the case on the page. */
const caseReference = () => new URLSearchParams(location.search).get("case") ?? "";

/** One file that is being uploaded, with its line on the page. */
class FileUpload {
  /** @param {File} file @param {{ exhibit: string, wearer: string }} details @param {HTMLElement} list */
  constructor(file, details, list) {
    this.file = file;
    this.case = caseReference();
    this.details = Object.fromEntries(Object.entries(details).filter(([, value]) => value !== ""));
    this.list = list;
    this.stopped = new AbortController();
    this.bar = make("progress", { max: file.size, value: 0 });
    this.bar.setAttribute("aria-label", `Uploading ${file.name}`);
    this.message = make("span", { className: "quiet" });
    this.message.setAttribute("aria-live", "polite");
    this.stop = make("button", { type: "button", textContent: "Stop upload" });
    this.stop.addEventListener("click", () => this.stopped.abort());
    const name = make("span", {}, make("strong", { textContent: file.name }), " ", this.message);
    list.append(make("div", { className: "file" }, name, this.stop, this.bar));
  }

  /** @param {string} text @param {boolean} [problem] */
  say(text, problem = false) {
    this.message.textContent = text;
    this.message.className = problem ? "problem" : "quiet";
  }

  async run() {
    try {
      const upload = await this.begin();
      await this.sendChunks(upload);
      this.say("Upload complete. The file is being checked and added to the case.");
      await this.retrying(() => request(`${UPLOADS}/${upload.id}/finish`, { method: "POST", body: this.details }));
      this.bar.value = this.file.size;
    } catch (problem) {
      if (problem instanceof DOMException && problem.name === "AbortError") this.say("Stopped. Choose the same file again to resume.");
      else this.say(problem instanceof RequestRefused ? textOf(problem) : String(problem), true);
    } finally {
      this.stop.remove();
    }
  }

  /** The unfinished upload of this file, or a new one. @returns {Promise<Upload>} */
  async begin() {
    /** @type {{ uploads: Upload[] }} */
    const { uploads } = await this.retrying(() => request(UPLOADS));
    const same = uploads.find((u) => u.case === this.case && u.name === this.file.name && u.size === this.file.size);
    if (same) {
      this.list.querySelector(`[data-upload="${same.id}"]`)?.remove();
      return same;
    }
    const body = { case: this.case, name: this.file.name, size: this.file.size };
    return this.retrying(() => request(UPLOADS, { method: "POST", body }));
  }

  /** @param {Upload} upload */
  async sendChunks(upload) {
    let at = upload.received;
    const from = at;
    const began = performance.now();
    while (at < this.file.size) {
      this.progress(at, from, began);
      try {
        const body = this.file.slice(at, at + CHUNK);
        const address = `${UPLOADS}/${upload.id}?offset=${at}`;
        /** @type {Upload} */
        const answer = await this.retrying(() => request(address, { method: "PATCH", body, signal: this.stopped.signal }));
        at = answer.received;
      } catch (problem) {
        // The server has received more, or less, than this page assumed: continue from there.
        if (!(problem instanceof RequestRefused) || problem.status !== 409 || problem.received === undefined) throw problem;
        await this.pause(1);
        /** @type {Upload} */
        const answer = await this.retrying(() => request(`${UPLOADS}/${upload.id}`));
        at = answer.received;
      }
    }
    this.progress(at, from, began);
  }

  /** @param {number} at @param {number} from @param {number} began */
  progress(at, from, began) {
    this.bar.value = at;
    const passed = (performance.now() - began) / 1000;
    const left = at > from && passed > 3 ? (this.file.size - at) / ((at - from) / passed) : null;
    const time = left === null ? "" : left < 60 ? ", less than a minute left" : `, about ${Math.round(left / 60)} minutes left`;
    this.say(`${megabytes(at)} of ${megabytes(this.file.size)} MB${time}`);
  }

  /** Repeats a request while only the connection or the server is at fault. @template Answer @param {() => Promise<Answer>} send */
  async retrying(send) {
    for (let turn = 0; ; turn++) {
      try {
        return await send();
      } catch (problem) {
        const status = problem instanceof RequestRefused ? problem.status : 0;
        const transient = problem instanceof TypeError || (status >= 500 && status !== 507);
        if (!transient) throw problem;
        const seconds = RETRY_AFTER[Math.min(turn, RETRY_AFTER.length - 1)];
        this.say(`The server cannot be reached. Retrying in ${seconds} s. Nothing sent so far is lost.`);
        await this.pause(seconds);
      }
    }
  }

  /** @param {number} seconds */
  async pause(seconds) {
    await wait(seconds);
    this.stopped.signal.throwIfAborted();
  }
}

/** Lists unfinished uploads of earlier visits. @param {HTMLElement} list */
async function showUnfinished(list) {
  const reference = caseReference();
  /** @type {{ uploads: Upload[] }} */
  const { uploads } = await request(UPLOADS).catch(() => ({ uploads: [] }));
  for (const upload of uploads.filter((one) => one.case === reference)) {
    const text = ` ${megabytes(upload.received)} of ${megabytes(upload.size)} MB sent. Choose the same file again to resume.`;
    const discard = make("button", { type: "button", textContent: "Discard" });
    discard.setAttribute("aria-label", `Discard: ${upload.name}`);
    const line = make(
      "div", { className: "file" },
      make("span", {}, make("strong", { textContent: upload.name }), make("span", { className: "quiet", textContent: text })),
      discard,
    );
    line.dataset.upload = upload.id;
    discard.addEventListener("click", async () => {
      await request(`${UPLOADS}/${upload.id}`, { method: "DELETE" }).catch(() => undefined);
      line.remove();
    });
    list.append(line);
  }
}

/** @param {HTMLElement} element */
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
    make("p", { textContent: "Large files are uploaded in chunks. Nothing is sent twice, even after a lost connection or a closed page." }),
    make(
      "div", { className: "fields" },
      make("label", {}, "Exhibit reference, such as AB1", exhibit),
      make("label", {}, "Worn by", wearer),
      make("label", {}, "Choose files, or drop them here", files),
    ),
    list,
  );
  place.append(box);
  showUnfinished(list);

  let before = Promise.resolve();
  const send = (/** @type {File[]} */ chosen) => {
    for (const file of chosen) {
      const reference = chosen.length > 1 ? "" : exhibit.value.trim(); // one reference cannot apply to several files
      const upload = new FileUpload(file, { exhibit: reference, wearer: wearer.value.trim() }, list);
      upload.say("Waiting for the file before it.");
      before = before.then(() => upload.run());
    }
    files.value = "";
    exhibit.value = "";
  };
  files.addEventListener("change", () => send([...(files.files ?? [])]));
  box.addEventListener("dragover", (event) => {
    event.preventDefault();
    box.classList.add("over");
  });
  box.addEventListener("dragleave", () => box.classList.remove("over"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("over");
    send([...(event.dataTransfer?.files ?? [])]);
  });
}
