// Playback, moving through the clip, and zooming.

import { showHelp } from "../view/dialogs.js";

/** @import { Shared } from "../types.js" */
/** @import { Overlay } from "../view/overlay.js" */
/** @import { Timeline } from "../view/timeline.js" */

const PAN = 0.2; // of the view
const ZOOM = 1.4;
const TIME_ZOOM = 2;
const PAGE = 0.75; // of the timeline in view

export class ViewCommands {
  /** @param {Pick<Shared, "root" | "model" | "player" | "selection" | "say"> & { overlay: Overlay, timeline: Timeline }} shared */
  constructor({ root, model, player, selection, say, overlay, timeline }) {
    this.root = root;
    this.model = model;
    this.player = player;
    this.selection = selection;
    this.say = say;
    this.overlay = overlay;
    this.timeline = timeline;
  }

  toggle() { this.player.toggle(); }
  back() { this.player.step(-1); }
  forward() { this.player.step(1); }
  back10() { this.player.step(-10); }
  forward10() { this.player.step(10); }
  slower() { this.player.faster(-1); }
  faster() { this.player.faster(1); }
  trackStart() { this.go(this.#track()?.first ?? 0); }
  trackEnd() { this.go(this.#track()?.last ?? this.model.info.frames - 1); }

  previousKeyframe() {
    const frame = this.marks().findLast((each) => each < this.player.wanted);
    if (frame === undefined) this.say("There is no keyframe before this frame.");
    else this.go(frame);
  }

  nextKeyframe() {
    const frame = this.marks().find((each) => each > this.player.wanted);
    if (frame === undefined) this.say("There is no keyframe after this frame.");
    else this.go(frame);
  }

  zoomTimeIn() { this.timeline.zoom(1 / TIME_ZOOM, this.player.frame); }
  zoomTimeOut() { this.timeline.zoom(TIME_ZOOM, this.player.frame); }
  wholeClip() { this.timeline.whole(); }
  timeBack() { this.timeline.scroll(-PAGE); }
  timeForward() { this.timeline.scroll(PAGE); }
  zoomIn() { this.overlay.zoom(ZOOM); }
  zoomOut() { this.overlay.zoom(1 / ZOOM); }
  wholePicture() { this.overlay.fit(); }
  panLeft() { this.overlay.pan(-PAN, 0); }
  panRight() { this.overlay.pan(PAN, 0); }
  panUp() { this.overlay.pan(0, -PAN); }
  panDown() { this.overlay.pan(0, PAN); }
  help() { showHelp(this.root); }

  /** Pauses and shows a frame. @param {number} frame */
  go(frame) {
    if (this.player.playing) this.player.pause();
    this.player.show(frame);
  }

  /** The frames of the main track's keyframes and end marks, in order. */
  marks() {
    const track = this.#track();
    return track ? [...track.keyframes, ...track.outsides].sort((a, b) => a - b) : [];
  }

  #track() {
    const { main } = this.selection;
    return main === null ? null : (this.model.tracks().get(main) ?? null);
  }
}
