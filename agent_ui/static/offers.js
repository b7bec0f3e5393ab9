// Cases offered to me: shown on every page with the time that is left, with a sound if I wish.

import { on } from "./live.js";
import { attempt, fetchHtml, post, Refusal } from "./net.js";
import { gettext } from "./words.js";

const place = document.getElementById("offers");
const rung = new Set();
let timer = 0;

async function read() {
  const fresh = await fetchHtml("/fragments/offers");
  const focused = document.activeElement?.dataset?.accept ?? document.activeElement?.dataset?.pass;
  place.replaceChildren(fresh);
  if (focused) place.querySelector(`[data-accept="${CSS.escape(focused)}"]`)?.focus();
  for (const offer of place.querySelectorAll("[data-offer]")) {
    if (!rung.has(offer.dataset.offer)) ring(offer);
    rung.add(offer.dataset.offer);
  }
  for (const id of rung) if (!place.querySelector(`[data-offer="${CSS.escape(id)}"]`)) rung.delete(id);
  document.title = document.title.replace(/^\(\d+\) /, "");
  const number = place.childElementCount;
  if (number) document.title = `(${number}) ${document.title}`;
  tick();
}

const soon = (wait = 150) => {
  timer ||= setTimeout(() => {
    timer = 0;
    read().catch((error) => {
      if (!(error instanceof Refusal)) throw error;
      soon(3000);
    });
  }, wait);
};

function ring(offer) {
  if (localStorage.getItem("sound") === "on") beep();
  if (localStorage.getItem("notify") === "on" && document.visibilityState === "hidden" && "Notification" in window && Notification.permission === "granted") {
    // The words stay on the page: a notification is seen by whoever stands behind.
    const notification = new Notification(gettext("A case for you"), { tag: offer.dataset.offer });
    notification.addEventListener("click", () => {
      focus();
      notification.close();
    });
  }
}

function beep() {
  const audio = new AudioContext();
  [660, 880].forEach((tone, step) => {
    const voice = audio.createOscillator();
    const volume = audio.createGain();
    voice.frequency.value = tone;
    const at = audio.currentTime + step * 0.14;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.08, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.3);
    voice.connect(volume).connect(audio.destination);
    voice.start(at);
    voice.stop(at + 0.32);
  });
  setTimeout(() => audio.close(), 800);
}

function tick() {
  for (const offer of place.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.round((Date.parse(offer.dataset.until) - Date.now()) / 1000));
    offer.querySelector("[data-left]").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  }
}

export function listenToOffers() {
  const me = document.body.dataset.me;
  on("case", (event) => {
    const shown = place.querySelector(`[data-offer="${CSS.escape(event.case_id)}"]`);
    if (shown || event.data?.assignee_id === me) soon();
  });
  on("reset", () => soon());
  place.addEventListener("click", (event) => {
    const accept = event.target.closest("[data-accept]");
    const pass = event.target.closest("[data-pass]");
    if (accept) attempt(async () => {
      await post(`/cases/${accept.dataset.accept}/accept`);
      const link = document.createElement("a");
      link.href = `/cases/${accept.dataset.accept}?list=mine`;
      document.body.append(link);
      link.click(); // the inbox opens it beside the list; any other page goes there
      link.remove();
    }, accept);
    if (pass) attempt(() => post(`/cases/${pass.dataset.pass}/release`), pass);
    if (accept || pass) soon(400);
  });
  setInterval(tick, 1000);
  soon(0);
}
