// How a beat's class looks, wherever it is drawn.

import { colour } from "./trace.js";

export const BEAT_INK = { N: "bN", S: "bS", V: "bV", F: "bF", "/": "bP", Q: "bQ" };

/** The colour of a class in the theme of the page. */
export const beatInk = (kind) => colour(BEAT_INK[kind] ?? BEAT_INK.Q);

/** Fill the shape of a class: colour is never alone. */
export function beatShape(context, kind, x, y, r) {
  context.fillStyle = beatInk(kind);
  context.strokeStyle = context.fillStyle;
  context.beginPath();
  if (kind === "N") context.arc(x, y, r * 0.65, 0, 7);
  else if (kind === "S") {
    context.moveTo(x, y - r);
    context.lineTo(x + r * 1.1, y + r);
    context.lineTo(x - r * 1.1, y + r);
    context.closePath();
  } else if (kind === "V") context.rect(x - r, y - r, 2 * r, 2 * r);
  else if (kind === "F") {
    context.moveTo(x, y - r * 1.3);
    context.lineTo(x + r * 1.3, y);
    context.lineTo(x, y + r * 1.3);
    context.lineTo(x - r * 1.3, y);
    context.closePath();
  } else if (kind === "/") context.rect(x - r * 0.4, y - r * 1.2, r * 0.8, r * 2.4);
  else {
    context.arc(x, y, r, 0, 7);
    context.lineWidth = r * 0.45;
    context.stroke();
    return;
  }
  context.fill();
}
