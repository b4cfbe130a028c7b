// All keys of the reviewer in one table, which the help also shows.

/** @typedef {"Playback" | "Selecting tracks" | "Masks" | "Sound" | "Review queue" | "View" | "General"} Group */

/**
 * `shown`: the key as the help shows it; null if the row before covers it. `key`: its name in an event. `action`: the
 * method of a command class.
 * @typedef {{ shown: string | null, key: string, help: string, group: Group, action: string }} Key
 */

/** @type {[string | null, string, string, Group, string][]} */
const TABLE = [
  ["Space", " ", "Play or pause", "Playback", "toggle"],
  ["D", "d", "One frame back", "Playback", "back"],
  ["F", "f", "One frame forward", "Playback", "forward"],
  ["C", "c", "Ten frames back", "Playback", "back10"],
  ["V", "v", "Ten frames forward", "Playback", "forward10"],
  ["E", "e", "Previous keyframe of the track", "Playback", "previousKeyframe"],
  ["R", "r", "Next keyframe of the track", "Playback", "nextKeyframe"],
  ["Home", "Home", "Start of the track", "Playback", "trackStart"],
  ["End", "End", "End of the track", "Playback", "trackEnd"],
  [",", ",", "Slower", "Playback", "slower"],
  [".", ".", "Faster", "Playback", "faster"],
  ["Up", "ArrowUp", "Previous track", "Selecting tracks", "previousTrack"],
  ["Down", "ArrowDown", "Next track", "Selecting tracks", "nextTrack"],
  ["Shift+Up / Down", "Shift+ArrowUp", "Add the next lane", "Selecting tracks", "extendUp"],
  [null, "Shift+ArrowDown", "", "Selecting tracks", "extendDown"],
  ["Ctrl+Up / Down", "Ctrl+ArrowUp", "Move to a lane without selecting it", "Selecting tracks", "cursorUp"],
  [null, "Ctrl+ArrowDown", "", "Selecting tracks", "cursorDown"],
  ["Ctrl+Space", "Ctrl+ ", "Select or deselect that lane", "Selecting tracks", "toggleLane"],
  ["L", "l", "Select all tracks of the same person", "Selecting tracks", "samePerson"],
  ["Ctrl+A", "Ctrl+a", "Select all listed tracks", "Selecting tracks", "allTracks"],
  ["N", "n", "Draw a box on this frame", "Masks", "draw"],
  ["G", "g", "Move the mask or the sound with the arrow keys", "Masks", "grab"],
  ["K", "k", "Set a keyframe here", "Masks", "keyframe"],
  ["Shift+K", "Shift+k", "Remove the keyframe or end mark here", "Masks", "removeKeyframe"],
  ["O", "o", "Mark as out of sight from here", "Masks", "outside"],
  ["[", "[", "Start here", "Masks", "startHere"],
  ["]", "]", "End here", "Masks", "endHere"],
  ["T", "t", "Track forwards from here", "Masks", "trackForwards"],
  ["Shift+T", "Shift+t", "Track backwards from here", "Masks", "trackBackwards"],
  ["W", "w", "Grow", "Masks", "grow"],
  ["S", "s", "Shrink", "Masks", "shrink"],
  ["M", "m", "Merge with another track", "Masks", "merge"],
  ["Alt+M", "Alt+m", "Split here", "Masks", "split"],
  ["X", "x", "Swap with another track from here", "Masks", "swap"],
  ["H", "h", "Hide or show in the release", "Masks", "decide"],
  ["Y", "y", "Copy to other footage", "Masks", "copy"],
  ["B", "b", "Hide the sound from here", "Sound", "hideSound"],
  ["J", "j", "Next hidden sound", "Sound", "nextSound"],
  ["Shift+J", "Shift+j", "Previous hidden sound", "Sound", "previousSound"],
  ["Q", "q", "Go to the next item", "Review queue", "nextItem"],
  ["A", "a", "Accept and go to the next item", "Review queue", "accept"],
  ["Delete", "Delete", "Reject, with a reason", "Review queue", "reject"],
  ["Enter", "Enter", "Mask the detection", "Review queue", "maskDetection"],
  ["Plus", "+", "Zoom in on the timeline", "View", "zoomTimeIn"],
  ["Minus", "-", "Zoom out on the timeline", "View", "zoomTimeOut"],
  ["0", "0", "Show the whole clip in the timeline", "View", "wholeClip"],
  ["Page up / down", "PageUp", "Scroll the timeline", "View", "timeBack"],
  [null, "PageDown", "", "View", "timeForward"],
  ["Alt+Plus", "Alt++", "Zoom in on the picture", "View", "zoomIn"],
  ["Alt+Minus", "Alt+-", "Zoom out on the picture", "View", "zoomOut"],
  ["Alt+0", "Alt+0", "Show the whole picture", "View", "wholePicture"],
  ["Alt+Arrows", "Alt+ArrowLeft", "Pan the picture", "View", "panLeft"],
  [null, "Alt+ArrowRight", "", "View", "panRight"],
  [null, "Alt+ArrowUp", "", "View", "panUp"],
  [null, "Alt+ArrowDown", "", "View", "panDown"],
  ["Ctrl+Z", "Ctrl+z", "Undo", "General", "undo"],
  ["Ctrl+Shift+Z", "Ctrl+Shift+z", "Redo", "General", "redo"],
  ["Esc", "Escape", "Cancel", "General", "cancel"],
  ["?", "?", "Show all keys", "General", "help"],
];

