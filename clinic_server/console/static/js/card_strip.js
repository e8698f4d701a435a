// Seven seconds of ECG in the selected card: for recognition, so without paper.

import { loadEcg } from "./ecg.js";
import { colour, hatch, prepare, range, strokeSamples } from "./trace.js";

const cache = new Map();

function paint(canvas, ecg) {
  const { context, width, height, ratio } = prepare(canvas);
  if (!width) return;
  const samples = ecg.leads[0].filtered;
  const [low, high] = range(samples);
  const x = (i) => 2 + (i / samples.length) * (width - 4);
  for (const [first, end] of ecg.gaps) {
    hatch(context, x(first), 0, x(end) - x(first), height, colour("line-strong"));
  }
  context.strokeStyle = colour("trace");
  context.lineWidth = 1.2;
  context.lineJoin = "round";
  const scale = (height - 10) / Math.max(0.2, high - low);
  strokeSamples(
    context, samples, 0, samples.length, x,
    (v) => height - 5 - (v - low) * scale, ratio,
  );
}

export async function drawCardStrip(canvas, card) {
  const { recording_id: recording, first, end } = card.strip;
  const key = `${recording}:${first}:${end}`;
  try {
    if (!cache.has(key)) cache.set(key, await loadEcg(recording, first, end));
  } catch {
    return; // the card works without its strip; the detail page says why
  }
  if (!canvas.isConnected) return;
  paint(canvas, cache.get(key));
  // what had not arrived yet may arrive: look again next time the card opens
  if (cache.get(key).gaps.length) cache.delete(key);
}
