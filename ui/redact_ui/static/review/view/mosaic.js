// An impression of what a mosaic or a blur leaves, which only the rendered copy shows exactly.

const TILES = 9; // along the shorter side
const small = document.createElement("canvas");

/** What is under `box` of the video, in a few tiles. `toScreen(x, y)`: from the picture's pixels to the canvas's. */
export function coarse(context, video, [cx, cy, w, height, angle], { info, smooth, toScreen }) {
  const { width: pictureWidth, height: pictureHeight } = info;
  // The upright rectangle about the turned box, within the picture.
  const radians = (angle * Math.PI) / 180;
  const [c, s] = [Math.abs(Math.cos(radians)), Math.abs(Math.sin(radians))];
  const [halfWidth, halfHeight] = [(w * c + height * s) / 2, (w * s + height * c) / 2];
  const [left, right] = [Math.max(cx - halfWidth, 0), Math.min(cx + halfWidth, pictureWidth)];
  const [top, bottom] = [Math.max(cy - halfHeight, 0), Math.min(cy + halfHeight, pictureHeight)];
  if (right <= left || bottom <= top) return;
  const tile = Math.max(Math.min(right - left, bottom - top) / TILES, 1);
  small.width = Math.max(1, Math.round((right - left) / tile));
  small.height = Math.max(1, Math.round((bottom - top) / tile));
  const few = small.getContext("2d");
  few.imageSmoothingQuality = "high";
  const [kx, ky] = [video.videoWidth / pictureWidth, video.videoHeight / pictureHeight];
  few.drawImage(video, left * kx, top * ky, (right - left) * kx, (bottom - top) * ky, 0, 0, small.width, small.height);
  context.imageSmoothingEnabled = smooth;
  const [x0, y0] = toScreen(left, top);
  const [x1, y1] = toScreen(right, bottom);
  context.drawImage(small, 0, 0, small.width, small.height, x0, y0, x1 - x0, y1 - y0);
  context.imageSmoothingEnabled = true;
}
