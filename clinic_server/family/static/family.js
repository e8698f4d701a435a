// Marks the page once it is older than two minutes: a frozen page must not look alive.
// Monotonic time, so that a phone whose clock is wrong does not matter.
const OLD_AFTER_MS = 120_000;
setInterval(() => {
  if (performance.now() < OLD_AFTER_MS) return;
  document.getElementById("old").hidden = false;
  document.getElementById("hero").classList.add("old");
}, 1000);
