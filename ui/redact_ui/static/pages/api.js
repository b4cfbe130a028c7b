// Requests to the server from the pages.

const token = () => {
  const field = document.querySelector("form.leave input[name=csrf]");
  return field instanceof HTMLInputElement ? field.value : "";
};

/** The body of an error response. @typedef {{ text?: string, code?: string, received?: number }} Problem */

/** The server refused a request. */
export class RequestRefused extends Error {
  /** @param {Problem} problem @param {number} status */
  constructor({ text, code, received }, status) {
    super(text ?? "The server refused the request.");
    this.code = code;
    this.status = status;
    this.received = received; // bytes of an upload received so far
  }
}

/** @param {unknown} problem @returns {string} the text to show, with the error's code */
export function textOf(problem) {
  if (problem instanceof RequestRefused) return `${problem.message} (${problem.code ?? problem.status})`;
  return "The server cannot be reached. Try again.";
}

/**
 * Sends a request and resolves to its response. Throws RequestRefused for any status but 2xx, and what `fetch` throws.
 * @template Answer
 * @param {string} address @param {{ method?: string, body?: Blob | object, signal?: AbortSignal }} [options]
 * @returns {Promise<Answer>}
 */
export async function request(address, { method = "GET", body, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { "x-csrf-token": token() };
  const isFile = body instanceof Blob;
  if (body !== undefined) headers["content-type"] = isFile ? "application/octet-stream" : "application/json";
  const sent = body === undefined || isFile ? body : JSON.stringify(body);
  const response = await fetch(address, { method, headers, signal, body: sent, credentials: "same-origin" });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new RequestRefused(answer, response.status);
  return answer;
}
