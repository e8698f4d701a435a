// Six hours at a glance: heart rate (line, with its range) and PVC per ten minutes (bars).

import { colour, prepare } from "./trace.js";
import { shortTime } from "./words.js";

const TEN_MIN_MS = 600_000;

export function drawTrend(canvas, trend, eventMs) {
  const { context, width, height } = prepare(canvas);
  if (!width) return;
  const { from_ms: from, to_ms: to, minutes } = trend;
  const foot = 16;
  const barRoom = 34;
  const x = (ms) => 26 + ((ms - from) / (to - from)) * (width - 30);
  const rates = minutes.flatMap(([, , low, high]) => [low, high]).filter((v) => v !== null);
  const low = Math.min(40, ...rates);
  const high = Math.max(120, ...rates);
  const bottom = height - foot - 8;
  const y = (bpm) => bottom - ((bpm - low) / (high - low)) * (bottom - 8);
  const family = getComputedStyle(document.body).fontFamily;
  context.font = `11px ${family}`;
  context.textBaseline = "middle";
  for (const bpm of [50, 100, 150, 200]) {
    if (bpm < low || bpm > high) continue;
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(26, y(bpm));
    context.lineTo(width - 4, y(bpm));
    context.stroke();
    context.fillStyle = colour("ink3");
    context.textAlign = "right";
    context.fillText(String(bpm), 22, y(bpm));
  }
  const wide = Math.max(1, ((width - 30) * 60_000) / (to - from));
  context.fillStyle = colour("sunken");
  for (const [ms, , min, max] of minutes) {
    if (min !== null && max !== null) {
      context.fillRect(x(ms), y(max), wide + 0.5, Math.max(1, y(min) - y(max)));
    }
  }
  const bins = new Map();
  for (const [ms, , , , v] of minutes) {
    const bin = Math.floor(ms / TEN_MIN_MS);
    bins.set(bin, (bins.get(bin) ?? 0) + v);
  }
  const most = Math.max(10, ...bins.values());
  context.fillStyle = colour("bV");
  const binWide = Math.max(1.5, ((width - 30) * TEN_MIN_MS) / (to - from) - 1);
  for (const [bin, v] of bins) {
    const h = (v / most) * barRoom;
    if (v) context.fillRect(Math.max(26, x(bin * TEN_MIN_MS)), height - foot - h, binWide, h);
  }
  context.strokeStyle = colour("ink");
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.beginPath();
  let last = null;
  for (const [ms, mean] of minutes) {
    if (mean === null) {
      last = null;
      continue;
    }
    if (last !== null && ms - last <= 120_000) context.lineTo(x(ms), y(mean));
    else context.moveTo(x(ms), y(mean));
    last = ms;
  }
  context.stroke();
  if (eventMs >= from && eventMs <= to) {
    context.strokeStyle = colour("high");
    context.setLineDash([3, 2]);
    context.beginPath();
    context.moveTo(x(eventMs), 2);
    context.lineTo(x(eventMs), height - foot);
    context.stroke();
    context.setLineDash([]);
  }
  context.fillStyle = colour("ink2");
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  for (const share of [0.08, 0.36, 0.64, 0.92]) {
    const ms = from + share * (to - from);
    context.fillText(shortTime(ms), Math.min(width - 18, x(ms)), height - 3);
  }
}
