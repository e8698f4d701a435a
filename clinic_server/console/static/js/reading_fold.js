// A script of edits laid over the machine's beats: the same rules as the server's
// `analytics.beat_edits`, so that the page shows an edit before the answer is back. Pure:
// no page, no network.

const CODE = (letter) => letter.charCodeAt(0);
const Q = CODE("Q");
const V = CODE("V");
const OF_BEATS = new Set(["relabel", "insert", "delete", "group"]);
const OF_EPISODES = new Set(["accept", "reject", "rename", "add"]);

export const isOfEpisodes = (kind) => OF_EPISODES.has(kind);
export const isOfBeats = (kind) => OF_BEATS.has(kind);

/** Samples of a step: the first, then distances. */
export function samplesOf(steps) {
  const samples = new Int32Array(steps.length);
  let at = 0;
  for (let i = 0; i < steps.length; i += 1) {
    at += steps[i];
    samples[i] = at;
  }
  return samples;
}

export function stepsOf(samples) {
  const steps = new Array(samples.length);
  let before = 0;
  for (let i = 0; i < samples.length; i += 1) {
    steps[i] = samples[i] - before;
    before = samples[i];
  }
  return steps;
}

/** Steps that were not taken back, in order. */
export function inForce(script) {
  const off = new Set();
  for (const step of script) {
    if (step.kind === "undo") off.add(step.of_number);
    else if (step.kind === "redo") off.delete(step.of_number);
  }
  return script.filter((s) => s.kind !== "undo" && s.kind !== "redo" && !off.has(s.number));
}

