// The server's clock as this page knows it. A frozen page grows old by itself, because age
// is always computed from here, never from the moment a message came in.

let offsets = [];

/** Learn from a message: transit only makes the offset smaller, so the largest is best. */
export function heard(serverMs) {
  offsets.push(serverMs - Date.now());
  if (offsets.length > 12) offsets = offsets.slice(-12);
}

export function now() {
  return Date.now() + (offsets.length ? Math.max(...offsets) : 0);
}
