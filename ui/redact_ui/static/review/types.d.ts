/** What the server sends and what the reviewer's modules hand to each other. Types only: no browser loads this file. */

/** [left, top, right, bottom] in pixels of the upright picture. */
export type Box = [left: number, top: number, right: number, bottom: number];

/** A box by its centre, turned by `angle` degrees clockwise. */
export type Shape = [cx: number, cy: number, width: number, height: number, angle: number];

/** First and last frame, both included. */
export type Span = [first: number, last: number];

export type Point = [x: number, y: number];

/** A track's box on one frame, as GET boxes sends it. */
export type BoxRow = [track: number, cx: number, cy: number, width: number, height: number, angle: number];

/** A mask on one frame, as `named` makes it from GET shapes. */
export type MaskRow = [
  track: number, form: string, cx: number, cy: number, width: number, height: number, angle: number, effect: string,
];

/** One row of an "add-boxes" edit. */
export type PlacedBox = [frame: number, left: number, top: number, right: number, bottom: number, angle: number];

export interface Exhibit {
  case: string;
  reference: string;
}

/** The answer to GET footage. */
export interface FootageInfo {
  id: number;
  name: string;
  exhibits: Exhibit[];
  width: number;
  height: number;
  proxy_width: number;
  proxy_height: number;
  frames: number;
  /** Numerator and denominator of a tick in seconds; null once the footage is disposed of. */
  time_base: [number, number];
  /** Seconds of the review proxy at which the first frame is shown. */
  start: number;
  tracks_id: number | null;
  revision: number;
  cuts?: number[];
  sound: boolean;
  recorded_start: string | null;
  user: string;
  may_edit: boolean;
  csrf?: string;
}

export type TrackKind = "object" | "area" | "frame";

/** One lane of the timeline. `runs` and `filled` together are the frames on which the track is in sight. */
export interface Track {
  id: number;
  kind: TrackKind;
  label: string;
  origin: "machine" | "manual" | "corrected";
  /** The smallest number among the tracks linked with this one. */
  subject: number;
  first: number;
  last: number;
  runs: Span[];
  filled: Span[];
  weak: Span[];
  keyframes: number[];
  outsides: number[];
  /** The reason, if the track was rejected. */
  deleted: string | null;
}

export interface SoundSpan {
  id: number;
  start: number;
  end: number;
  effect: string;
}

/** The operations of redact/mask/edits/types.py. */
export type Edit =
  | { op: "draw"; track: number; label: string; frame: number; last: number; box: Box; angle: number }
  | { op: "set-area"; track: number; label: string; first: number; last: number; box: Box; angle: number }
  | { op: "hide-frames"; track: number; first: number; last: number }
  | { op: "keyframe"; track: number; frame: number; box: Box; angle: number }
  | { op: "outside"; track: number; frame: number }
  | { op: "remove-keyframe"; track: number; frame: number }
  | { op: "merge"; track: number; other: number }
  | { op: "split"; track: number; frame: number; new: number }
  | { op: "delete"; track: number; reason: string }
  | { op: "restore"; track: number }
  | { op: "set-span"; track: number; first: number; last: number }
  | ResizeEdit
  | { op: "set-class"; track: number; label: string }
  | { op: "link"; tracks: number[] }
  | { op: "unlink"; track: number }
  | { op: "add-boxes"; track: number; rows: PlacedBox[] }
  | { op: "add-sound"; span: number; start: number; end: number; effect: string }
  | { op: "change-sound"; span: number; start: number; end: number; effect: string }
  | { op: "remove-sound"; span: number; reason: string }
  | { op: "settle"; key: string; reason: string }
  | { op: "undo"; edit: string }
  | { op: "redo"; edit: string };

export interface ResizeEdit {
  op: "resize";
  track: number;
  factor: number;
  first?: number | null;
  last?: number | null;
}

/** An edit with the id that it is recorded under. */
export type LoggedEdit = Edit & { id: string };

/** An item of the review queue. */
export interface ReviewItem {
  key: string;
  kind: string;
  track?: number | null;
  label?: string;
  first: number;
  last: number;
  frame?: number;
  /** Of a detection without a mask. */
  box?: Box;
  score: number;
  text: string;
}

export interface ReasonCode {
  id: string;
  title: string;
}

/** What a release does with one track or sound. */
export interface Outcome {
  id: number;
  hidden: boolean;
  effect: string;
  codes: string[];
  reason: string;
  by: "policy" | "class" | "own";
  subject: string;
  who: string | null;
  at: string | null;
}

export interface PolicyOutcome {
  hidden: boolean;
  effect: string;
  codes: string[];
}

/** The answer to GET decisions. */
export interface ReleaseState {
  release: string;
  state: string;
  content: string;
  exhibit: string;
  may_decide: boolean;
  same_tracks: boolean;
  codes: ReasonCode[];
  tracks: Outcome[];
  sounds: Outcome[];
  classes: { label: string; policy: PolicyOutcome }[];
}

export interface ListedRelease {
  release: string;
  state: string;
}

export interface Decision {
  target: { track: number } | { class: string } | { sound: number; start: number; end: number };
  action: string;
  effect?: string;
  codes?: string[];
  reason?: string;
}

/** Footage of the same case, from GET others. */
export interface OtherFootage {
  id: number;
  name: string;
  exhibits: Exhibit[];
  searched: boolean;
  /** Seconds between the cameras' clocks, where both are known. */
  clock_shift: number | null;
}

/** The answer to POST copy. */
export interface Copied {
  name: string;
  edits: string[];
  tracks_id: number;
  revision: number;
}

/** The answer to GET tracks. */
export interface TracksAnswer {
  revision: number;
  after: number | null;
  tracks_id: number | null;
  total: number;
  tracks: Track[];
  gone: number[];
  changed: Span[];
  sounds: SoundSpan[];
  skipped?: { edit: string; reason: string }[];
}

/** The answer to GET shapes. */
export interface ShapesAnswer {
  revision?: number;
  forms: string[];
  effects: string[];
  frames: number[][][];
}

/** The answer to GET edits. */
export interface EditsAnswer {
  revision: number;
  edits: { id: string; actor: string; edit: Edit }[];
}

/** Everything that the commands and views share. */
export interface Shared {
  root: HTMLElement;
  model: import("./model/track_model.js").TrackModel;
  player: import("./view/player.js").Player;
  selection: import("./model/selection.js").Selection;
  queue: import("./model/edit_queue.js").EditQueue;
  api: import("./model/api.js").Api;
  release: import("./model/release_decisions.js").ReleaseDecisions;
  mayEdit: boolean;
  /** Shows a sentence in the status line. */
  say: (text: string) => void;
  /** Draws everything again after an edit. */
  changed: () => void;
}

export interface Commands {
  masks: import("./commands/mask_commands.js").MaskCommands;
  selecting: import("./commands/selection_commands.js").SelectionCommands;
  sounds: import("./commands/sound_commands.js").SoundCommands;
  queueing: import("./commands/queue_commands.js").QueueCommands;
  copying: import("./commands/copy_commands.js").CopyCommands;
  deciding: import("./commands/decision_commands.js").DecisionCommands;
  viewing: import("./commands/view_commands.js").ViewCommands;
}
