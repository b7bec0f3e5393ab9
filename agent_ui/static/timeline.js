// What items of a timeline can do: unfold long words, show a letter as it was laid out, stand under their day.

import { listenToFaxes } from "./fax.js";
import { attempt, toast } from "./net.js";
import { gettext, ngettext } from "./words.js";

const LONG = 460;

// Long words are cut with a way to see all of them.
export function readyWords(root) {
  requestAnimationFrame(() => {
    for (const words of root.querySelectorAll(".words[data-long]")) {
      delete words.dataset.long;
      if (words.scrollHeight <= LONG) continue;
      words.classList.add("clamped");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "shows-all";
      button.textContent = gettext("Show all of it");
      button.addEventListener("click", () => {
        words.classList.remove("clamped");
        button.remove();
      });
      words.after(button);
    }
  });
}

export function showDays(timeline) {
  timeline.querySelectorAll(".day").forEach((line) => line.remove());
  let day = "";
  for (const item of timeline.querySelectorAll(".item")) {
    if (item.dataset.day === day) continue;
    day = item.dataset.day;
    const line = document.createElement("li");
    line.className = "day";
    line.textContent = day;
    item.before(line);
  }
}

function fit(frame) {
  const page = frame.contentDocument;
  if (page?.body) frame.style.height = `${Math.min(Math.max(page.documentElement.scrollHeight, 60), 4000)}px`;
}

async function showLetter(item, pictures) {
  const place = item.querySelector(".letter");
  const address = `${place.dataset.letter}${pictures ? "&images=1" : ""}`;
  const frame = document.createElement("iframe");
  // No scripts and no forms whatever the letter holds; the same origin lets this page measure its height.
  frame.setAttribute("sandbox", "allow-same-origin allow-popups allow-popups-to-escape-sandbox");
  frame.title = gettext("The letter as it was laid out");
  frame.addEventListener("load", () => {
    fit(frame);
    for (const picture of frame.contentDocument?.images ?? []) picture.addEventListener("load", () => fit(frame));
  });
  frame.src = address;
  place.replaceChildren(frame);
  place.hidden = false;
  item.querySelector(".bubble > .words")?.setAttribute("hidden", "");
  item.querySelectorAll(".bubble > .fold, .bubble > .shows-all").forEach((fold) => fold.setAttribute("hidden", ""));
  const answer = await fetch(address, { method: "HEAD" });
  const left = Number(answer.headers.get("X-Left-Out") ?? 0);
  const button = item.querySelector("[data-shows-pictures]");
  button.hidden = pictures || left === 0;
  button.title = ngettext("%(num)s picture would be read from elsewhere", "%(num)s pictures would be read from elsewhere", left);
}

function hideLetter(item) {
  item.querySelector(".letter").hidden = true;
  item.querySelector(".letter").replaceChildren();
  item.querySelector("[data-shows-pictures]").hidden = true;
  item.querySelectorAll(".bubble > .words, .bubble > .fold, .bubble > .shows-all").forEach((part) => part.removeAttribute("hidden"));
}

export function listenToTimeline() {
  listenToFaxes();
  document.addEventListener("click", (event) => {
    const item = event.target.closest(".item");
    if (!item) return;
    if (event.target.closest("[data-writes-note]")) {
      document.getElementById("tab-note")?.click();
      document.getElementById("composer-text")?.focus();
    }
    if (event.target.closest("[data-shows-letter]")) {
      if (item.querySelector(".letter").hidden) attempt(() => showLetter(item, false));
      else hideLetter(item);
    }
    if (event.target.closest("[data-shows-pictures]")) {
      attempt(() => showLetter(item, true));
      toast(gettext("Pictures are read from the sender's servers: he may learn that you look."));
    }
  });
}
