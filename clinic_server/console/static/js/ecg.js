// ECG from the server: microvolts as int16, gaps as ranges, beats with their class.

import { get } from "./api.js";
import { bandPass } from "./filter.js";

function decode(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  return new Int16Array(bytes.buffer);
}

/**
 * Load samples [first, end) of a recording.
 *
 * Returns {fs, first, end, startMs, leads: [{name, raw, filtered}], gaps: [[a, b, cause]],
 * beats: [[i, class]]}; positions count from `first`, amplitudes are mV, gaps are NaN.
 */
export async function loadEcg(recording, first, end, signal) {
  const body = await get(
    `/console/recordings/${recording}/ecg?first=${first}&end=${end}`, signal,
  );
  const leads = body.leads.map((lead) => {
    const counts = decode(lead.uv);
    const raw = Float32Array.from(counts, (uv) => uv / 1000);
    for (const [a, b] of body.gaps) raw.fill(NaN, a, b);
    return { name: lead.name, raw, filtered: bandPass(raw, body.fs, body.gaps) };
  });
  return {
    fs: body.fs,
    first: body.first,
    end: body.end,
    startMs: body.start_ms,
    leads,
    gaps: body.gaps,
    beats: body.beats,
  };
}
