// Elements without a framework. Text goes in as text; nothing is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";
export const SPRITE = document.documentElement.dataset.sprite; // kept, also without a line

/** Make an element: attributes by name, `text`, `on` for listeners, `data` for data-*. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, listener);
      }
    } else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A drawing of the sprite. */
export function icon(name, className = "icon", label = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  } else svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/** An alarm mark; it flashes only while nobody has acknowledged. */
export function mark(tier, { technical = false, size = "", flashing = false, label = "" } = {}) {
  const flash = flashing && tier !== "low" ? ` flash-${tier}` : "";
  return icon(technical ? `${tier}-technical` : tier, `mark ${size}${flash}`.trim(), label);
}

/** Set text only when it differs: forty tiles a second must not repaint for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Put `text` with numbers in bold: "**18 秒**后呼叫" marks bold by double asterisks. */
export function rich(element, text) {
  if (element.dataset.rich === text) return;
  element.dataset.rich = text;
  element.replaceChildren(
    ...text.split("**").map((part, n) => (n % 2 ? h("b", { text: part }) : part)),
  );
}
