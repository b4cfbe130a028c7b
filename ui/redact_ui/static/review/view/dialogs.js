// Questions that need words, and the help.

import { button, h } from "./dom.js";
import { HAND_KEYS, KEYS } from "../commands/keys.js";

const REASONS = ["Not personal data", "Not a face or plate", "Already hidden by another mask", "In the wrong place"];
const AS_POLICY = "As the policy says";
const LONGEST_REASON = 1000;

/** A dialog keeps the focus until it is closed; then it goes back to where it was, though that may be made anew. */
function opened(within, content, name) {
  const before = document.activeElement;
  const dialog = h("dialog", { class: "rv-dialog", "aria-label": name }, content);
  within.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    const same = before?.dataset?.name ? within.querySelector(`[data-name="${CSS.escape(before.dataset.name)}"]`) : null;
    const back = before?.isConnected ? before : same;
    back?.focus({ preventScroll: true });
  });
  dialog.showModal();
  return dialog;
}

/** Cancel, and the act itself. `shut` closes the dialog. */
const ends = (act, shut, kind = "rv-primary") =>
  h("div", { class: "rv-ends" },
    h("button", { type: "button", class: "rv-button", onclick: shut }, "Cancel"),
    h("button", { type: "submit", class: `rv-button ${kind}` }, act));

const radio = (name, value, words, checked, change = () => undefined) =>
  h("label", { class: "rv-choice" }, h("input", { type: "radio", name, value, checked, onchange: change }), words);

/**
 * Shows `form` until `send(form)` has given null: what it gives before is what went wrong, and is shown; nothing that was
 * filled in is lost by it. Resolves to whether it was sent.
 */
function asked(within, form, title, send) {
  return new Promise((resolve) => {
    let sent = false;
    const trouble = h("p", { class: "rv-trouble", role: "alert" });
    form.querySelector(".rv-ends").before(trouble);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const act = form.querySelector("[type=submit]");
      act.disabled = true;
      trouble.textContent = "";
      const wrong = await send();
      act.disabled = false;
      sent = wrong === null;
      if (sent) dialog.close();
      else trouble.textContent = wrong;
    });
    const dialog = opened(within, form, title);
    form.shut = () => dialog.close();
    dialog.addEventListener("close", () => resolve(sent));
    (form.querySelector("input:checked") ?? form.querySelector("input, select"))?.focus();
  });
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
      ends(act, () => dialog.close(), "rv-danger"));
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
      h("h2", {}, title), field, ends(act, () => dialog.close()));
    form.addEventListener("submit", () => (answer = field.value.trim()));
    const dialog = opened(within, form, title);
    dialog.addEventListener("close", () => resolve(answer || null));
    field.focus();
  });
}

/**
 * What a release is to do. `scopes`: [value, words]; `now`: {action, effect, codes, reason} to begin with; `policy`: what
 * the policy does, in words; `effects`: [value, words]; `codes`: [{id, title}]; `note`: a sentence, or "".
 * `send({scope, action, effect, codes, reason})` gives null, or what went wrong.
 */
export function askDecision(within, { title, scopes, now, policy, effects, codes, note, send }) {
  const drawn = () => {
    const { action } = Object.fromEntries(new FormData(form));
    hiding.hidden = action !== "hide";
    about.hidden = action === "default";
    reason.required = action === "show";
    needed.textContent = action === "show" ? "Reason, which the log will hold" : "Reason, if there is one beside the codes";
  };
  const effect = h("select", { name: "effect" },
    h("option", { value: "" }, AS_POLICY), ...effects.map(([value, words]) => h("option", { value }, words)));
  effect.value = now.effect ?? "";
  const needed = h("span", {});
  const reason = h("input", { type: "text", name: "reason", maxlength: LONGEST_REASON, value: now.reason });
  const hiding = h("div", { class: "rv-hiding" },
    h("label", { class: "rv-field" }, h("span", {}, "Effect"), effect),
    h("fieldset", { class: "rv-codes" }, h("legend", {}, "Reason codes; with none chosen, those of the policy"),
      ...codes.map(({ id, title: words }) =>
        h("label", { class: "rv-choice" },
          h("input", { type: "checkbox", name: "codes", value: id, checked: now.codes.includes(id) }),
          h("span", {}, h("strong", {}, id), ` ${words}`)))));
  const about = h("label", { class: "rv-lines" }, needed, reason);
  const form = h("form", {},
    h("h2", {}, title),
    note ? h("p", { class: "rv-trouble" }, note) : null,
    h("fieldset", {}, h("legend", {}, "What is to happen"),
      radio("action", "hide", "Hide", now.action === "hide", drawn), radio("action", "show", "Show", now.action === "show", drawn),
      radio("action", "default", `${AS_POLICY}: ${policy}`, now.action === "default", drawn)),
    hiding, about,
    scopes.length > 1
      ? h("fieldset", {}, h("legend", {}, "For"), ...scopes.map(([value, words], i) => radio("scope", value, words, i === 0)))
      : h("input", { type: "hidden", name: "scope", value: scopes[0][0] }),
    ends("Decide", () => form.shut()));
  drawn();
  return asked(within, form, title, () => {
    const given = new FormData(form);
    const action = given.get("action");
    return send({
      scope: given.get("scope"), action,
      effect: action === "hide" ? given.get("effect") || null : null,
      codes: action === "hide" ? given.getAll("codes") : [],
      reason: action === "default" ? "" : given.get("reason").trim(),
    });
  });
}

