// Sheets: forms that slide in over the page, and buttons that act at once.

import { attempt, fetchHtml, post, Refusal, toast } from "./net.js";
import { gettext } from "./words.js";

let sheet = null;

export async function openSheet(url) {
  const content = await fetchHtml(url);
  sheet?.remove();
  sheet = document.createElement("dialog");
  sheet.className = "sheet";
  sheet.append(content);
  sheet.setAttribute("aria-label", sheet.querySelector("h2")?.textContent.trim() ?? "");
  document.body.append(sheet);
  sheet.addEventListener("close", () => sheet?.remove());
  sheet.showModal();
  sheet.querySelector("[autofocus]")?.focus();
}

function refuse(form, told) {
  const place = form.querySelector("[data-refusal]");
  form.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
  const field = told.field && form.elements.namedItem(told.field.split(".").pop());
  if (field instanceof HTMLElement) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
  if (!place) return toast(told.message, "danger");
  place.textContent = told.message || told.title || gettext("It did not work. Try again in a moment.");
  place.hidden = false;
}

async function submit(form, submitter) {
  const fields = new FormData(form, submitter);
  fields.delete("csrf"); // the header carries it
  try {
    await post(form.action, fields);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return refuse(form, error.told);
  }
  form.closest("dialog")?.close();
  form.dispatchEvent(new CustomEvent("done", { bubbles: true, detail: form.action }));
}

export function listenForSheets() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-sheet]");
    if (opener) attempt(() => openSheet(opener.dataset.sheet), opener);
    const actor = event.target.closest("[data-act]");
    if (actor && (!actor.dataset.asks || confirm(actor.dataset.asks))) {
      const fields = actor.dataset.field ? { [actor.dataset.field]: actor.dataset.value } : {};
      attempt(async () => {
        await post(actor.dataset.act, fields);
        if (actor.closest("dialog")) actor.closest("li")?.remove();
      }, actor);
    }
  });
  document.addEventListener("change", (event) => {
    const select = event.target.closest("select[data-priority]");
    if (select) attempt(() => post(select.dataset.priority, { priority: select.value }), select);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("dialog.sheet form");
    if (!form) return;
    event.preventDefault();
    attempt(() => submit(form, event.submitter), event.submitter ?? undefined);
  });
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("dialog.sheet form");
    if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(form.querySelector(".primary"));
  });
}
