// Questions that need words, and the help.

import { button, h } from "./dom.js";
import { KEYS } from "./keys.js";

const REASONS = ["Not personal data", "Not a face or plate", "Already hidden by another mask", "In the wrong place"];
const LONGEST_REASON = 1000;

function opened(within, content, name) {
  const before = document.activeElement;
  const dialog = h("dialog", { class: "rv-dialog", "aria-label": name }, content);
  within.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus?.({ preventScroll: true });
  });
  dialog.showModal();
  return dialog;
}

/** A reason, or null if the person thinks better of it. Enter takes the first reason. */
export function askReason(within, { title, act }) {
  return new Promise((resolve) => {
    let answer = null;
    const other = h("input", {
      type: "text", maxlength: LONGEST_REASON, "aria-label": "Another reason", placeholder: "Another reason",
      oninput: () => (form.elements.reason.value = ""),
    });
    const choices = REASONS.map((words, i) =>
      h("label", { class: "rv-choice" },
        h("input", { type: "radio", name: "reason", value: words, checked: i === 0, autofocus: i === 0 }), words));
    const form = h("form", { method: "dialog" },
      h("h2", {}, title),
      h("fieldset", {}, h("legend", {}, "Reason, kept in the record"), ...choices,
        h("label", { class: "rv-choice" }, h("input", { type: "radio", name: "reason", value: "" }), other)),
      h("div", { class: "rv-ends" },
        h("button", { type: "button", class: "rv-button", onclick: () => dialog.close() }, "Cancel"),
        h("button", { type: "submit", class: "rv-button rv-danger" }, act)));
    form.addEventListener("submit", (event) => {
      answer = (form.elements.reason.value || other.value).trim();
      if (!answer) {
        event.preventDefault();
        other.focus();
      }
    });
    const dialog = opened(within, form, title);
    dialog.addEventListener("close", () => resolve(answer || null));
    form.querySelector("input").focus();
  });
}

/** One line of text, or null. */
export function askText(within, { title, label, act, longest = 100 }) {
  return new Promise((resolve) => {
    let answer = null;
    const field = h("input", { type: "text", maxlength: longest, required: true, "aria-label": label });
    const form = h("form", { method: "dialog" },
      h("h2", {}, title), field,
      h("div", { class: "rv-ends" },
        h("button", { type: "button", class: "rv-button", onclick: () => dialog.close() }, "Cancel"),
        h("button", { type: "submit", class: "rv-button rv-primary" }, act)));
    form.addEventListener("submit", () => (answer = field.value.trim()));
    const dialog = opened(within, form, title);
    dialog.addEventListener("close", () => resolve(answer || null));
    field.focus();
  });
}

export function showHelp(within) {
  const groups = [...new Set(KEYS.map(([, , , group]) => group))];
  const table = (group) =>
    h("section", {},
      h("h3", {}, group),
      h("dl", { class: "rv-keys" },
        ...KEYS.filter(([, , , each]) => each === group).flatMap(([key, , does]) => [
          h("dt", {}, ...key.split("+").flatMap((part, i) => [...(i ? ["+"] : []), h("kbd", {}, part)])),
          h("dd", {}, does),
        ])));
  const mouse = h("section", {},
    h("h3", {}, "Mouse"),
    h("dl", { class: "rv-keys" },
      ...[
        ["Drag a mask", "Move it; while playing, it follows the mouse"],
        ["Drag a handle", "Resize or turn; Alt keeps the centre"],
        ["Ctrl+click", "Choose several tracks"],
        ["Ctrl+wheel", "Zoom the picture or the timeline"],
        ["Shift+wheel", "Pan the timeline"],
        ["Double click", "The whole picture again"],
        ["Drag on the sound", "Hide a span of sound"],
      ].flatMap(([what, does]) => [h("dt", {}, what), h("dd", {}, does)])));
  const content = h("div", { class: "rv-help" },
    h("h2", {}, "Keys and mouse"),
    h("div", { class: "rv-helpcolumns" }, ...groups.map(table), mouse),
    h("div", { class: "rv-ends" }, button("Close", () => dialog.close(), { kind: "rv-primary" })));
  const dialog = opened(within, content, "Keys and mouse");
  content.querySelector("button").focus();
  return dialog;
}