/** Where to copy to. `others` is the answer to GET others; `send({to, shift})` gives null, or what went wrong. */
export function askCopy(within, { title, others, send }) {
  const named = ({ name, exhibits }) => `${exhibits.map((each) => each.reference).join(", ")}: ${name}`;
  const target = h("select", { name: "to", onchange: () => timed() },
    ...others.map((each) =>
      h("option", { value: each.id, disabled: !each.searched }, each.searched ? named(each) : `${named(each)} (not searched yet)`)));
  target.value = String(others.find((each) => each.searched)?.id ?? "");
  const later = h("input", { type: "number", name: "seconds", step: "0.001", value: "0", "aria-label": "Seconds later" });
  const when = h("fieldset", {});
  const timed = () => {
    const clock = others.find((each) => String(each.id) === target.value)?.clock_shift ?? null;
    when.replaceChildren(
      h("legend", {}, "When"),
      radio("when", "same", "At the same time from the start of each", clock === null),
      ...(clock === null ? [] : [radio("when", "clock", `At the same time by the cameras' clocks: ${Math.abs(clock)} s ${clock < 0 ? "earlier" : "later"}`, true)]),
      h("label", { class: "rv-choice" }, h("input", { type: "radio", name: "when", value: "own" }), "Later by", later, "seconds"));
    when.dataset.clock = clock ?? 0;
  };
  later.addEventListener("input", () => (form.elements.when.value = "own"));
  timed();
  const form = h("form", {},
    h("h2", {}, title),
    h("p", { class: "rv-hint" }, "The masks are scaled to the other picture. Look there whether they are in the right place."),
    h("label", { class: "rv-field" }, h("span", {}, "To"), target), when, ends("Copy", () => form.shut()));
  return asked(within, form, title, () => {
    const given = new FormData(form);
    const shift = { same: 0, clock: Number(when.dataset.clock), own: Number(given.get("seconds")) }[given.get("when")];
    if (!given.get("to")) return "None of the other footage has been searched for faces and plates yet.";
    return send({ to: Number(given.get("to")), shift });
  });
}

export function showHelp(within) {
  const groups = [...new Set(KEYS.map(([, , , group]) => group))];
  const list = (rows) =>
    h("dl", { class: "rv-keys" },
      ...rows.flatMap(([key, does]) => [
        h("dt", {}, ...key.split("+").flatMap((part, i) => [...(i ? ["+"] : []), h("kbd", {}, part)])), h("dd", {}, does),
      ]));
  const of = (group) => KEYS.filter((key) => key[3] === group && key[0] !== null).map(([key, , does]) => [key, does]);
  const table = (group) => h("section", {}, h("h3", {}, group), list(of(group)));
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
  const inHand = h("section", {}, h("h3", {}, "With a box or a sound in hand (after N or G)"), list(HAND_KEYS));
  const content = h("div", { class: "rv-help" },
    h("h2", {}, "Keys and mouse"),
    h("div", { class: "rv-helpscroll", tabindex: "0", role: "group", "aria-label": "All keys" },
      h("div", { class: "rv-helpcolumns" }, ...groups.slice(0, 2).map(table), mouse, ...groups.slice(2).map(table), inHand)),
    h("div", { class: "rv-ends" }, button("Close", () => dialog.close(), { kind: "rv-primary" })));
  const dialog = opened(within, content, "Keys and mouse");
  content.querySelector(".rv-helpscroll").focus();
  return dialog;
}
