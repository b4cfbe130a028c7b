// Questions to the server, as one's own pages may put them.
const token = () => document.querySelector("form.leave input[name=csrf]")?.value ?? "";

export class Refused extends Error {
  constructor(answer, status) {
    super(answer.text ?? "The server did not take it.");
    this.code = answer.code;
    this.status = status;
    this.received = answer.received;
  }
}

export async function ask(address, { method = "GET", body, signal } = {}) {
  const headers = { "x-csrf-token": token() };
  const piece = body instanceof Blob;
  if (body !== undefined) headers["content-type"] = piece ? "application/octet-stream" : "application/json";
  const sent = body === undefined ? undefined : piece ? body : JSON.stringify(body);
  const response = await fetch(address, { method, headers, signal, body: sent, credentials: "same-origin" });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer, response.status);
  return answer;
}
