// What only a browser can do for the app: remind, speak, sound, locate, scan.
// The app asks over an event stream; every question gets one answer by POST.
"use strict";

// Until the first screen stands in its own font: the app names the page when it is shown.
(() => {
  const curtain = document.getElementById("curtain");
  if (!curtain) return;
  const PAINT_MS = 250; // a font that has arrived is drawn a moment later
  const LONGEST_MS = 30000;
  const wanted = Number(curtain.dataset.fonts);
  const fonts = () =>
    performance.getEntriesByType("resource").filter((r) => /\.otf(\?|$)/.test(r.name)).length;
  const since = performance.now();
  const look = setInterval(() => {
    const shown = document.title.includes("·") && fonts() >= wanted;
    if (!shown && performance.now() - since < LONGEST_MS) return;
    clearInterval(look);
    setTimeout(() => curtain.remove(), PAINT_MS);
  }, 50);
})();

(() => {
  const phone = location.pathname.split("/")[2];
  if (!phone) return;
  const me = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
  const base = `/companion/${encodeURIComponent(phone)}`;
  const post = (path, body) =>
    fetch(`${base}/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }).catch(() => undefined); // the app is away: the stream comes back by itself

  const PERMISSION = { granted: "yes", denied: "refused", default: "not_asked", prompt: "not_asked" };
  const permission = async (name) => {
    try {
      return PERMISSION[(await navigator.permissions.query({ name })).state];
    } catch {
      return "not_asked";
    }
  };
  const voices = () => (window.speechSynthesis ? speechSynthesis.getVoices() : []);
  const voiceFor = (lang) => voices().find((v) => v.lang.slice(0, 2) === lang.slice(0, 2));

  async function hello() {
    post("hello", {
      listener: me,
      reach: {
        remind: window.Notification ? PERMISSION[Notification.permission] : "not_here",
        tone: window.AudioContext ? "yes" : "not_here",
        locate: navigator.geolocation && isSecureContext ? await permission("geolocation") : "not_here",
        scan: window.BarcodeDetector && navigator.mediaDevices ? await permission("camera") : "not_here",
      },
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "",
      voices: [...new Set(voices().map((v) => v.lang.slice(0, 2)))],
    });
  }

  async function remind({ tag, title, body }) {
    if (!window.Notification) return { reach: "not_here" };
    if (Notification.permission === "default") await Notification.requestPermission();
    hello();
    if (Notification.permission !== "granted") return { reach: "refused" };
    return new Promise((done) => {
      const shown = new Notification(title, { body, tag, renotify: true });
      shown.onshow = () => done({ reach: "yes" });
      shown.onerror = () => done({ reach: "refused" });
      shown.onclick = () => window.focus();
    });
  }

  function speak({ words, lang }) {
    const voice = voiceFor(lang);
    if (!voice) return { reach: "no_voice" };
    const said = new SpeechSynthesisUtterance(words);
    said.lang = lang;
    said.voice = voice;
    said.rate = 0.85; // slow: many listeners hear badly
    speechSynthesis.speak(said);
    return { reach: "yes" };
  }

  // frequency in Hz and seconds of each pulse
  const TONES = {
    reminder: [[523, 0.25], [523, 0.25]],
    faster: [[440, 0.15], [660, 0.2]],
    slower: [[660, 0.15], [440, 0.2]],
    stop: [[330, 0.3], [330, 0.3], [330, 0.3]],
  };
  let audio;
  const unlock = () => {
    if (!audio && window.AudioContext) audio = new AudioContext();
    if (audio && audio.state === "suspended") audio.resume();
  };
  addEventListener("pointerdown", unlock, true); // browsers stay silent until touched
  function tone({ tone: name }) {
    unlock();
    if (!audio || audio.state !== "running") return { reach: "refused" };
    let at = audio.currentTime;
    for (const [hertz, seconds] of TONES[name]) {
      const pulse = audio.createOscillator();
      const volume = audio.createGain();
      pulse.frequency.value = hertz;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.linearRampToValueAtTime(0.3, at + 0.03);
      volume.gain.linearRampToValueAtTime(0.0001, at + seconds);
      pulse.connect(volume).connect(audio.destination);
      pulse.start(at);
      pulse.stop(at + seconds);
      at += seconds + 0.12;
    }
    return { reach: "yes" };
  }

  const locate = () =>
    new Promise((done) => {
      if (!navigator.geolocation) return done({ reach: "not_here" });
      navigator.geolocation.getCurrentPosition(
        ({ coords }) =>
          done({
            reach: "yes",
            place: { latitude: coords.latitude, longitude: coords.longitude, accuracy_m: coords.accuracy },
          }),
        (error) => done({ reach: error.code === 1 ? "refused" : "no_answer" }),
        { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 },
      );
    });

  async function scan({ words }) {
    if (!window.BarcodeDetector || !navigator.mediaDevices) return { reach: "not_here" };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      return { reach: "refused" };
    }
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    const frame = document.createElement("div");
    frame.style.cssText = "position:fixed;inset:0;z-index:9;background:#000;display:grid";
    const video = document.createElement("video");
    video.style.cssText = "width:100%;height:100%;object-fit:cover;grid-area:1/1";
    const stop = document.createElement("button");
    stop.textContent = words;
    stop.style.cssText = "grid-area:1/1;align-self:end;margin:24px;padding:16px;font-size:24px";
    frame.append(video, stop);
    document.body.append(frame);
    let open = true;
    stop.onclick = () => (open = false);
    video.srcObject = stream;
    await video.play();
    const until = performance.now() + 60000;
    let text = "";
    while (open && !text && performance.now() < until) {
      const [code] = await detector.detect(video).catch(() => []);
      text = code ? code.rawValue : "";
      await new Promise((next) => setTimeout(next, 150));
    }
    stream.getTracks().forEach((track) => track.stop());
    frame.remove();
    hello();
    return text ? { reach: "yes", text } : { reach: "no_answer" };
  }

  const DO = { remind, speak, tone, locate, scan };
  const events = new EventSource(`${base}/events?listener=${me}`);
  events.onopen = hello;
  events.onmessage = async ({ data }) => {
    const { id, do: what, ...asked } = JSON.parse(data);
    const answer = await Promise.resolve(DO[what](asked)).catch(() => ({ reach: "no_answer" }));
    post("answer", { id, ...answer });
  };
  document.addEventListener("visibilitychange", hello); // a traveller's clock may have changed
  if (window.speechSynthesis) speechSynthesis.addEventListener("voiceschanged", hello);
})();
