// A patient's question: the strip it is about, and the answer.

import "./page.js";
import { post } from "./api.js";
import { $ } from "./dom.js";
import { bind } from "./keys.js";
import { setUpOpinion } from "./opinion.js";
import { isLost, line } from "./stream.js";
import { drawStrips, setUpStrips } from "./strips.js";

const data = JSON.parse($("#data").textContent);
const state = () => ({ state: data.answered ? "advised" : "acknowledged" });

const opinion = setUpOpinion(data.opinions, {
  state,
  send: async (body) => {
    await post(`/console/consults/${data.consult_id}/answer`, body);
    location.reload();
  },
});

for (const [n, one] of data.opinions.entries()) {
  bind([one.key], n === 0 ? "console.key_opinion" : "", () => opinion?.choose(one.value), { show: ["1", "–", "5"] });
}
bind(["enter"], "console.key_send", () => opinion?.send(), { show: ["Ctrl", "↵"], modifier: true });
for (const kind of ["lost", "found"]) {
  line.addEventListener(kind, () => {
    document.body.classList.toggle("lost", isLost());
    opinion?.follow(state());
  });
}
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(drawStrips, 100);
});
setUpStrips(data);
opinion?.follow(state());
