// Dialogs that ask for a reason, a class, a decision or a destination, and the help.

import { GRAB_KEYS, KEYS, MOUSE } from "../commands/keys.js";
import { button, h } from "./dom.js";

/** @import { OtherFootage, ReasonCode } from "../types.js" */

const REASONS = ["Not personal data", "Not a face or plate", "Already hidden by another mask", "In the wrong place"];
const AS_POLICY = "As the policy says";
const LONGEST_REASON = 1000;

/** A value and its label. @typedef {readonly [value: string, text: string]} Choice */

/**
 * Opens a modal dialog. When it closes, the focus returns to where it was, even if that element has been replaced.
 * @param {HTMLElement} within @param {HTMLElement} content @param {string} name
 */
function open(within, content, name) {
  const before = document.activeElement;
  const dialog = h("dialog", { class: "rv-dialog", "aria-label": name }, content);
  within.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (!(before instanceof HTMLElement)) return;
    const same = before.dataset.name ? within.querySelector(`[data-name="${CSS.escape(before.dataset.name)}"]`) : null;
    const back = before.isConnected ? before : same;
    if (back instanceof HTMLElement) back.focus({ preventScroll: true });
  });
  dialog.showModal();
  return dialog;
}

/** "Cancel" and the button that carries out the act. @param {string} act @param {() => void} close @param {string} [kind] */
const dialogButtons = (act, close, kind = "rv-primary") =>
  h("div", { class: "rv-ends" },
    h("button", { type: "button", class: "rv-button", onclick: close }, "Cancel"),
    h("button", { type: "submit", class: `rv-button ${kind}` }, act));

/** @param {string} name @param {Choice} choice @param {boolean} checked @param {() => void} [onchange] */
const radio = (name, [value, text], checked, onchange = () => undefined) =>
  h("label", { class: "rv-choice" }, h("input", { type: "radio", name, value, checked, onchange }), text);

/** Checks the radio button that belongs to a text field. @param {HTMLFormElement} form @param {string} name @param {string} value */
function check(form, name, value) {
  const field = form.elements.namedItem(name);
  if (field instanceof RadioNodeList) field.value = value;
}

/** @param {FormData} data @param {string} name */
const textOf = (data, name) => String(data.get(name) ?? "").trim();

/**
 * Shows a form until it has been sent. `send` resolves to null, or to an error text, shown without clearing the form.
 * Resolves to whether the form was sent. @param {HTMLElement} within @param {string} title
 * @param {(close: () => void) => { form: HTMLFormElement, send: () => Promise<string | null> }} make
 * @returns {Promise<boolean>}
 */
function askUntilSent(within, title, make) {
  return new Promise((resolve) => {
    let sent = false;
    const { form, send } = make(() => dialog.close());
    const trouble = h("p", { class: "rv-trouble", role: "alert" });
    form.querySelector(".rv-ends")?.before(trouble);
    const submit = form.querySelector("button[type=submit]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit?.toggleAttribute("disabled", true);
      trouble.textContent = "";
      const problem = await send();
      submit?.toggleAttribute("disabled", false);
      sent = problem === null;
      if (sent) dialog.close();
      else trouble.textContent = problem;
    });
    const dialog = open(within, form, title);
    dialog.addEventListener("close", () => resolve(sent));
    const first = form.querySelector("input:checked") ?? form.querySelector("input, select");
    if (first instanceof HTMLElement) first.focus();
  });
}

/**
 * Asks for a reason; null if the person cancels. Enter selects the first reason.
 * @param {HTMLElement} within @param {{ title: string, act: string }} question @returns {Promise<string | null>}
 */
export function askReason(within, { title, act }) {
  return new Promise((resolve) => {
    let answer = "";
    const other = h("input", {
      type: "text", maxlength: LONGEST_REASON, "aria-label": "Another reason", placeholder: "Another reason",
      oninput: () => check(form, "reason", ""),
    });
    const choices = REASONS.map((text, i) =>
      h("label", { class: "rv-choice" },
        h("input", { type: "radio", name: "reason", value: text, checked: i === 0, autofocus: i === 0 }), text));
    const form = h("form", { method: "dialog" },
      h("h2", {}, title),
      h("fieldset", {}, h("legend", {}, "Reason, kept in the record"), ...choices,
        h("label", { class: "rv-choice" }, h("input", { type: "radio", name: "reason", value: "" }), other)),
      dialogButtons(act, () => dialog.close(), "rv-danger"));
    form.addEventListener("submit", (event) => {
      answer = textOf(new FormData(form), "reason") || other.value.trim();
      if (answer) return;
      event.preventDefault();
      other.focus();
    });
    const dialog = open(within, form, title);
    dialog.addEventListener("close", () => resolve(answer || null));
    form.querySelector("input")?.focus();
  });
}

