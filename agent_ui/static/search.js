// Search by anything: results as one types.

import { shortcut } from "./keys.js";
import { fetchHtml, Refusal } from "./net.js";
import { gettext } from "./words.js";

const field = document.getElementById("search-field");
const found = document.getElementById("found");
const list = document.getElementById("list-body");
let timer = 0;
let reading = null;

function show(shown) {
  if (!list) return;
  found.hidden = !shown;
  list.hidden = shown;
}

async function read() {
  reading?.abort();
  reading = new AbortController();
  const words = field.value.trim();
  if (!words && list) return show(false);
  show(true);
  found.classList.add("is-loading");
  try {
    found.replaceChildren(await fetchHtml(`/search?q=${encodeURIComponent(words)}`, reading.signal));
    found.classList.remove("is-loading");
  } catch (error) {
    if (!(error instanceof Refusal) && error.name !== "AbortError") throw error;
  }
}

export function listenToSearch() {
  if (!field) return;
  shortcut("/", gettext("Search everywhere"), () => {
    document.getElementById("panes")?.setAttribute("data-shows", "list");
    field.focus();
    field.select();
  });
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(read, 160);
  });
  field.form.addEventListener("submit", (event) => {
    const first = found.querySelector("a");
    if (!list) return;
    event.preventDefault();
    if (first) first.click();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      field.value = "";
      show(false);
      field.blur();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      document.querySelector(".list-body:not([hidden]) li > a, #found li > a")?.focus();
    }
  });
}

if (!document.getElementById("panes")) listenToSearch();
