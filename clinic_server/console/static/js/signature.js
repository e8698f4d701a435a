// A field to sign in with a finger, a pen or a mouse; and photos made small before they go.

import { h } from "./dom.js";
import { t } from "./words.js";

const WIDTH = 600;
const HEIGHT = 180;
const PHOTO_PX = 1280; // well under what the server takes
const PHOTO_QUALITY = 0.8;

/** The field with its button; `image()` gives PNG bytes, or null while nothing is drawn. */
export function signaturePad(onChange) {
  const canvas = h("canvas", {
    class: "signature", width: WIDTH, height: HEIGHT, role: "img",
    "aria-label": t("desk.sign_here"),
  });
  const pen = canvas.getContext("2d");
  let drawn = 0; // px of line: a dot is no signature
  let last = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * WIDTH) / box.width,
      ((event.clientY - box.top) * HEIGHT) / box.height,
    ];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = at(event);
    pen.lineWidth = 3;
    pen.lineCap = "round";
    pen.strokeStyle = getComputedStyle(canvas).color;
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...next);
    pen.stroke();
    drawn += Math.hypot(next[0] - last[0], next[1] - last[1]);
    last = next;
  });
  const lift = () => {
    if (last) onChange();
    last = null;
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  const clear = h("button", {
    type: "button", class: "button in-row", text: t("desk.sign_again"),
    on: { click: () => {
      pen.clearRect(0, 0, WIDTH, HEIGHT);
      drawn = 0;
      onChange();
    } },
  });
  return {
    element: h("div", { class: "field" },
      h("div", { class: "row" }, h("span", { class: "push", text: t("desk.sign_here") }), clear),
      canvas),
    image: () => (drawn < 40 ? null : bytes(canvas, "image/png")),
  };
}

function bytes(canvas, type, quality) {
  return new Promise((resolve) => { canvas.toBlob(resolve, type, quality); });
}

/** A photo, turned upright and at most 1280 px wide: the camera's own data stay behind. */
export async function smallPhoto(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, PHOTO_PX / Math.max(picture.width, picture.height));
  const canvas = h("canvas", {
    width: Math.round(picture.width * scale), height: Math.round(picture.height * scale),
  });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return bytes(canvas, "image/jpeg", PHOTO_QUALITY);
}