/**
 * Asks for one line of text; null if the person cancels.
 * @param {HTMLElement} within @param {{ title: string, label: string, act: string, longest?: number }} question
 * @returns {Promise<string | null>}
 */
export function askText(within, { title, label, act, longest = 100 }) {
  return new Promise((resolve) => {
    let answer = "";
    const field = h("input", { type: "text", maxlength: longest, required: true, "aria-label": label });
    const form = h("form", { method: "dialog" },
      h("h2", {}, title), field, dialogButtons(act, () => dialog.close()));
    form.addEventListener("submit", () => {
      answer = field.value.trim();
    });
    const dialog = open(within, form, title);
    dialog.addEventListener("close", () => resolve(answer || null));
    field.focus();
  });
}

/** The person's decision. @typedef {{ scope: string, action: string, effect: string | null, codes: string[], reason: string }} DecisionAnswer */

/**
 * `now` is the decision in force, `policy` describes the policy's rule, `note` is a warning or "".
 * @typedef {{ title: string, scopes: Choice[], policy: string, effects: Choice[], codes: ReasonCode[], note: string,
 *   now: { action: string, effect: string | null, codes: string[], reason: string } }} DecisionQuestion
 */

/**
 * Asks for a decision in a release.
 * @param {HTMLElement} within
 * @param {DecisionQuestion & { send: (answer: DecisionAnswer) => Promise<string | null> }} question
 */
export function askDecision(within, { title, scopes, now, policy, effects, codes, note, send }) {
  return askUntilSent(within, title, (close) => {
    const update = () => {
      const action = textOf(new FormData(form), "action");
      hiding.hidden = action !== "hide";
      about.hidden = action === "default";
      reason.required = action === "show";
      reasonLabel.textContent = action === "show" ? "Reason, recorded in the release log" : "Reason in addition to the codes, if any";
    };
    const effect = h("select", { name: "effect" },
      h("option", { value: "" }, AS_POLICY), ...effects.map(([value, text]) => h("option", { value }, text)));
    effect.value = now.effect ?? "";
    const reasonLabel = h("span");
    const reason = h("input", { type: "text", name: "reason", maxlength: LONGEST_REASON, value: now.reason });
    const hiding = h("div", { class: "rv-hiding" },
      h("label", { class: "rv-field" }, h("span", {}, "Effect"), effect),
      h("fieldset", { class: "rv-codes" }, h("legend", {}, "Reason codes; if none is selected, those of the policy"),
        ...codes.map(({ id, title: text }) =>
          h("label", { class: "rv-choice" },
            h("input", { type: "checkbox", name: "codes", value: id, checked: now.codes.includes(id) }),
            h("span", {}, h("strong", {}, id), ` ${text}`)))));
    const about = h("label", { class: "rv-lines" }, reasonLabel, reason);
    const form = h("form", {},
      h("h2", {}, title),
      note ? h("p", { class: "rv-trouble" }, note) : null,
      h("fieldset", {}, h("legend", {}, "Decision"),
        radio("action", ["hide", "Hide"], now.action === "hide", update),
        radio("action", ["show", "Show"], now.action === "show", update),
        radio("action", ["default", `${AS_POLICY}: ${policy}`], now.action === "default", update)),
      hiding, about,
      scopes.length > 1
        ? h("fieldset", {}, h("legend", {}, "Applies to"), ...scopes.map((scope, i) => radio("scope", scope, i === 0)))
        : h("input", { type: "hidden", name: "scope", value: scopes[0][0] }),
      dialogButtons("Save decision", close));
    update();
    const answer = () => {
      const data = new FormData(form);
      const action = textOf(data, "action");
      return send({
        scope: textOf(data, "scope"), action,
        effect: action === "hide" ? textOf(data, "effect") || null : null,
        codes: action === "hide" ? data.getAll("codes").map(String) : [],
        reason: action === "default" ? "" : textOf(data, "reason"),
      });
    };
    return { form, send: answer };
  });
}

