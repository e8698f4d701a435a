// A console page that shows no alarm itself: it still sounds and keeps its keys.

import { take } from "./alarms.js";
import { pauseAudio } from "./audio.js";
import { get } from "./api.js";
import { bind } from "./keys.js";

bind(["escape"], "console.key_wall", () => location.assign("/console"), { show: ["Esc"] });
bind(["m"], "console.key_pause", pauseAudio, { show: ["M"] });
get("/console/alarms.json").then(take).catch(() => {});
