// Keeps the board fresh: reads it anew when something happens, at most every second and a half, and puts
// into the page only what changed, so that a focus or a selection stays where it is.

import { on } from "./live.js";
import { attempt, fetchHtml, post, Refusal, toast } from "./net.js";
import { gettext, ngettext, language } from "./words.js";

const AT_MOST_EVERY = 1500;
const AT_LEAST_EVERY = 20_000;
const numbers = document.getElementById("board-numbers");
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

let readAt = Date.now();
let timer = 0;
let reading = false;
let wanted = false;

function glow(old, fresh) {
  const before = [...old.querySelectorAll("[data-number]")].map((one) => one.textContent);
  fresh.querySelectorAll("[data-number]").forEach((one, place) => {
    if (before[place] !== undefined && before[place] !== one.textContent) one.classList.add("changed");
  });
}

function put(fresh) {
  const focused = document.activeElement?.id;
  for (const part of [...fresh.querySelectorAll("section[id], #fresh-at")]) {
    const old = document.getElementById(part.id);
    if (!old || old.innerHTML === part.innerHTML) continue;
    glow(old, part);
    const scrolled = old.querySelector(".agents")?.scrollTop ?? 0;
    old.replaceWith(part);
    if (scrolled) part.querySelector(".agents").scrollTop = scrolled;
  }
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
  showAge();
}

function showAge() {
  const at = document.getElementById("fresh-at")?.dateTime;
  if (at) document.getElementById("board-at").textContent = gettext("as of %(time)s", { time: clock.format(new Date(at)) });
}

async function read({ anew = false } = {}) {
  clearTimeout(timer);
  timer = 0;
  if (reading) {
    wanted = true;
    return;
  }
  reading = true;
  try {
    put(await fetchHtml(anew ? "/board/numbers?anew=1" : "/board/numbers"));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error; // the bar at the top says that there is no connection
  } finally {
    reading = false;
    readAt = Date.now();
    if (wanted) {
      wanted = false;
      soon();
    }
  }
}

function soon() {
  if (timer || document.visibilityState === "hidden") return;
  timer = setTimeout(read, Math.max(100, readAt + AT_MOST_EVERY - Date.now()));
}

function act(form) {
  const button = form.querySelector("button:not([type])");
  const waiting = document.querySelectorAll("[data-drops]").length;
  return attempt(async () => {
    await post(form.action, new FormData(form));
    form.closest("dialog")?.close();
    await read({ anew: true });
    const left = document.querySelectorAll("[data-drops]").length;
    if (left < waiting) toast(gettext("Done."));
    else toast(ngettext("%(num)s contact still cannot be routed.", "%(num)s contacts still cannot be routed.", left), "danger");
  }, button);
}

on("case contact entry presence channel dead_letter reset", soon);
setInterval(() => Date.now() - readAt > AT_LEAST_EVERY && soon(), 5000);
document.addEventListener("visibilitychange", soon);

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-board-act]")) return;
  event.preventDefault();
  act(event.target);
});

numbers.addEventListener("click", (event) => {
  const button = event.target.closest("[data-drops]");
  if (!button) return;
  const dialog = document.getElementById("drop");
  dialog.querySelector("[name=id]").value = button.dataset.drops;
  dialog.showModal();
});

document.getElementById("board-wall").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.getElementById("board").requestFullscreen();
});

showAge();
