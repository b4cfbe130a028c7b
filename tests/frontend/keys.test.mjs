import assert from "node:assert/strict";
import { test } from "node:test";

import { CopyCommands } from "../../ui/redact_ui/static/review/commands/copy_commands.js";
import { DecisionCommands } from "../../ui/redact_ui/static/review/commands/decision_commands.js";
import { KEYS, nameOf } from "../../ui/redact_ui/static/review/commands/keys.js";
import { MaskCommands } from "../../ui/redact_ui/static/review/commands/mask_commands.js";
import { QueueCommands } from "../../ui/redact_ui/static/review/commands/queue_commands.js";
import { SelectionCommands } from "../../ui/redact_ui/static/review/commands/selection_commands.js";
import { SoundCommands } from "../../ui/redact_ui/static/review/commands/sound_commands.js";
import { ViewCommands } from "../../ui/redact_ui/static/review/commands/view_commands.js";

const OWNERS = [CopyCommands, DecisionCommands, MaskCommands, QueueCommands, SelectionCommands, SoundCommands, ViewCommands];

/** @param {Partial<KeyboardEvent> & { key: string }} event @param {string[]} [modifiers] */
const name = (event, modifiers = []) =>
  nameOf({
    code: "", altKey: false, ctrlKey: false, metaKey: false, shiftKey: false, ...event,
    getModifierState: (key) => modifiers.includes(key),
  });

test("keys: each action is the method of exactly one command class", () => {
  for (const { action } of KEYS) {
    const owners = OWNERS.filter((owner) => typeof Reflect.get(owner.prototype, action) === "function");
    assert.deepEqual([action, owners.length], [action, 1]);
  }
});

test("keys: no key has two actions, and each is shown or covered by the one before", () => {
  assert.equal(new Set(KEYS.map(({ key }) => key)).size, KEYS.length);
  for (const { shown, help } of KEYS) assert.equal(shown !== null, help !== "");
});

test("keys: Caps Lock and letters changed by Alt do not matter", () => {
  assert.equal(name({ key: "K", code: "KeyK" }), "k");
  assert.equal(name({ key: "K", code: "KeyK", shiftKey: true }), "Shift+k");
  assert.equal(name({ key: "µ", code: "KeyM", altKey: true }), "Alt+m");
  assert.equal(name({ key: "º", code: "Digit0", altKey: true }), "Alt+0");
});

test("keys: Cmd counts as Ctrl, Shift does not count for signs, and signs on one key are one", () => {
  assert.equal(name({ key: "z", code: "KeyZ", metaKey: true, shiftKey: true }), "Ctrl+Shift+z");
  assert.equal(name({ key: "?", code: "Slash", shiftKey: true }), "?");
  assert.equal(name({ key: "=", code: "Equal" }), "+");
  assert.equal(name({ key: "_", code: "Minus", shiftKey: true }), "-");
  assert.equal(name({ key: "+", code: "Equal", altKey: true, shiftKey: true }), "Alt++");
});

test("keys: brackets on AltGr are brackets", () => {
  assert.equal(name({ key: "[", code: "Digit8", altKey: true, ctrlKey: true }, ["AltGraph"]), "[");
});

test("keys: names in the table match key presses", () => {
  assert.equal(name({ key: " ", code: "Space", ctrlKey: true }), "Ctrl+ ");
  assert.equal(name({ key: "ArrowUp", code: "ArrowUp", shiftKey: true }), "Shift+ArrowUp");
  assert.equal(name({ key: "Delete", code: "Delete" }), "Delete");
});
