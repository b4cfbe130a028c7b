// All commands of keys and buttons.

import { CopyCommands } from "./copy_commands.js";
import { DecisionCommands } from "./decision_commands.js";
import { EditRecorder } from "./edit_recorder.js";
import { MaskCommands } from "./mask_commands.js";
import { QueueCommands } from "./queue_commands.js";
import { SelectionCommands } from "./selection_commands.js";
import { SoundCommands } from "./sound_commands.js";
import { ViewCommands } from "./view_commands.js";

/** @import { Commands, Shared } from "../types.js" */
/** @import { History } from "../model/history.js" */
/** @import { Notices } from "../view/notices.js" */
/** @import { Overlay } from "../view/overlay.js" */
/** @import { ReviewQueue } from "../view/review_queue.js" */
/** @import { Timeline } from "../view/timeline.js" */

/**
 * @param {Shared & { overlay: Overlay, timeline: Timeline, reviewQueue: ReviewQueue, history: History, notices: Notices }} shared
 * @returns {Commands}
 */
export function makeCommands(shared) {
  const recorder = new EditRecorder(shared);
  const viewing = new ViewCommands(shared);
  const go = (/** @type {number} */ frame) => viewing.go(frame);
  const selecting = new SelectionCommands({ ...shared, go });
  const sounds = new SoundCommands({ ...shared, recorder, go });
  const masks = new MaskCommands({ ...shared, recorder, selecting, sounds, viewing });
  const queueing = new QueueCommands({ ...shared, recorder, masks });
  masks.queueing = queueing;
  const copying = new CopyCommands({ ...shared, copied: (copy) => shared.notices.copied(copy) });
  const deciding = new DecisionCommands(shared);
  return { masks, selecting, sounds, queueing, copying, deciding, viewing };
}

/** Runs the action of a key: the method with that name. @param {Commands} commands @param {string} action */
export function run(commands, action) {
  for (const owner of Object.values(commands)) {
    const method = Reflect.get(owner, action);
    if (typeof method === "function") {
      method.call(owner);
      return;
    }
  }
}
