// How the page is laid out: the head, the picture with its buttons, what stands beside it, the timeline.

import { button, h } from "./view/dom.js";
import { CLASSES } from "./view/inspector.js";
import { LOOKS } from "./view/overlay.js";
import { SPEEDS } from "./view/player.js";

/** "+01:00" of an ISO time; "Z" is +00:00. */
export function offsetOf(iso) {
  const [, offset] = /(Z|[+-]\d\d:?\d\d)$/.exec(iso) ?? [];
  return !offset || offset === "Z" ? "+00:00" : offset;
}

/** When something was `seconds` after `iso`, by the clock that `iso` was written by: the viewer's own does not matter. */
export function clockTime(iso, seconds) {
  const offset = offsetOf(iso);
  const [sign, hours, minutes] = [offset[0] === "-" ? -1 : 1, Number(offset.slice(1, 3)), Number(offset.slice(-2))];
  const shown = new Date(Date.parse(iso) + seconds * 1000 + sign * (hours * 60 + minutes) * 60000);
  const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" }).format(shown);
  return `${day} ${shown.toISOString().slice(11, 19)} UTC${offset}`;
}

/**
 * Puts the page into `root`; `base` is where the workbench's pages begin. `parts`: notices, actions, looking, overlay, timeline, risks, inspector; `changed`: {speed,
 * look, release}, called with what was chosen. Returns the parts that change: {wall, clock, playing, speed, releases}.
 */
export function lay(root, base, info, { notices, actions, looking, overlay, timeline, risks, inspector }, changed) {
  const where = info.exhibits.map(({ case: name, reference }) =>
    h("a", { href: `${base}/work/case?case=${encodeURIComponent(name)}`, title: `Case ${name}` }, `${name} / ${reference}`));
  const wall = h("time", { class: "rv-where rv-wall", title: "By the camera's clock" });
  const clock = h("output", { class: "rv-clock", "aria-label": "Time and frame" });
  const playing = button("Play", () => actions.toggle(), { picture: "play", key: "Space", kind: "rv-play" });
  const chooser = (name, choices, chosen, then) => {
    const field = h("select", { "aria-label": name, onchange: () => then(field.value) },
      ...choices.map(([value, words]) => h("option", { value, selected: value === chosen }, words)));
    return field;
  };
  const speed = chooser("Speed", SPEEDS.map((each) => [each, `${each}×`]), 1, (value) => changed.speed(Number(value)));
  const look = chooser("How masks are shown", Object.entries(LOOKS), "effect", changed.look);
  const fresh = chooser("Class of new masks", CLASSES.map((each) => [each, each]), actions.label, (value) => (actions.label = value));
  const releases = chooser("Release", [["", "All masks"]], "", (value) => changed.release(value || null));
  releases.hidden = true;
  const editing = info.may_edit
    ? h("div", { class: "rv-tools", role: "group", "aria-label": "New masks" },
        button("New box", () => actions.draw(), { key: "N", kind: "rv-primary" }), fresh,
        button("Fixed area", () => actions.area()), button("Hide picture", () => actions.hideFrames()),
        button("Undo", () => actions.undo(), { picture: "undo", key: "Ctrl+Z" }),
        button("Redo", () => actions.redo(), { picture: "redo", key: "Ctrl+Shift+Z" }))
    : h("p", { class: "rv-hint" }, "You can look at this footage, but not change its masks.");
  const frame = h("div", { class: "rv-frame" }, overlay.stage);
  frame.style.setProperty("--rv-ratio", String(info.proxy_width / info.proxy_height));
  root.replaceChildren(
    h("header", { class: "rv-head" },
      h("h1", {}, info.name), h("span", { class: "rv-where" }, ...where), wall, notices.saved,
      h("div", { class: "rv-tools", role: "group", "aria-label": "View" },
        releases, look,
        button("Zoom out of the picture", () => looking.zoomOut(), { picture: "less", key: "Alt+Minus" }),
        button("Zoom into the picture", () => looking.zoomIn(), { picture: "more", key: "Alt+Plus" }),
        button("Whole picture", () => looking.wholePicture(), { picture: "whole", key: "Alt+0" })),
      button("All keys", () => actions.help(), { picture: "?", key: "?" })),
    h("div", { class: "rv-main" },
      h("div", { class: "rv-centre" },
        frame, notices.status,
        h("div", { class: "rv-bar" },
          h("div", { class: "rv-tools", role: "group", "aria-label": "Playing" },
            button("Ten frames back", () => actions.back10(), { picture: "back10", key: "C" }),
            button("One frame back", () => actions.back(), { picture: "back", key: "D" }),
            playing,
            button("One frame on", () => actions.on(), { picture: "on", key: "F" }),
            button("Ten frames on", () => actions.on10(), { picture: "on10", key: "V" }),
            speed, clock),
          editing)),
      h("section", { class: "rv-side", "aria-label": "Checking" }, notices.cards, risks.element, inspector.element)),
    timeline.element,
  );
  return { wall, clock, playing, speed, releases };
}

/** Fills the list of releases; without any it is not shown. */
export function listReleases(field, listed, reference) {
  const known = listed.some((each) => each.release === reference);
  const all = known || reference === null ? listed : [...listed, { release: reference, state: "" }];
  field.replaceChildren(
    h("option", { value: "" }, "All masks"),
    ...all.map(({ release, state }) => h("option", { value: release }, state ? `${release} (${state.replace("-", " ")})` : release)));
  field.value = reference ?? "";
  field.hidden = !all.length;
}
