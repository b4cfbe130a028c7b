import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../ui/redact_ui/static/review/model/history.js";

/** @import { LoggedEdit } from "../../ui/redact_ui/static/review/types.js" */

/** @param {string} id @returns {LoggedEdit} */
const outside = (id) => ({ id, op: "outside", track: 1, frame: 0 });

/** Pushes edits under unique ids. @param {History} history @param {import("../../ui/redact_ui/static/review/types.js").Edit[] | null} edits @param {string} name */
function push(history, edits, name) {
  assert.ok(edits);
  edits.forEach((edit, i) => history.push({ id: `${name}_${i}`, ...edit }));
  return edits.map((edit) => ("edit" in edit ? edit.edit : ""));
}

test("history: an act is undone as a whole, its last edit first, and redone in its own order", () => {
  const history = new History();
  for (const id of ["first_0", "second_0", "second_1", "second_2"]) history.push(outside(id));
  assert.deepEqual(push(history, history.undo(), "u1"), ["second_2", "second_1", "second_0"]);
  assert.deepEqual(push(history, history.undo(), "u2"), ["first_0"]);
  assert.equal(history.undo(), null);
  assert.deepEqual(push(history, history.redo(), "r1"), ["first_0"]);
  assert.deepEqual(push(history, history.redo(), "r2"), ["second_0", "second_1", "second_2"]);
  assert.equal(history.redo(), null);
});

test("history: a new act clears the redo list", () => {
  const history = new History();
  history.push(outside("first_0"));
  push(history, history.undo(), "u");
  history.push(outside("other_0"));
  assert.equal(history.redo(), null);
  assert.deepEqual(history.undo(), [{ op: "undo", edit: "other_0" }]);
});

test("history: an edit that comes twice counts once", () => {
  const history = new History();
  history.push(outside("first_0"));
  history.push(outside("first_0"));
  assert.deepEqual(history.undo(), [{ op: "undo", edit: "first_0" }]);
});

test("history: edits that were not recorded are forgotten, and acts without edits with them", () => {
  const history = new History();
  for (const id of ["first_0", "second_0", "second_1"]) history.push(outside(id));
  history.forget(["second_0", "second_1"]);
  assert.deepEqual(history.undo(), [{ op: "undo", edit: "first_0" }]);
  history.forget(["first_0"]);
  assert.equal(history.undo(), null);
});

test("history: undoing an unknown edit changes nothing", () => {
  const history = new History();
  history.push(outside("first_0"));
  history.push({ id: "u_0", op: "undo", edit: "unknown_0" });
  assert.deepEqual(history.undo(), [{ op: "undo", edit: "first_0" }]);
});

test("history: replace takes over another history, and known edits stay known", () => {
  const [history, past] = [new History(), new History()];
  past.push(outside("past_0"));
  history.replace(past);
  history.push(outside("past_0"));
  assert.deepEqual(history.done, [{ name: "past", ids: ["past_0"] }]);
});
