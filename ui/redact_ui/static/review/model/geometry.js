// How a box [cx, cy, w, h, angle] changes in somebody's hand. Pixels of the upright picture, degrees clockwise.

export const LEAST_BOX = 3;
export const NEW_BOX = 0.2; // of the shorter side of what is in sight
const STEPS = 200; // across the picture
const FAR_TURN = 15;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function turn(x, y, degrees) {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return [x * c - y * s, x * s + y * c];
}

/** The side or corner `[ux, uy]` moved by `[dx, dy]` along the box's own sides; the opposite one stays, or the centre. */
export function resized([cx, cy, w, height, angle], [ux, uy], [dx, dy], aboutCentre = false) {
  const about = aboutCentre ? 2 : 1;
  const newWidth = Math.max(LEAST_BOX, w + ux * dx * about);
  const newHeight = Math.max(LEAST_BOX, height + uy * dy * about);
  if (aboutCentre) return [cx, cy, newWidth, newHeight, angle];
  const [mx, my] = turn((ux * (newWidth - w)) / 2, (uy * (newHeight - height)) / 2, angle);
  return [cx + mx, cy + my, newWidth, newHeight, angle];
}

/** By an arrow key: moved, with Shift resized, with Alt turned; with Ctrl by a pixel. `width` is the picture's. */
export function nudged(box, { key, shiftKey, altKey, ctrlKey }, width) {
  const [right, down] = ARROWS[key];
  const step = ctrlKey ? 1 : Math.max(1, Math.round(width / STEPS));
  if (altKey) return [...box.slice(0, 4), box[4] + right + down * FAR_TURN];
  if (shiftKey) return resized(box, [1, 1], [right * step, down * step]);
  return [box[0] + right * step, box[1] + down * step, ...box.slice(2)];
}