/**
 * Asks for the footage to copy masks to, and the time there.
 * @param {HTMLElement} within
 * @param {{ title: string, others: OtherFootage[], send: (answer: { to: number, shift: number }) => Promise<string | null> }} question
 */
export function askCopy(within, { title, others, send }) {
  return askUntilSent(within, title, (close) => {
    const nameOf = (/** @type {OtherFootage} */ { name, exhibits }) => `${exhibits.map((each) => each.reference).join(", ")}: ${name}`;
    const target = h("select", { name: "to", onchange: () => showTimes() },
      ...others.map((each) =>
        h("option", { value: each.id, disabled: !each.searched }, each.searched ? nameOf(each) : `${nameOf(each)} (detection has not run yet)`)));
    target.value = String(others.find((each) => each.searched)?.id ?? "");
    const later = h("input", { type: "number", name: "seconds", step: "0.001", value: "0", "aria-label": "Seconds later" });
    const times = h("fieldset");
    const clockShift = () => others.find((each) => String(each.id) === target.value)?.clock_shift ?? null;
    const showTimes = () => {
      const shift = clockShift();
      times.replaceChildren(
        h("legend", {}, "Time"),
        radio("when", ["same", "The same time from the start of each clip"], shift === null),
        ...(shift === null
          ? []
          : [radio("when", ["clock", `The same time by the cameras' clocks: ${Math.abs(shift)} s ${shift < 0 ? "earlier" : "later"}`], true)]),
        h("label", { class: "rv-choice" }, h("input", { type: "radio", name: "when", value: "own" }), "Later by", later, "seconds"));
    };
    later.addEventListener("input", () => check(form, "when", "own"));
    showTimes();
    const form = h("form", {},
      h("h2", {}, title),
      h("p", { class: "rv-hint" }, "The masks are scaled to the other picture. Check their position there."),
      h("label", { class: "rv-field" }, h("span", {}, "To"), target), times, dialogButtons("Copy", close));
    const answer = async () => {
      const data = new FormData(form);
      const when = textOf(data, "when");
      const shift = when === "own" ? Number(textOf(data, "seconds")) : when === "clock" ? (clockShift() ?? 0) : 0;
      if (!textOf(data, "to")) return "Detection has not run on any of the other footage yet.";
      return send({ to: Number(textOf(data, "to")), shift });
    };
    return { form, send: answer };
  });
}

/** Shows all keys and mouse gestures. @param {HTMLElement} within */
export function showHelp(within) {
  const groups = [...new Set(KEYS.map(({ group }) => group))];
  const list = (/** @type {readonly Choice[]} */ rows) =>
    h("dl", { class: "rv-keys" },
      ...rows.flatMap(([key, text]) => [
        h("dt", {}, ...key.split("+").flatMap((part, i) => [...(i ? ["+"] : []), h("kbd", {}, part)])), h("dd", {}, text),
      ]));
  const keysOf = (/** @type {string} */ group) =>
    KEYS.filter((each) => each.group === group && each.shown !== null).map((each) => /** @type {Choice} */ ([each.shown, each.help]));
  const table = (/** @type {string} */ group) => h("section", {}, h("h3", {}, group), list(keysOf(group)));
  const mouse = h("section", {},
    h("h3", {}, "Mouse"),
    h("dl", { class: "rv-keys" }, ...MOUSE.flatMap(([gesture, text]) => [h("dt", {}, gesture), h("dd", {}, text)])));
  const grabbing = h("section", {}, h("h3", {}, "While placing a box or a sound (after N or G)"), list(GRAB_KEYS));
  const scroller = h("div", { class: "rv-helpscroll", tabindex: "0", role: "group", "aria-label": "All keys" },
    h("div", { class: "rv-helpcolumns" }, ...groups.slice(0, 2).map(table), mouse, ...groups.slice(2).map(table), grabbing));
  const content = h("div", { class: "rv-help" },
    h("h2", {}, "Keys and mouse"), scroller,
    h("div", { class: "rv-ends" }, button("Close", () => dialog.close(), { kind: "rv-primary" })));
  const dialog = open(within, content, "Keys and mouse");
  scroller.focus();
  return dialog;
}
