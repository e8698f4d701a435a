// Painting samples on canvas: min and max per pixel, so that no spike ever disappears.

const styles = new Map();

/** A token's colour as the browser resolved it; cached until the theme changes. */
export function colour(name) {
  const key = `${document.documentElement.dataset.theme}${name}`;
  if (!styles.has(key)) {
    styles.set(key, getComputedStyle(document.documentElement)
      .getPropertyValue(`--${name}`).trim());
  }
  return styles.get(key);
}

/** Size a canvas to its box in device pixels; returns the context scaled to CSS pixels. */
export function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, hh] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== hh) {
    canvas.width = w;
    canvas.height = hh;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height, ratio };
}

/**
 * Stroke samples as one line, broken where they are NaN.
 *
 * x(i) and y(v) give CSS pixels. More than two samples per device pixel are drawn as the
 * column's minimum and maximum.
 */
export function strokeSamples(context, samples, first, end, x, y, ratio) {
  const perPixel = 1 / Math.max(1e-9, (x(first + 1) - x(first)) * ratio);
  context.beginPath();
  let drawing = false;
  if (perPixel <= 2) {
    for (let i = first; i < end; i += 1) {
      const v = samples[i];
      if (Number.isNaN(v)) drawing = false;
      else if (drawing) context.lineTo(x(i), y(v));
      else {
        context.moveTo(x(i), y(v));
        drawing = true;
      }
    }
    context.stroke();
    return;
  }
  const step = perPixel;
  for (let from = first; from < end; from += step) {
    const to = Math.min(end, from + step);
    let low = Infinity;
    let high = -Infinity;
    for (let i = Math.floor(from); i < to; i += 1) {
      const v = samples[i];
      if (v < low) low = v;
      if (v > high) high = v;
    }
    if (low === Infinity) {
      drawing = false;
      continue;
    }
    const px = x(from);
    if (!drawing) context.moveTo(px, y(low));
    context.lineTo(px, y(low));
    context.lineTo(px, y(high));
    drawing = true;
  }
  context.stroke();
}

/** Low and high of samples, NaN left out; [-1, 1] when there are none. */
export function range(samples, first = 0, end = samples.length) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = first; i < end; i += 1) {
    if (samples[i] < low) low = samples[i];
    if (samples[i] > high) high = samples[i];
  }
  return low <= high ? [low, high] : [-1, 1];
}

/** Fill with diagonal hatching: here nothing was recorded. */
export function hatch(context, x, y, width, height, ink) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = ink;
  context.lineWidth = 2;
  context.beginPath();
  for (let k = x - height; k < x + width; k += 8) {
    context.moveTo(k, y + height);
    context.lineTo(k + height, y);
  }
  context.stroke();
  context.restore();
}

/** The wall's mini trace: packed minima and maxima of 4 s, auto-gained, no grid. */
export function drawMini(canvas, packed) {
  const { context, width, height, ratio } = prepare(canvas);
  if (!packed || !width) return;
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) {
    const v = (bytes[i] << 24) >> 24; // int8; -128 marks a gap
    values[i] = v === -128 ? NaN : v;
  }
  context.strokeStyle = colour("trace");
  context.lineWidth = 1.15;
  context.lineJoin = "round";
  const columns = values.length - 1;
  strokeSamples(
    context, values, 0, values.length,
    (i) => 1 + (i / columns) * (width - 2),
    (v) => height / 2 - (v / 127) * (height / 2 - 1.5),
    ratio * 4, // pairs are already minima and maxima: draw all of them
  );
}
