import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Api, ApiError } from "../../ui/redact_ui/static/review/model/api.js";
import { ReleaseDecisions } from "../../ui/redact_ui/static/review/model/release_decisions.js";

/** @type {{ url: string, options: RequestInit }[]} */
let requests = [];
/** @type {(() => Response)[]} */
let answers = [];
const original = globalThis.fetch;

beforeEach(() => {
  [requests, answers] = [[], []];
  globalThis.fetch = async (url, options = {}) => {
    requests.push({ url: String(url), options });
    const answer = answers.shift();
    if (!answer) throw new TypeError("no connection");
    return answer();
  };
});

afterEach(() => {
  globalThis.fetch = original;
});

/** @param {unknown} body @param {number} [status] */
const json = (body, status = 200) => () => new Response(JSON.stringify(body), { status });
const made = () => new Api({ base: "/base", footage: 7, csrf: "token" });
/** @param {Promise<unknown>} promise @returns {Promise<ApiError>} */
const failure = (promise) => promise.then(() => assert.fail("no error"), (error) => error);

test("api: URLs start at the base, and changes include the session's token", async () => {
  answers.push(json({ a: 1 }), json({}), json({}));
  const api = made();
  assert.deepEqual(await api.get("/tracks"), { a: 1 });
  await api.post("/ops", { ops: [] });
  await api.send("/api/releases/x/decide", {});
  assert.deepEqual(requests.map(({ url }) => url), [
    "/base/api/footage/7/tracks", "/base/api/footage/7/ops", "/base/api/releases/x/decide",
  ]);
  assert.equal(new Headers(requests[0].options.headers).get("x-csrf-token"), null);
  assert.equal(new Headers(requests[1].options.headers).get("x-csrf-token"), "token");
  assert.deepEqual([requests[1].options.method, requests[1].options.body], ["POST", '{"ops":[]}']);
});

test("api: an error keeps status, code and text; without a response the status is 0", async () => {
  answers.push(json({ code: "R520", text: "Changed.", conflicts: ["x"], revision: 4 }, 409));
  const refused = await failure(made().get(""));
  assert.ok(refused instanceof ApiError);
  assert.deepEqual([refused.status, refused.code, refused.message, refused.problem.conflicts], [409, "R520", "Changed.", ["x"]]);
  const lost = await failure(made().get(""));
  assert.deepEqual([lost.status, lost.message], [0, "The server cannot be reached."]);
});

test("api: a response that is not JSON is an error, with its status unless it is 2xx", async () => {
  answers.push(() => new Response("<html>", { status: 502 }), () => new Response("cut off", { status: 200 }));
  assert.deepEqual([(await failure(made().get(""))).status, (await failure(made().get(""))).status], [502, 0]);
});

test("api: the end and the renewal of a session are each reported once", async () => {
  const api = made();
  /** @type {boolean[]} */
  const signed = [];
  api.on("signed", ({ out }) => signed.push(out));
  answers.push(json({}, 401), json({}, 401), json({}));
  await failure(api.get(""));
  await failure(api.get(""));
  await api.get("");
  assert.deepEqual([signed, api.signedOut], [[true, false], false]);
});

test("api: the frame table is loaded in chunks, and an incomplete one is an error", async () => {
  answers.push(json({ from: 0, pts: [0, 1] }), json({ from: 2, pts: [2] }), json({ from: 0, pts: [] }));
  /** @type {[number, number[]][]} */
  const received = [];
  await made().frames(3, (from, pts) => received.push([from, pts]));
  assert.deepEqual(received, [[0, [0, 1]], [2, [2]]]);
  assert.match((await failure(made().frames(3, () => undefined))).message, /ends too early/);
});

const STATE = {
  release: "FOI/1#2", state: "draft", content: "1", exhibit: "AB1", may_decide: true, same_tracks: true, codes: [],
  tracks: [{ id: 1, hidden: true }], sounds: [], classes: [{ label: "face", policy: { hidden: true, effect: "solid", codes: [] } }],
};

test("release: a change is reported only if decisions have changed", async () => {
  const release = new ReleaseDecisions(made(), "FOI/1#2");
  let changes = 0;
  release.on("change", () => {
    changes += 1;
  });
  answers.push(json(STATE), json(STATE), json({ ...STATE, content: "2" }));
  for (let i = 0; i < 3; i++) await release.load();
  assert.deepEqual([changes, release.ofTrack(1)?.hidden, release.ofTrack(2), release.policies.get("face")?.effect], [2, true, null, "solid"]);
  assert.match(requests[0].url, /decisions\?release=FOI%2F1%232$/);
});

test("release: a missing release leaves its error, a lost connection keeps the last state", async () => {
  const release = new ReleaseDecisions(made(), "FOI/1#2");
  answers.push(json(STATE));
  await release.load();
  await release.load();
  assert.deepEqual([release.current?.content, release.trouble], ["1", ""]);
  answers.push(json({ text: "This release does not exist." }, 404));
  await release.load();
  assert.deepEqual([release.current, release.trouble, release.ofTrack(1)], [null, "This release does not exist.", null]);
});

test("release: decisions are sent one by one, and an error states how many were saved", async () => {
  const release = new ReleaseDecisions(made(), "FOI/1#2");
  answers.push(json(STATE), json({}), json({ text: "It was approved." }, 409), json(STATE));
  await release.load();
  const problem = await release.decide([{ target: { track: 1 }, action: "hide" }, { target: { track: 2 }, action: "hide" }]);
  assert.equal(problem, "The decision was not saved. It was approved. 1 of 2 decisions were saved before that.");
});
