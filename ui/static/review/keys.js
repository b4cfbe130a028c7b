// All keys of the reviewer in one table, which is also what the help shows.

/** [key as it is shown, its name in an event, what it does, group, the action's name] */
export const KEYS = [
  ["Space", " ", "Play or pause", "Moving", "toggle"],
  ["D", "d", "One frame back", "Moving", "back"],
  ["F", "f", "One frame on", "Moving", "on"],
  ["C", "c", "Ten frames back", "Moving", "back10"],
  ["V", "v", "Ten frames on", "Moving", "on10"],
  ["E", "e", "Previous keyframe of the track", "Moving", "previousKeyframe"],
  ["R", "r", "Next keyframe of the track", "Moving", "nextKeyframe"],
  ["Home", "Home", "Start of the track", "Moving", "trackStart"],
  ["End", "End", "End of the track", "Moving", "trackEnd"],
  ["Up", "ArrowUp", "Previous track", "Moving", "previousTrack"],
  ["Down", "ArrowDown", "Next track", "Moving", "nextTrack"],
  [",", ",", "Slower", "Moving", "slower"],
  [".", ".", "Faster", "Moving", "faster"],
  ["N", "n", "New box on this frame", "Masks", "draw"],
  ["K", "k", "Keyframe here", "Masks", "keyframe"],
  ["Shift+K", "Shift+k", "Remove the keyframe or end here", "Masks", "removeKeyframe"],
  ["O", "o", "Out of sight from here", "Masks", "outside"],
  ["T", "t", "Track on from here", "Masks", "trackOn"],
  ["Shift+T", "Shift+t", "Track back from here", "Masks", "trackBack"],
  ["W", "w", "Grow", "Masks", "grow"],
  ["S", "s", "Shrink", "Masks", "shrink"],
  ["M", "m", "Merge with another track", "Masks", "merge"],
  ["Alt+M", "Alt+m", "Split here", "Masks", "split"],
  ["Q", "q", "Next item to check", "Checking", "nextRisk"],
  ["A", "a", "It is right, go on", "Checking", "accept"],
  ["Delete", "Delete", "Reject, with a reason", "Checking", "reject"],
  ["Ctrl+Z", "Ctrl+z", "Undo", "Everywhere", "undo"],
  ["Ctrl+Shift+Z", "Ctrl+Shift+z", "Redo", "Everywhere", "redo"],
  ["Esc", "Escape", "Let go of what was begun", "Everywhere", "cancel"],
  ["?", "?", "All keys", "Everywhere", "help"],
];

const BY_NAME = new Map(KEYS.map(([, name, , , action]) => [name, action]));
const READ_ONLY = new Set([
  "toggle", "back", "on", "back10", "on10", "previousKeyframe", "nextKeyframe", "trackStart", "trackEnd",
  "previousTrack", "nextTrack", "slower", "faster", "nextRisk", "cancel", "help",
]);
const REPEATING = new Set(["back", "on", "back10", "on10", "previousTrack", "nextTrack", "grow", "shrink"]);

function nameOf(event) {
  if (event.key === "?") return "?";
  // Alt may make another letter of a key; Caps Lock another case.
  const letter = /^Key[A-Z]$/.test(event.code) && event.altKey ? event.code.slice(3) : event.key;
  const key = letter.length === 1 ? letter.toLowerCase() : letter;
  const held = [event.ctrlKey || event.metaKey ? "Ctrl" : "", event.altKey ? "Alt" : "", event.shiftKey ? "Shift" : ""];
  return [...held.filter(Boolean), key].join("+");
}

/** Whether what is pressed belongs to what has the focus: a field that is typed in, a list, an open dialog. */
function isTaken(event) {
  if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return true;
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  if (target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]:not([contenteditable=false])")) {
    return true;
  }
  return (event.key === " " || event.key === "Enter") && target.closest("button, a, summary, [role=button]") !== null;
}

/** `actions[name]()` for each key, while `element` is in sight. Returns a function that stops it. */
export function listen(element, actions, { mayEdit }) {
  const pressed = (event) => {
    const action = BY_NAME.get(nameOf(event));
    if (!action || isTaken(event) || !element.isConnected || element.getClientRects().length === 0) return;
    if (!mayEdit && !READ_ONLY.has(action)) return;
    event.preventDefault();
    if (event.repeat && !REPEATING.has(action)) return;
    actions[action]();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}
