// Those whose methods keys and buttons call.

import { Actions } from "./mask_commands.js";
import { Checking } from "./queue_commands.js";
import { Choosing } from "./selection_commands.js";
import { Copying } from "./copy_commands.js";
import { Deciding } from "./decision_commands.js";
import { SoundActs } from "./sound_commands.js";

const PAN = 0.2; // of what is in sight
const ZOOM = 1.4;
const TIME_ZOOM = 2;
const PAGE = 0.75; // of the timeline in view

/** `shared`: what all of them work with, and overlay, timeline, risks, history; `copied` is told of copies. */
export function makeDoers(shared) {
  const { overlay, timeline, player } = shared;
  const go = (frame) => actions.go(frame);
  const choosing = new Choosing({ ...shared, go });
  const sounds = new SoundActs({ ...shared, go, make: (bodies) => actions.make(bodies) });
  const checking = new Checking(shared);
  const actions = new Actions({ ...shared, choosing, sounds, checking });
  checking.actions = actions;
  const looking = {
    zoomTimeIn: () => timeline.zoom(1 / TIME_ZOOM, player.frame), zoomTimeOut: () => timeline.zoom(TIME_ZOOM, player.frame),
    wholeClip: () => timeline.whole(), timeBack: () => timeline.scroll(-PAGE), timeOn: () => timeline.scroll(PAGE),
    zoomIn: () => overlay.zoom(ZOOM), zoomOut: () => overlay.zoom(1 / ZOOM), wholePicture: () => overlay.fit(),
    panLeft: () => overlay.pan(-PAN, 0), panRight: () => overlay.pan(PAN, 0),
    panUp: () => overlay.pan(0, -PAN), panDown: () => overlay.pan(0, PAN),
  };
  return { actions, choosing, sounds, checking, copying: new Copying(shared), deciding: new Deciding(shared), looking };
}
