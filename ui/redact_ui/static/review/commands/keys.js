// All keys of the reviewer in one table, which is also what the help shows.

/** [key as it is shown (null: with the one before it), its name in an event, what it does, group, the action's name] */
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
  [",", ",", "Slower", "Moving", "slower"],
  [".", ".", "Faster", "Moving", "faster"],
  ["Up", "ArrowUp", "Previous track", "Choosing tracks", "previousTrack"],
  ["Down", "ArrowDown", "Next track", "Choosing tracks", "nextTrack"],
  ["Shift+Up / Down", "Shift+ArrowUp", "The next lane as well", "Choosing tracks", "extendUp"],
  [null, "Shift+ArrowDown", "", "Choosing tracks", "extendDown"],
  ["Ctrl+Up / Down", "Ctrl+ArrowUp", "Look at a lane only", "Choosing tracks", "cursorUp"],
  [null, "Ctrl+ArrowDown", "", "Choosing tracks", "cursorDown"],
  ["Ctrl+Space", "Ctrl+ ", "Choose that lane, or let it go", "Choosing tracks", "toggleLane"],
  ["L", "l", "All of the same person", "Choosing tracks", "samePerson"],
  ["Ctrl+A", "Ctrl+a", "All that are listed", "Choosing tracks", "allTracks"],
  ["N", "n", "New box on this frame", "Masks", "draw"],
  ["G", "g", "Move the mask, or the sound, with the arrow keys", "Masks", "grab"],
  ["K", "k", "Keyframe here", "Masks", "keyframe"],
  ["Shift+K", "Shift+k", "Remove the keyframe or end here", "Masks", "removeKeyframe"],
  ["O", "o", "Out of sight from here", "Masks", "outside"],
  ["[", "[", "Starts here", "Masks", "startsHere"],
  ["]", "]", "Ends here", "Masks", "endsHere"],
  ["T", "t", "Track on from here", "Masks", "trackOn"],
  ["Shift+T", "Shift+t", "Track back from here", "Masks", "trackBack"],
  ["W", "w", "Grow", "Masks", "grow"],
  ["S", "s", "Shrink", "Masks", "shrink"],
  ["M", "m", "Merge with another track", "Masks", "merge"],
  ["Alt+M", "Alt+m", "Split here", "Masks", "split"],
  ["X", "x", "Swap with another track from here on", "Masks", "swap"],
  ["H", "h", "Hide or show in the release", "Masks", "decide"],
  ["Y", "y", "Copy to other footage", "Masks", "copy"],
  ["B", "b", "Hide the sound from here", "Sound", "hideSound"],
  ["J", "j", "Next hidden sound", "Sound", "nextSound"],
  ["Shift+J", "Shift+j", "Previous hidden sound", "Sound", "previousSound"],
  ["Q", "q", "Next item to check", "Checking", "nextRisk"],
  ["A", "a", "It is right, go on", "Checking", "accept"],
  ["Delete", "Delete", "Reject, with a reason", "Checking", "reject"],
  ["Enter", "Enter", "Make a mask of the suspect", "Checking", "enter"],
  ["Plus", "+", "Zoom into the timeline", "Looking", "zoomTimeIn"],
  ["Minus", "-", "Zoom out of the timeline", "Looking", "zoomTimeOut"],
  ["0", "0", "The whole clip in the timeline", "Looking", "wholeClip"],
  ["Page up / down", "PageUp", "Timeline back, on", "Looking", "timeBack"],
  [null, "PageDown", "", "Looking", "timeOn"],
  ["Alt+Plus", "Alt++", "Zoom into the picture", "Looking", "zoomIn"],
  ["Alt+Minus", "Alt+-", "Zoom out of the picture", "Looking", "zoomOut"],
  ["Alt+0", "Alt+0", "The whole picture", "Looking", "wholePicture"],
  ["Alt+Arrows", "Alt+ArrowLeft", "Look elsewhere in the picture", "Looking", "panLeft"],
  [null, "Alt+ArrowRight", "", "Looking", "panRight"],
  [null, "Alt+ArrowUp", "", "Looking", "panUp"],
  [null, "Alt+ArrowDown", "", "Looking", "panDown"],
  ["Ctrl+Z", "Ctrl+z", "Undo", "Everywhere", "undo"],
  ["Ctrl+Shift+Z", "Ctrl+Shift+z", "Redo", "Everywhere", "redo"],
  ["Esc", "Escape", "Let go of what was begun", "Everywhere", "cancel"],
  ["?", "?", "All keys", "Everywhere", "help"],
];

/** Keys while a box or a sound is in hand (after N or G): [key as it is shown, what it does]. */
export const HAND_KEYS = [
  ["Arrows", "Move"],
  ["Shift+Arrows", "Resize; of a sound, move its end"],
  ["Alt+Arrows", "Turn by a degree, or by fifteen; of a sound, move its start"],
  ["Ctrl+Arrows", "Move by a pixel, or by a hundredth of a second"],
  ["Enter", "Set it there"],
  ["Esc", "Leave it as it was"],
];

const BY_NAME = new Map(KEYS.map(([, name, , , action]) => [name, action]));
const READ_ONLY = new Set([
  ...KEYS.filter(([, , , group]) => ["Moving", "Choosing tracks", "Looking"].includes(group)).map((key) => key[4]),
  "nextSound", "previousSound", "nextRisk", "cancel", "help",
]);
const REPEATING = new Set([
  "back", "on", "back10", "on10", "previousTrack", "nextTrack", "extendUp", "extendDown", "cursorUp", "cursorDown",
  "grow", "shrink", "zoomTimeIn", "zoomTimeOut", "timeBack", "timeOn", "panLeft", "panRight", "panUp", "panDown",
]);
const SAME = { "=": "+", _: "-" }; // on the same key

function nameOf(event) {
  // Alt may make another letter of a key; Caps Lock another case; AltGr is how some keyboards have the brackets.
  const sign = event.getModifierState("AltGraph");
  const letter = /^(Key[A-Z]|Digit\d)$/.test(event.code) && event.altKey && !sign ? event.code.slice(-1) : event.key;
  const key = letter.length === 1 ? (SAME[letter] ?? letter.toLowerCase()) : letter;
  const isSign = key.length === 1 && !/[\p{L}\d ]/u.test(key);
  const held = [
    (event.ctrlKey || event.metaKey) && !sign ? "Ctrl" : "", event.altKey && !sign ? "Alt" : "",
    event.shiftKey && !isSign ? "Shift" : "",
  ];
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

/**
 * For each key the method of that name of one of `doers`, while `element` is in sight; `inHand(event)` goes first, and
 * says whether the key was its own. Returns a function that stops it.
 */
export function listen(element, doers, { mayEdit, inHand }) {
  const pressed = (event) => {
    if (isTaken(event) || !element.isConnected || element.getClientRects().length === 0) return;
    if (inHand(event)) {
      event.preventDefault();
      return;
    }
    const action = BY_NAME.get(nameOf(event));
    if (!action || (!mayEdit && !READ_ONLY.has(action))) return;
    event.preventDefault();
    if (event.repeat && !REPEATING.has(action)) return;
    doers.find((each) => action in each)[action]();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}
