// The workstation's own settings: language and light or dark, kept in cookies for a year.

const YEAR_S = 31_536_000;

function keep(name, value) {
  document.cookie = `${name}=${value}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax`;
}

document.addEventListener("click", (event) => {
  const language = event.target.closest("[data-set-locale]");
  const theme = event.target.closest("[data-set-theme]");
  if (!language && !theme) return;
  event.preventDefault();
  if (language) keep("lang", language.dataset.setLocale);
  if (theme) keep("theme", theme.dataset.setTheme);
  location.reload();
});