/** First place whose value is not below `wanted`. */
export function lowerBound(values, wanted, from = 0) {
  let low = from;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function merge(spans) {
  const out = [];
  for (const [first, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = out[out.length - 1];
    if (last && first <= last[1]) last[1] = Math.max(last[1], end);
    else out.push([first, end]);
  }
  return out;
}

function universe(machine, edits) {
  const added = new Set();
  for (const edit of edits) if (edit.kind === "insert") for (const s of edit.samples) added.add(s);
  for (const s of added) {
    const at = lowerBound(machine.sample, s);
    if (machine.sample[at] === s) added.delete(s);
  }
  if (!added.size) return { sample: machine.sample, origin: null };
  const extra = Int32Array.from(added).sort();
  const n = machine.sample.length + extra.length;
  const sample = new Int32Array(n);
  const origin = new Int32Array(n);
  for (let i = 0, j = 0, k = 0; k < n; k += 1) {
    if (j >= extra.length || (i < machine.sample.length && machine.sample[i] < extra[j])) {
      sample[k] = machine.sample[i];
      origin[k] = i;
      i += 1;
    } else {
      sample[k] = extra[j];
      origin[k] = -1;
      j += 1;
    }
  }
  return { sample, origin };
}

/**
 * Lay edits over the machine's beats.
 *
 * `machine` has columns sample, aami, sure, flags (1 usable, 2 wide, 4 interval known),
 * group; `dead` are stretches of grade X, merged. The answer has columns of the beats that
 * there are now: sample, aami, group, sure, rr (ms, NaN unknown), usable, machine (its
 * class by the machine, 0 for one put in), and what was deleted.
 */
export function fold(machine, edits, fs, dead) {
  const { sample, origin } = universe(machine, edits);
  const n = sample.length;
  const aami = new Uint8Array(n);
  const group = new Int16Array(n);
  const present = new Uint8Array(n);
  const vouched = new Uint8Array(n);
  for (let k = 0; k < n; k += 1) {
    const o = origin ? origin[k] : k;
    aami[k] = o < 0 ? Q : machine.aami[o];
    group[k] = o < 0 ? 0 : machine.group[o];
    present[k] = o < 0 ? 0 : 1;
  }
  let artefacts = [];
  const strips = new Map();
  for (const edit of edits) {
    if (OF_BEATS.has(edit.kind)) {
      let at = 0;
      for (const s of edit.samples) {
        at = lowerBound(sample, s, at);
        if (sample[at] !== s) continue;
        if (edit.kind === "group") group[at] = edit.shape;
        else {
          if (edit.kind === "insert") present[at] = 1;
          if (!present[at]) continue;
          if (edit.kind === "delete") present[at] = 0;
          else {
            aami[at] = CODE(edit.to);
            vouched[at] = 1;
          }
        }
      }
    } else if (edit.kind === "artefact") artefacts.push([edit.first, edit.end]);
    else if (edit.kind === "strip") strips.set(`${edit.first}-${edit.end}`, [edit.first, edit.end]);
    else if (edit.kind === "strip_out") strips.delete(`${edit.first}-${edit.end}`);
  }
  artefacts = merge(artefacts);
  return {
    ...columnsOf({ machine, sample, origin, aami, group, present, vouched }, artefacts, fs, dead),
    artefacts,
    strips: [...strips.values()],
    episodes: edits.filter((e) => OF_EPISODES.has(e.kind)),
  };
}

function columnsOf(all, artefacts, fs, dead) {
  const { machine, present } = all;
  let count = 0;
  for (let k = 0; k < present.length; k += 1) count += present[k];
  const now = {
    n: count,
    sample: new Int32Array(count),
    aami: new Uint8Array(count),
    group: new Int16Array(count),
    sure: new Uint8Array(count),
    usable: new Uint8Array(count),
    machine: new Uint8Array(count),
    rr: new Float32Array(count),
    deleted: [],
    edited: 0,
  };
  const breaks = machine.breaks;
  const nm = machine.sample.length;
  let i = -1;
  let before = -1;
  let before_o = -2;
  let low = 0;
  let grave = 0;
  for (let k = 0; k < present.length; k += 1) {
    const o = all.origin ? all.origin[k] : k;
    if (!present[k]) {
      if (o >= 0) {
        now.deleted.push(all.sample[k]);
        now.edited += 1;
      }
      continue;
    }
    i += 1;
    const s = all.sample[k];
    now.sample[i] = s;
    now.aami[i] = all.aami[k];
    now.group[i] = all.group[k];
    now.machine[i] = o < 0 ? 0 : machine.aami[o];
    now.sure[i] = all.vouched[k] || o < 0 ? 255 : machine.sure[o];
    if (now.machine[i] !== now.aami[i]) now.edited += 1;
    while (grave < dead.length && dead[grave][1] <= s) grave += 1;
    const inDead = grave < dead.length && dead[grave][0] <= s;
    const usable = all.vouched[k] ? !inDead : o < 0 || (machine.flags[o] & 1) === 1;
    now.usable[i] = usable ? 1 : 0;
    let rr = before < 0 ? NaN : ((s - before) / fs) * 1000;
    if (o >= 0 && o === before_o + 1 && before >= 0) {
      if (!(machine.flags[o] & 4)) rr = NaN;
    } else if (before >= 0 && nm) {
      while (low < nm && machine.sample[low] <= before) low += 1;
      const high = Math.min(nm - 1, lowerBound(machine.sample, s, low));
      if (breaks[high + 1] - breaks[Math.min(low, high + 1)] > 0) rr = NaN;
    }
    now.rr[i] = rr;
    before = s;
    before_o = o;
  }
  for (const [first, end] of artefacts) {
    const a = lowerBound(now.sample, first);
    const b = lowerBound(now.sample, end);
    for (let k = a; k < b; k += 1) now.usable[k] = 0;
    for (let k = a; k <= b && k < count; k += 1) now.rr[k] = NaN;
  }
  return now;
}

/** Sum of unknown intervals up to each beat, for `fold`. */
export function breaksOf(flags) {
  const breaks = new Int32Array(flags.length + 1);
  for (let i = 0; i < flags.length; i += 1) breaks[i + 1] = breaks[i] + (flags[i] & 4 ? 0 : 1);
  return breaks;
}

export { CODE, V };
