import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Api, ApiError } from "../../ui/redact_ui/static/review/model/api.js";
import { EditQueue, subjectsOf } from "../../ui/redact_ui/static/review/model/edit_queue.js";
import { MemoryStorage, footage, installWindow } from "./factory.mjs";

/** @import { Edit, LoggedEdit } from "../../ui/redact_ui/static/review/types.js" */

/** @typedef {{ tracks_id: number, base_revision: number, ops: LoggedEdit[] }} Batch */

installWindow();

/** A server whose responses the test sets. */
class FakeApi extends Api {
  constructor() {
    super({ base: "", footage: 7, csrf: "token" });
    /** @type {Batch[]} */
    this.batches = [];
    /** @type {((batch: Batch) => { revision: number })[]} responses to the next batches */
    this.answers = [];
    this.revision = 0;
    /** @type {{ id: string, actor: string, edit: Edit }[]} */
    this.theirs = [];
    this.user = "rita";
  }

  /** @template Answer @param {string} path @param {object} body @returns {Promise<Answer>} */
  async post(path, body) {
    assert.equal(path, "/ops");
    const batch = /** @type {Batch} */ (structuredClone(body));
    this.batches.push(batch);
    const answer = this.answers.shift();
    if (!answer) this.revision += batch.ops.length;
    return /** @type {Answer} */ (answer ? answer(batch) : { revision: this.revision });
  }

  /** @template Answer @param {string} path @returns {Promise<Answer>} */
  async get(path) {
    const answer = path === "" ? { csrf: "fresh", user: this.user } : { revision: this.revision, edits: this.theirs };
    return /** @type {Answer} */ (answer);
  }
}

/** @param {number} status @param {object} [problem] @returns {() => never} */
const refuses = (status, problem = { text: "No." }) => () => {
  throw new ApiError(status, problem);
};

/** @param {string} id @param {number} track @returns {LoggedEdit} */
const outside = (id, track = 1) => ({ id, op: "outside", track, frame: 5 });

const settled = () =>
  new Promise((resolve) => {
    setTimeout(resolve, 5);
  });

/** @param {{ storage?: MemoryStorage }} [options] */
function made({ storage = new MemoryStorage() } = {}) {
  const api = new FakeApi();
  const queue = new EditQueue(api, footage(), storage);
  /** @type {string[]} */
  const events = [];
  for (const name of /** @type {const} */ (["saved", "foreign", "held", "dropped", "elsewhere"])) queue.on(name, () => events.push(name));
  return { api, queue, storage, events };
}

test("queue: an edit is stored before it is sent, and removed once it is acknowledged", async () => {
  const { api, queue, storage } = made();
  api.answers.push((batch) => {
    assert.equal(storage.length, 1);
    return { revision: batch.base_revision + 1 };
  });
  queue.add([outside("act-one_0")]);
  assert.deepEqual([queue.state, queue.unsaved], ["saving", 1]);
  await settled();
  assert.deepEqual([queue.state, queue.unsaved, storage.length, queue.base], ["saved", 0, 0, 1]);
});

test("queue: edits made during a request go in the next batch, based on it", async () => {
  const { api, queue } = made();
  queue.add([outside("act-one_0")]);
  queue.add([outside("act-two_0"), outside("act-two_1")]);
  await settled();
  assert.deepEqual(api.batches.map((each) => [each.base_revision, each.ops.map(({ id }) => id)]), [
    [0, ["act-one_0"]], [1, ["act-two_0", "act-two_1"]],
  ]);
});

test("queue: without a response an edit is kept, reported as offline, and sent again with the same id", async () => {
  const { api, queue, storage } = made();
  api.answers.push(refuses(0));
  queue.add([outside("act-one_0")]);
  const saved = queue.whenSaved(["act-one_0"]);
  await settled();
  assert.deepEqual([queue.state, queue.unsaved, storage.length, await saved], ["offline", 1, 1, false]);
  queue.retry();
  await settled();
  assert.deepEqual(api.batches.map((each) => each.ops[0].id), ["act-one_0", "act-one_0"]);
  assert.deepEqual([queue.state, storage.length], ["saved", 0]);
});

test("queue: edits left by an earlier page are sent in their original order", async () => {
  const storage = new MemoryStorage();
  const before = made({ storage });
  before.api.answers.push(refuses(503));
  before.queue.add([outside("act-one_0"), outside("act-two_0")]);
  await settled();
  clearTimeout(before.queue.timer);
  storage.setItem("redact-edit/sam/7/other-act_0", "{}");
  storage.setItem("redact-edit/rita/7/broken", "no JSON");
  const { api, queue } = made({ storage });
  assert.deepEqual(queue.resume().map(({ id }) => id), ["act-one_0", "act-two_0"]);
  await settled();
  assert.deepEqual(api.batches.flatMap((each) => each.ops.map(({ id }) => id)), ["act-one_0", "act-two_0"]);
  assert.deepEqual([...storage.values.keys()].sort(), ["redact-edit/rita/7/broken", "redact-edit/sam/7/other-act_0"]);
});

test("queue: one invalid edit does not hold back the others", async () => {
  const { api, queue, events } = made();
  api.answers.push(refuses(400), refuses(400, { text: "The edit makes no sense." }));
  queue.add([outside("act-bad_0", 1), outside("act-good_0", 2)]);
  await settled();
  assert.deepEqual(api.batches.map((each) => each.ops.map(({ id }) => id)), [
    ["act-bad_0", "act-good_0"], ["act-bad_0"], ["act-good_0"],
  ]);
  assert.deepEqual(queue.held.map(({ kind, text, ops }) => [kind, text, ops.map(({ op }) => op.id)]), [
    ["refused", "The edit makes no sense.", ["act-bad_0"]],
  ]);
  assert.deepEqual([queue.state, queue.unsaved], ["saved", 1]);
  assert.ok(events.includes("held"));
});

