// SHA-256 (FIPS 180-4) piece by piece: the browser's own needs the whole file in memory.

const PRIMES = (() => {
  const found = [];
  for (let n = 2; found.length < 64; n += 1) {
    if (found.every((p) => n % p)) found.push(n);
  }
  return found;
})();
const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) >>> 0;
const K = Uint32Array.from(PRIMES, (p) => fraction(Math.cbrt(p)));
const START = Uint32Array.from(PRIMES.slice(0, 8), (p) => fraction(Math.sqrt(p)));
const BLOCK = 64;

const turn = (x, n) => (x >>> n) | (x << (32 - n));

function mix(state, bytes, at, w) {
  for (let i = 0; i < 16; i += 1) {
    const k = at + 4 * i;
    w[i] = (bytes[k] << 24) | (bytes[k + 1] << 16) | (bytes[k + 2] << 8) | bytes[k + 3];
  }
  for (let i = 16; i < 64; i += 1) {
    const a = w[i - 15];
    const b = w[i - 2];
    const s0 = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3);
    const s1 = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i += 1) {
    const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const one = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
    const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
    const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((value, i) => {
    state[i] += value;
  });
}

/** A digest that takes bytes in pieces: `update(Uint8Array)`, then `hex()` once. */
export function sha256() {
  const state = START.slice();
  const w = new Int32Array(64);
  const rest = new Uint8Array(BLOCK);
  let waiting = 0;
  let length = 0;

  function update(bytes) {
    length += bytes.length;
    let at = 0;
    if (waiting) {
      at = Math.min(BLOCK - waiting, bytes.length);
      rest.set(bytes.subarray(0, at), waiting);
      waiting += at;
      if (waiting < BLOCK) return;
      mix(state, rest, 0, w);
      waiting = 0;
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) mix(state, bytes, at, w);
    rest.set(bytes.subarray(at));
    waiting = bytes.length - at;
  }

  function hex() {
    const bits = length * 8;
    const end = new Uint8Array(waiting < 56 ? BLOCK - waiting : 2 * BLOCK - waiting);
    end[0] = 0x80;
    const view = new DataView(end.buffer);
    view.setUint32(end.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(end.length - 4, bits >>> 0);
    update(end);
    return [...state].map((value) => value.toString(16).padStart(8, "0")).join("");
  }

  return { update, hex };
}