/** @type {Key[]} */
export const KEYS = TABLE.map(([shown, key, help, group, action]) => ({ shown, key, help, group, action }));

/** Keys while a box or a sound is being placed, after N or G. @type {[string, string][]} */
export const GRAB_KEYS = [
  ["Arrows", "Move"],
  ["Shift+Arrows", "Resize the box, or move the end of the sound"],
  ["Alt+Arrows", "Turn the box by one degree or by fifteen, or move the start of the sound"],
  ["Ctrl+Arrows", "Move by one pixel, or by a hundredth of a second"],
  ["Enter", "Place it here"],
  ["Esc", "Cancel"],
];

/** @type {[string, string][]} */
export const MOUSE = [
  ["Drag a mask", "Move it; during playback it follows the mouse"],
  ["Drag a handle", "Resize or turn the mask; Alt keeps its centre"],
  ["Ctrl+click", "Select several tracks"],
  ["Ctrl+wheel", "Zoom the picture or the timeline"],
  ["Shift+wheel", "Pan the timeline"],
  ["Double click", "Show the whole picture"],
  ["Drag on the sound", "Hide a span of sound"],
];

const BY_KEY = new Map(KEYS.map(({ key, action }) => [key, action]));
const READ_ONLY = new Set([
  ...KEYS.filter(({ group }) => ["Playback", "Selecting tracks", "View"].includes(group)).map(({ action }) => action),
  "nextSound", "previousSound", "nextItem", "cancel", "help",
]);
const REPEATING = new Set([
  "back", "forward", "back10", "forward10", "previousTrack", "nextTrack", "extendUp", "extendDown", "cursorUp", "cursorDown",
  "grow", "shrink", "zoomTimeIn", "zoomTimeOut", "timeBack", "timeForward", "panLeft", "panRight", "panUp", "panDown",
]);
/** @type {Record<string, string>} signs on the same key */
const SAME_KEY = { "=": "+", _: "-" };

/**
 * The name of a key press as in KEYS, such as "Ctrl+Shift+z".
 * @param {Pick<KeyboardEvent, "key" | "code" | "altKey" | "ctrlKey" | "metaKey" | "shiftKey" | "getModifierState">} event
 */
export function nameOf(event) {
  // Alt may change a key's letter, and Caps Lock its case. Some keyboards have the brackets on AltGr.
  const altGraph = event.getModifierState("AltGraph");
  const letter = /^(Key[A-Z]|Digit\d)$/.test(event.code) && event.altKey && !altGraph ? event.code.slice(-1) : event.key;
  const key = letter.length === 1 ? (SAME_KEY[letter] ?? letter.toLowerCase()) : letter;
  const isSign = key.length === 1 && !/[\p{L}\d ]/u.test(key);
  const modifiers = [
    (event.ctrlKey || event.metaKey) && !altGraph ? "Ctrl" : "", event.altKey && !altGraph ? "Alt" : "",
    event.shiftKey && !isSign ? "Shift" : "",
  ];
  return [...modifiers.filter(Boolean), key].join("+");
}

/** Whether the focused element takes the key: a text field, a list, an open dialog. @param {KeyboardEvent} event */
function isTaken(event) {
  if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return true;
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  if (target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]:not([contenteditable=false])")) {
    return true;
  }
  return (event.key === " " || event.key === "Enter") && target.closest("button, a, summary, [role=button]") !== null;
}

/**
 * Runs the action of each key while `element` is visible. `grabbed` is called first and returns whether it used the key
 * for a box or a sound that is being placed. Returns a function that stops listening.
 * @param {HTMLElement} element @param {(action: string) => void} run
 * @param {{ mayEdit: boolean, grabbed: (event: KeyboardEvent) => boolean }} options
 */
export function listen(element, run, { mayEdit, grabbed }) {
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (isTaken(event) || !element.isConnected || element.getClientRects().length === 0) return;
    if (grabbed(event)) {
      event.preventDefault();
      return;
    }
    const action = BY_KEY.get(nameOf(event));
    if (!action || (!mayEdit && !READ_ONLY.has(action))) return;
    event.preventDefault();
    if (event.repeat && !REPEATING.has(action)) return;
    run(action);
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}
