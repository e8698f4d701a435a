// Strips of single moments on paper at true scale, loaded when they come into sight.

import { loadEcg } from "./ecg.js";
import { $$, h } from "./dom.js";
import { Strip } from "./strip.js";
import { t } from "./words.js";

const MM_PER_S = 25;
const MM_PER_MV = 10;
const HEIGHT_MM = 30;

async function draw(paper) {
  const { recording, first, end } = paper.dataset;
  let ecg;
  try {
    ecg = await loadEcg(recording, Number(first), Number(end));
  } catch (error) {
    paper.replaceChildren(h("p", { class: "problem", text: error.message }));
    return;
  }
  const strip = new Strip(paper, { heightMm: HEIGHT_MM });
  const paint = () => strip.draw({
    ecg, samples: ecg.leads[0].filtered, from: 0, band: null, mmPerS: MM_PER_S, mmPerMv: MM_PER_MV,
  });
  paint();
  new ResizeObserver(paint).observe(paper);
  paper.after(h("p", { class: "smallest ter",
    text: t("care.scale", { speed: MM_PER_S, gain: MM_PER_MV, lead: ecg.leads[0].name }) }));
}

export function drawMoments() {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "200px" });
  $$(".paper[data-recording]").forEach((paper) => seen.observe(paper));
}