test("queue: a conflict also holds later edits of the same track and act, and no others", async () => {
  const { api, queue } = made();
  const conflict = refuses(409, { text: "Changed.", conflicts: ["their-edit"], revision: 4 });
  api.answers.push(conflict, conflict);
  queue.add([outside("act-one_0", 1), outside("act-one_1", 3), outside("act-two_0", 1), outside("act-four_0", 2)]);
  await settled();
  assert.deepEqual(queue.held.map(({ kind, ops }) => [kind, ops.map(({ op }) => op.id)]), [
    ["conflict", ["act-one_0", "act-one_1", "act-two_0"]],
  ]);
  assert.deepEqual(api.batches.at(-1)?.ops.map(({ id }) => id), ["act-four_0"]);
});

test("queue: held edits are discarded, also from storage", async () => {
  const { api, queue, storage, events } = made();
  api.answers.push(refuses(409, { text: "Changed.", conflicts: ["their-edit"], revision: 4 }));
  queue.add([outside("act-one_0")]);
  await settled();
  assert.equal(storage.length, 1);
  queue.discard(queue.held[0]);
  await settled();
  assert.deepEqual([storage.length, queue.unsaved, queue.held, api.batches.length], [0, 0, [], 1]);
  assert.ok(events.includes("dropped"));
});

test("queue: held edits are sent again after other people's edits", async () => {
  const { api, queue } = made();
  api.answers.push(refuses(409, { text: "Changed.", conflicts: ["their-edit"], revision: 4 }));
  queue.add([outside("act-one_0")]);
  await settled();
  api.revision = 4;
  queue.resend(queue.held[0]);
  await settled();
  assert.deepEqual(api.batches.map((each) => each.base_revision), [0, 4]);
  assert.deepEqual([queue.unsaved, queue.base], [0, 5]);
});

test("queue: waiting edits are moved past other people's edits of other tracks only", async () => {
  const { api, queue, events } = made();
  /** @type {Edit} */
  const edit = { op: "outside", track: 1, frame: 9 };
  api.theirs = [{ id: "their-edit", actor: "sam", edit }];
  api.answers.push(() => ({ revision: 2 }), () => ({ revision: 3 }));
  queue.add([outside("act-one_0", 3)]);
  queue.add([outside("act-two_0", 2)]);
  queue.add([outside("act-three_0", 1)]);
  await settled();
  assert.deepEqual(api.batches.map((each) => [each.base_revision, each.ops.map(({ id }) => id)]), [
    [0, ["act-one_0"]], [2, ["act-two_0"]], [0, ["act-three_0"]],
  ]);
  assert.ok(events.includes("foreign"));
});

test("queue: a new sign-in renews the token; another user's sign-in sends nothing", async () => {
  const { api, queue } = made();
  api.answers.push(refuses(401));
  queue.add([outside("act-one_0")]);
  await settled();
  assert.deepEqual([queue.state, api.csrf], ["signed-out", "fresh"]);
  clearTimeout(queue.timer);
  const other = made();
  other.api.user = "sam";
  other.api.answers.push(refuses(403));
  other.queue.add([outside("act-one_0")]);
  await settled();
  assert.deepEqual([other.queue.state, other.api.csrf], ["refused", "token"]);
  assert.match(other.queue.refusal, /sam is signed in now/);
  clearTimeout(other.queue.timer);
});

test("queue: another window's edit is not sent again", async () => {
  const { api, queue, events } = made();
  api.answers.push(refuses(503));
  queue.add([outside("act-one_0")]);
  await settled();
  clearTimeout(queue.timer);
  window.dispatchEvent(Object.assign(new Event("storage"), { key: queue.waiting[0].key, newValue: null }));
  assert.deepEqual([queue.unsaved, events.includes("elsewhere")], [0, true]);
});

test("queue: without storage, edits are still sent, and the page warns before closing", async () => {
  const storage = new MemoryStorage();
  storage.setItem = () => {
    throw new Error("full");
  };
  const { api, queue } = made({ storage });
  api.answers.push(refuses(0));
  queue.add([outside("act-one_0")]);
  await settled();
  const leaving = new Event("beforeunload", { cancelable: true });
  window.dispatchEvent(leaving);
  assert.deepEqual([queue.stored, leaving.defaultPrevented], [false, true]);
  queue.retry();
  await settled();
  assert.equal(queue.unsaved, 0);
});

test("queue: whenSaved resolves once all of the edits are recorded", async () => {
  const { queue } = made();
  queue.add([outside("act-one_0")]);
  const saved = queue.whenSaved(["act-one_0", "act-two_0"]);
  await settled();
  queue.add([outside("act-two_0")]);
  assert.equal(await saved, true);
});

/** @typedef {{ name: string, conflict: boolean, separate?: boolean, mine: Edit, theirs: Edit }} ConflictCase */
/** @type {{ earlier: Record<string, Edit>, cases: ConflictCase[] }} */
const table = JSON.parse(readFileSync(new URL("../mask/edits/conflict_cases.json", import.meta.url), "utf-8"));

for (const { name, conflict, separate = false, mine, theirs } of table.cases) {
  test(`conflicts: ${name}`, () => {
    const known = new Map(Object.entries(table.earlier));
    const [a, b] = [subjectsOf(mine, known), subjectsOf(theirs, known)];
    const meets = a.some((each) => b.includes(each));
    // An edit is never moved past one that conflicts with it on the server.
    if (conflict) assert.ok(meets);
    if (separate) assert.ok(!meets);
  });
}
