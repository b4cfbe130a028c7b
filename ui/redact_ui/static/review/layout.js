// The layout of the page: the head, the picture with its buttons, the side panel, the timeline.

import { button, h } from "./view/dom.js";
import { CLASSES } from "./view/inspector.js";
import { MASK_STYLES } from "./view/mask_painter.js";
import { SPEEDS } from "./view/player.js";

/** @import { Commands, FootageInfo, ListedRelease } from "./types.js" */
/** @import { Inspector } from "./view/inspector.js" */
/** @import { Notices } from "./view/notices.js" */
/** @import { Overlay } from "./view/overlay.js" */
/** @import { ReviewQueue } from "./view/review_queue.js" */
/** @import { Timeline } from "./view/timeline.js" */

/** The elements of the page that change. @typedef {ReturnType<typeof layOut>} Fields */

/** "+01:00" of an ISO time; "Z" is +00:00. @param {string} iso */
export function offsetOf(iso) {
  const [, offset] = /(Z|[+-]\d\d:?\d\d)$/.exec(iso) ?? [];
  return !offset || offset === "Z" ? "+00:00" : offset;
}

/**
 * The time `seconds` after `iso` by the camera's clock, whatever the viewer's time zone.
 * @param {string} iso @param {number} seconds
 */
export function clockTime(iso, seconds) {
  const offset = offsetOf(iso);
  const [sign, hours, minutes] = [offset[0] === "-" ? -1 : 1, Number(offset.slice(1, 3)), Number(offset.slice(-2))];
  const shown = new Date(Date.parse(iso) + seconds * 1000 + sign * (hours * 60 + minutes) * 60000);
  const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" }).format(shown);
  return `${day} ${shown.toISOString().slice(11, 19)} UTC${offset}`;
}

/** @param {string} name @param {[value: string, text: string][]} choices @param {string} selected @param {(value: string) => void} then */
function chooser(name, choices, selected, then) {
  const field = h("select", { "aria-label": name, onchange: () => then(field.value) },
    ...choices.map(([value, text]) => h("option", { value, selected: value === selected }, text)));
  return field;
}

/**
 * Builds the page in `root`. `base` is the base URL of the workbench's pages.
 * @param {HTMLElement} root @param {{ base: string, info: FootageInfo }} page
 * @param {{ notices: Notices, commands: Commands, overlay: Overlay, timeline: Timeline, reviewQueue: ReviewQueue, inspector: Inspector }} parts
 * @param {{ speed: (value: number) => void, style: (value: string) => void, release: (value: string | null) => void }} changed
 */
export function layOut(root, { base, info }, { notices, commands, overlay, timeline, reviewQueue, inspector }, changed) {
  const { masks, viewing } = commands;
  const where = info.exhibits.map(({ case: name, reference }) =>
    h("a", { href: `${base}/work/case?case=${encodeURIComponent(name)}`, title: `Case ${name}` }, `${name} / ${reference}`));
  const wall = h("time", { class: "rv-where rv-wall", title: "By the camera's clock" });
  const clock = h("output", { class: "rv-clock", "aria-label": "Time and frame" });
  const playing = button("Play", () => viewing.toggle(), { picture: "play", key: "Space", kind: "rv-play" });
  const speed = chooser("Speed", SPEEDS.map((each) => [String(each), `${each}×`]), "1", (value) => changed.speed(Number(value)));
  const style = chooser("Mask display", Object.entries(MASK_STYLES), "effect", changed.style);
  const newClass = chooser("Class of new masks", CLASSES.map((each) => [each, each]), masks.label, (value) => {
    masks.label = value;
  });
  const releases = chooser("Release", [["", "All masks"]], "", (value) => changed.release(value || null));
  releases.hidden = true;
  const editing = info.may_edit
    ? h("div", { class: "rv-tools", role: "group", "aria-label": "New masks" },
        button("Draw box", () => masks.draw(), { key: "N", kind: "rv-primary" }), newClass,
        button("Draw area", () => masks.area()), button("Hide picture", () => masks.hideFrames()),
        button("Undo", () => masks.undo(), { picture: "undo", key: "Ctrl+Z" }),
        button("Redo", () => masks.redo(), { picture: "redo", key: "Ctrl+Shift+Z" }))
    : h("p", { class: "rv-hint" }, "You may view this footage, but not change its masks.");
  const frame = h("div", { class: "rv-frame" }, overlay.stage);
  frame.style.setProperty("--rv-ratio", String(info.proxy_width / info.proxy_height));
  root.replaceChildren(
    h("header", { class: "rv-head" },
      h("h1", {}, info.name), h("span", { class: "rv-where" }, ...where), wall, notices.saved,
      h("div", { class: "rv-tools", role: "group", "aria-label": "View" },
        releases, style,
        button("Zoom out on the picture", () => viewing.zoomOut(), { picture: "zoomOut", key: "Alt+Minus" }),
        button("Zoom in on the picture", () => viewing.zoomIn(), { picture: "zoomIn", key: "Alt+Plus" }),
        button("Show whole picture", () => viewing.wholePicture(), { picture: "whole", key: "Alt+0" })),
      button("Show all keys", () => viewing.help(), { picture: "?", key: "?" })),
    h("div", { class: "rv-main" },
      h("div", { class: "rv-centre" },
        frame, notices.status,
        h("div", { class: "rv-bar" },
          h("div", { class: "rv-tools", role: "group", "aria-label": "Playback" },
            button("Ten frames back", () => viewing.back10(), { picture: "back10", key: "C" }),
            button("One frame back", () => viewing.back(), { picture: "back", key: "D" }),
            playing,
            button("One frame forward", () => viewing.forward(), { picture: "forward", key: "F" }),
            button("Ten frames forward", () => viewing.forward10(), { picture: "forward10", key: "V" }),
            speed, clock),
          editing)),
      h("section", { class: "rv-side", "aria-label": "Review" }, notices.cards, reviewQueue.element, inspector.element)),
    timeline.element,
  );
  return { wall, clock, playing, speed, releases };
}

/** Fills the list of releases, which is hidden if there are none. @param {HTMLSelectElement} field @param {ListedRelease[]} listed @param {string | null} reference */
export function listReleases(field, listed, reference) {
  const known = listed.some((each) => each.release === reference);
  const all = known || reference === null ? listed : [...listed, { release: reference, state: "" }];
  field.replaceChildren(
    h("option", { value: "" }, "All masks"),
    ...all.map(({ release, state }) => h("option", { value: release }, state ? `${release} (${state.replace("-", " ")})` : release)));
  field.value = reference ?? "";
  field.hidden = !all.length;
}
