// The display filter, 0.5–40 Hz: second-order Butterworth sections run both ways, so that
// nothing is delayed. Each stretch between gaps is filtered by itself. Measuring uses the
// same samples that are seen; "unfiltered" shows the raw ones.

/** Coefficients of one Butterworth section (bilinear transform, Q = 1/√2). */
function section(kind, hz, fs) {
  const w = Math.tan((Math.PI * hz) / fs);
  const n = 1 / (1 + Math.SQRT2 * w + w * w);
  const gain = kind === "low" ? w * w * n : n;
  return {
    b: kind === "low" ? [gain, 2 * gain, gain] : [gain, -2 * gain, gain],
    a: [2 * (w * w - 1) * n, (1 - Math.SQRT2 * w + w * w) * n],
  };
}

function run(x, { b, a }) {
  const y = new Float64Array(x.length);
  let [x1, x2, y1, y2] = [x[0], x[0], 0, 0];
  // start as if the first value had been there for ever
  const rest = (x[0] * (b[0] + b[1] + b[2])) / (1 + a[0] + a[1]);
  [y1, y2] = [rest, rest];
  for (let i = 0; i < x.length; i += 1) {
    const v = b[0] * x[i] + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2;
    [x2, x1, y2, y1] = [x1, x[i], y1, v];
    y[i] = v;
  }
  return y;
}

function bothWays(x, coefficients) {
  return run(run(x, coefficients).reverse(), coefficients).reverse();
}

function stretch(samples, fs) {
  // mirror 2 s at both ends against the edge's transient
  const pad = Math.min(samples.length - 1, Math.round(2 * fs));
  const n = samples.length;
  const x = new Float64Array(n + 2 * pad);
  for (let i = 0; i < pad; i += 1) {
    x[i] = 2 * samples[0] - samples[pad - i];
    x[n + pad + i] = 2 * samples[n - 1] - samples[n - 2 - i];
  }
  x.set(samples, pad);
  let y = bothWays(x, section("high", 0.5, fs));
  if (fs > 90) y = bothWays(y, section("low", 40, fs));
  return y.subarray(pad, pad + n);
}

/** Filter samples (NaN in gaps, ranges in `gaps`). */
export function bandPass(samples, fs, gaps) {
  const out = new Float32Array(samples.length).fill(NaN);
  let from = 0;
  for (const [a, b] of [...gaps, [samples.length, samples.length]]) {
    if (a - from > fs / 4) out.set(stretch(samples.subarray(from, a), fs), from);
    else if (a > from) out.set(samples.subarray(from, a), from);
    from = b;
  }
  return out;
}
