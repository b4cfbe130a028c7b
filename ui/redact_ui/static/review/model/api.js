// Server requests for one piece of footage.

import { Emitter } from "./emitter.js";

const FRAMES_AT_ONCE = 20000;

/** @typedef {{ text?: string, code?: string, conflicts?: string[], revision?: number }} Problem the body of an error response */

/** Any status but 2xx. `status` is 0 without a response. */
export class ApiError extends Error {
  /** @param {number} status @param {Problem} [problem] */
  constructor(status, problem) {
    super(problem?.text ?? (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.status = status;
    this.code = problem?.code ?? "";
    this.problem = problem ?? {};
  }
}

/**
 * Events: "signed" when the session ends or is renewed.
 * @extends {Emitter<{ signed: { out: boolean } }>}
 */
export class Api extends Emitter {
  /** @param {{ base: string, footage: number, csrf: string }} page */
  constructor({ base, footage, csrf }) {
    super();
    this.base = base;
    this.root = `${base}/api/footage/${encodeURIComponent(footage)}`;
    this.csrf = csrf;
    this.signedOut = false;
  }

  /** @param {string} path */
  url(path) {
    return `${this.root}${path}`;
  }

  /** @template Answer @param {string} path @returns {Promise<Answer>} */
  get(path) {
    return this.#ask(this.url(path), { headers: { Accept: "application/json" } });
  }

  /** Posts to a route of this footage. @template Answer @param {string} path @param {object} body @returns {Promise<Answer>} */
  post(path, body) {
    return this.#send(this.url(path), body);
  }

  /** Posts to any other route. @template Answer @param {string} path @param {object} body @returns {Promise<Answer>} */
  send(path, body) {
    return this.#send(`${this.base}${path}`, body);
  }

  /** @template Answer @param {string} address @param {object} body @returns {Promise<Answer>} */
  #send(address, body) {
    return this.#ask(address, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRF-Token": this.csrf },
      body: JSON.stringify(body),
    });
  }

  /**
   * Fetches the frame table in chunks, in order.
   * @param {number} count @param {(from: number, pts: number[]) => void} received
   */
  async frames(count, received) {
    for (let from = 0; from < count; ) {
      /** @type {{ from: number, pts: number[] }} */
      const chunk = await this.get(`/frames?from=${from}&count=${FRAMES_AT_ONCE}`);
      if (!chunk.pts.length) throw new ApiError(200, { text: "The server's frame table ends too early." });
      received(chunk.from, chunk.pts);
      from = chunk.from + chunk.pts.length;
    }
  }

  /** @template Answer @param {string} url @param {RequestInit} options @returns {Promise<Answer>} */
  async #ask(url, options) {
    let response;
    try {
      response = await fetch(url, { credentials: "same-origin", ...options });
    } catch {
      throw new ApiError(0);
    }
    let answer;
    try {
      answer = await response.json();
    } catch {
      this.#signed(response.status === 401);
      throw new ApiError(response.ok ? 0 : response.status);
    }
    this.#signed(response.status === 401);
    if (!response.ok) throw new ApiError(response.status, answer);
    return answer;
  }

  /** @param {boolean} out */
  #signed(out) {
    if (out === this.signedOut) return;
    this.signedOut = out;
    this.emit("signed", { out });
  }
}
