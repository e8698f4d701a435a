// Alarm sounds, synthesised here. Patterns after public descriptions of IEC 60601-1-8.
//
// Emergency: C4 E4 G4 – G4 C5, twice, every 8 s. Urgent: C4 E4 G4, every 20 s. Daily: E4 C4
// once. Technical alarms have the rhythm of their priority on one low note (G3), so that the
// machine and the heart sound different. Not connected: technical medium, every 10 s.

const NOTE = { G3: 196.0, C4: 261.63, E4: 329.63, G4: 392.0, C5: 523.25 };
// fundamental and five harmonics, all within 15 dB: heard through a closed door
const HARMONICS = [0, 1, 0.8, 0.66, 0.52, 0.42, 0.34];

const BURST = {
  high: { notes: ["C4", "E4", "G4", null, "G4", "C5"], times: 2, pulse: 0.16, step: 0.24, rest: 0.6 },
  medium: { notes: ["C4", "E4", "G4"], times: 1, pulse: 0.2, step: 0.32, rest: 0 },
  low: { notes: ["E4", "C4"], times: 1, pulse: 0.22, step: 0.4, rest: 0 },
};
export const REPEAT_MS = { high: 8_000, medium: 20_000 };

let context = null;
let wave = null;

function ready() {
  if (!context) {
    context = new AudioContext();
    wave = context.createPeriodicWave(
      new Float32Array(HARMONICS.length), new Float32Array(HARMONICS),
    );
  }
  return context;
}

/** Whether the browser still refuses to sound. */
export const blocked = () => ready().state !== "running";

/** To be called from a press or a key: browsers ask for that. */
export async function unblock() {
  if (ready().state !== "running") await context.resume();
}

function pulse(at, hz, seconds, level) {
  const tone = context.createOscillator();
  const envelope = context.createGain();
  tone.setPeriodicWave(wave);
  tone.frequency.value = hz;
  envelope.gain.setValueAtTime(0, at);
  envelope.gain.linearRampToValueAtTime(level, at + 0.025); // soft attack: no startle
  envelope.gain.setValueAtTime(level, at + seconds - 0.04);
  envelope.gain.linearRampToValueAtTime(0, at + seconds);
  tone.connect(envelope).connect(context.destination);
  tone.start(at);
  tone.stop(at + seconds + 0.02);
}

/** Play one burst. Returns its pulses' count (0 when the browser refuses). */
export function burst(tier, { technical = false, level = 0.5 } = {}) {
  if (blocked()) return 0;
  const pattern = BURST[tier];
  let at = context.currentTime + 0.02;
  let count = 0;
  for (let time = 0; time < pattern.times; time += 1) {
    for (const note of pattern.notes) {
      if (note) {
        pulse(at, NOTE[technical ? "G3" : note], pattern.pulse, level);
        count += 1;
      }
      at += pattern.step;
    }
    at += pattern.rest;
  }
  return count;
}

/** One soft pulse: an acknowledgement is about to expire. */
export function softPulse() {
  if (!blocked()) pulse(context.currentTime + 0.02, NOTE.E4, 0.25, 0.2);
}
