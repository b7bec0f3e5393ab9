// The administration: forms that slide in, a try of the rules, a token shown once.

import { attempt, post, send, toast } from "./net.js";
import { listenForSheets } from "./sheet.js";
import { gettext } from "./words.js";

listenForSheets();
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// What a sheet saved is seen in the page read anew.
document.addEventListener("done", () => location.reload());

async function sendForm(form, place) {
  const answer = await send(form.action, { method: "POST", body: new FormData(form) });
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  place.replaceChildren(holder.content);
}

const tryForm = document.getElementById("try");
tryForm?.addEventListener("submit", (event) => {
  event.preventDefault();
  const list = document.getElementById("rules-list");
  attempt(async () => {
    await sendForm(tryForm, list);
    list.querySelector(".verdict")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }, tryForm.querySelector(".primary"));
});

const tokenForm = document.getElementById("new-token");
tokenForm?.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await sendForm(tokenForm, document.getElementById("tokens-list"));
    tokenForm.reset();
  }, tokenForm.querySelector(".primary"));
});

document.addEventListener("click", (event) => {
  const actor = event.target.closest("[data-does]");
  if (actor && confirm(actor.dataset.asks)) {
    attempt(async () => {
      await post(actor.dataset.does, { [actor.dataset.name]: actor.dataset.value });
      location.reload();
    }, actor);
  }
  const copier = event.target.closest("[data-copies]");
  if (!copier) return;
  attempt(async () => {
    await navigator.clipboard.writeText(document.getElementById(copier.dataset.copies).textContent);
    toast(gettext("Copied."));
  }, copier);
});
