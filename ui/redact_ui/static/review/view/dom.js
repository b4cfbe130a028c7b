// Page elements without markup: text from a person or a file is only ever inserted as text.

/** @typedef {string | number | boolean | null | undefined | ((event: Event) => void)} Attribute */

/**
 * Creates an element. An attribute whose name begins with "on" is an event handler; true sets an attribute, false and
 * null omit it.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, Attribute>} [attributes] @param {(Node | string | null)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** @type {Record<string, string>} SVG paths */
const ICONS = {
  play: "M7 4v16l13-8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  back: "M17 4v16L6 12zM4 4h2v16H4z",
  forward: "M7 4v16l11-8zM18 4h2v16h-2z",
  back10: "M12 4v16L3 12zM21 4v16l-9-8z",
  forward10: "M3 4v16l9-8zM12 4v16l9-8z",
  zoomOut: "M5 11h14v2H5z",
  zoomIn: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  whole: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
  undo: "M9 5v4h5a5 5 0 0 1 0 10H8v-2h6a3 3 0 0 0 0-6H9v4L3 10z",
  mute: "M3 9v6h4l5 4V5L7 9zM15.5 8.5 18 11l2.5-2.5 1.5 1.5-2.5 2.5L22 15l-1.5 1.5L18 14l-2.5 2.5L14 15l2.5-2.5L14 10z",
  redo: "M15 5v4h-5a5 5 0 0 0 0 10h6v-2h-6a3 3 0 0 1 0-6h5v4l6-5z",
};

/** One of the reviewer's own icons, which do not depend on fonts. @param {string} name */
export function icon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(namespace, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", ICONS[name]);
  picture.append(path);
  return picture;
}

/**
 * A button with its name as text, or as a label for its icon. The tooltip shows its key. Pressing it leaves the focus
 * on the picture. @param {string} name @param {() => void} press
 * @param {{ picture?: string | null, key?: string | null, kind?: string }} [options]
 */
export function button(name, press, { picture = null, key = null, kind = "" } = {}) {
  return h(
    "button",
    {
      type: "button",
      class: `rv-button ${kind}`,
      title: key ? `${name} (${key})` : name,
      "aria-label": picture ? name : null,
      "aria-keyshortcuts": key && /^[\w+ ]+$/.test(key) ? key : null,
      onclick: press,
      onmousedown: (event) => event.preventDefault(),
    },
    picture ? (ICONS[picture] ? icon(picture) : picture) : name,
  );
}

/** hh:mm:ss.mmm @param {number} seconds */
export function timecode(seconds) {
  const ms = Math.max(0, Math.round(seconds * 1000));
  const two = (/** @type {number} */ n) => String(Math.floor(n)).padStart(2, "0");
  return `${two(ms / 3600000)}:${two((ms / 60000) % 60)}:${two((ms / 1000) % 60)}.${String(ms % 1000).padStart(3, "0")}`;
}

/** "1 edit", "2 edits" @param {number} n @param {string} one @param {string} [many] */
export const counted = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

/** The canvas's drawing surface. @param {HTMLCanvasElement} canvas */
export function surface(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot draw on a canvas.");
  return context;
}

/**
 * Calls `down` when the main button is pressed on `element`, then `moved` and `up`, unless `down` returns false.
 * @param {HTMLElement} element @param {(event: PointerEvent) => boolean | void} down
 * @param {(event: PointerEvent) => void} moved @param {(event: PointerEvent) => void} [up]
 */
export function drags(element, down, moved, up = () => undefined) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || down(event) === false) return;
    element.setPointerCapture(event.pointerId);
    const stop = new AbortController();
    element.addEventListener("pointermove", moved, { signal: stop.signal });
    const end = (/** @type {PointerEvent} */ last) => {
      stop.abort();
      up(last);
    };
    element.addEventListener("pointerup", end, { signal: stop.signal });
    element.addEventListener("pointercancel", end, { signal: stop.signal });
  });
}
