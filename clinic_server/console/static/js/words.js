// Codes to words. The page carries its sentences; numbers are formatted before they go in.

const sentences = JSON.parse(document.getElementById("words")?.textContent || "{}");

export const locale = document.documentElement.dataset.locale || "zh_CN";
export const isChinese = locale === "zh_CN";
const zone = document.documentElement.dataset.zone || undefined;

const UNIT_GAP = /(\d) (?=[%°A-Za-zµ\u4e00-\u9fff])/g;

/** Say a code; an unknown one stays visible as itself. */
export function t(code, params = {}) {
  const sentence = sentences[code];
  if (sentence === undefined) return code;
  return sentence
    // {n} or, with the word that goes with the number, {n:beat|beats}
    .replace(/\{(\w+)(?::([^|{}]*)\|([^{}]*))?\}/g, (whole, name, one, many) => {
      if (!(name in params)) return whole;
      const value = String(params[name]);
      return one === undefined ? value : `${value} ${value === "1" ? one : many}`;
    })
    .replace(UNIT_GAP, "$1\u00a0");
}

export function known(code) {
  return code in sentences;
}

const hms = new Intl.DateTimeFormat("en-GB", {
  timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const hm = new Intl.DateTimeFormat("en-GB", {
  timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

/** 03:14:23 in the clinic's time zone. */
export const timeOfDay = (ms) => hms.format(ms);
/** 03:14 in the clinic's time zone. */
export const shortTime = (ms) => hm.format(ms);

const two = (n) => String(n).padStart(2, "0");

/** How long: 42 秒, 22 分, 1 小时 10 分, 2 天 3 小时. */
export function span(ms, { seconds = false, long = false } = {}) {
  const total = Math.max(0, Math.floor(ms / 1000));
  if (total < 60) return t("common.seconds", { n: total });
  const minutes = Math.floor(total / 60);
  if (seconds && minutes < 10) {
    return t("common.minutes_seconds", { m: minutes, s: two(total % 60) });
  }
  if (minutes < 60) return t(long ? "common.minutes_long" : "common.minutes", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    return minutes % 60
      ? t("common.hours_minutes", { h: hours, m: minutes % 60 })
      : t("common.hours", { h: hours });
  }
  const days = Math.floor(hours / 24);
  return hours % 24
    ? t("common.days_hours", { d: days, h: hours % 24 })
    : t("common.days", { d: days });
}

export const ago = (ms, options) => t("common.ago", { span: span(ms, options) });

/** 1:32 until something. */
export function countdown(ms) {
  const total = Math.max(0, Math.ceil(ms / 1000));
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  return hours
    ? `${hours}:${two(minutes)}:${two(total % 60)}`
    : `${minutes}:${two(total % 60)}`;
}
