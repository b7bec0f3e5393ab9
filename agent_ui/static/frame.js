// What every page does: keeps clocks true, opens menus, knows the keys, listens.

import "./zone.js";
import { listenForKeys, shortcut } from "./keys.js";
import { listen, on } from "./live.js";
import { attempt, post } from "./net.js";
import { listenToOffers } from "./offers.js";
import { listenToRinging } from "./ringing.js";
import { listenForSheets } from "./sheet.js";
import { gettext, language } from "./words.js";

export function lasting(seconds) {
  const minutes = Math.max(0, Math.floor(seconds / 60));
  if (minutes < 1) return gettext("< 1 min");
  if (minutes < 60) return gettext("%(n)s min", { n: minutes });
  if (minutes < 48 * 60) return gettext("%(n)s h", { n: Math.floor(minutes / 60) });
  return gettext("%(n)s d", { n: Math.floor(minutes / 1440) });
}

function tick() {
  for (const time of document.querySelectorAll("time[data-since]")) {
    const shown = lasting((Date.now() - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== shown) time.textContent = shown;
  }
}

function openMenus() {
  const button = document.getElementById("me-button");
  const menu = document.getElementById("me-menu");
  const toggle = (shown) => {
    menu.hidden = !shown;
    button.setAttribute("aria-expanded", String(shown));
  };
  button.addEventListener("click", () => toggle(menu.hidden));
  document.addEventListener("click", (event) => {
    if (!menu.hidden && !event.target.closest("#me-menu, #me-button")) toggle(false);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    toggle(false);
    button.focus();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
    // A click on the backdrop is a click on the dialog itself.
    else if (event.target instanceof HTMLDialogElement) event.target.close();
  });
}

function chooseTheme() {
  for (const choice of document.querySelectorAll("[data-theme-choice]")) {
    choice.addEventListener("click", () => {
      const theme = choice.dataset.themeChoice;
      document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
      if (theme) document.documentElement.dataset.theme = theme;
      else delete document.documentElement.dataset.theme;
      for (const other of document.querySelectorAll("[data-theme-choice]"))
        other.setAttribute("aria-pressed", String(other === choice));
    });
  }
}

function showStatus(status) {
  document.getElementById("my-status").className = `dot ${status}`;
  for (const button of document.querySelectorAll("[data-status]"))
    button.setAttribute("aria-pressed", String(button.dataset.status === status));
}

function chooseStatus() {
  showStatus(localStorage.getItem("status") === "away" ? "away" : "ready");
  for (const button of document.querySelectorAll("[data-status]")) {
    button.addEventListener("click", () =>
      attempt(async () => {
        await post("/me/status", { status: button.dataset.status });
        localStorage.setItem("status", button.dataset.status);
        showStatus(button.dataset.status);
      }, button));
  }
  // Another tab of mine, or a supervisor, chose for all of them.
  on("presence", (event) => {
    const status = event.data?.status;
    if (event.employee_id !== document.body.dataset.me || !["ready", "away"].includes(status)) return;
    localStorage.setItem("status", status);
    showStatus(status);
  });
}

if (document.body.dataset.me) {
  listenForKeys();
  for (const link of document.querySelectorAll(".rail a[data-key]"))
    shortcut(`g ${link.dataset.key}`, gettext("Go to: %(page)s", { page: link.dataset.name }), () => link.click());
  openMenus();
  listenForSheets();
  chooseTheme();
  chooseStatus();
  tick();
  setInterval(tick, 15_000);
  listen();
  listenToOffers();
  listenToRinging();
}
document.documentElement.dataset.ready = language;
