// The inbox: opens cases beside the list without leaving the page, and knows the keys of both.

import { enterCase, leaveCase, listenToCase, listQuery, openCase } from "./case.js";
import { forgetOldDrafts } from "./composer.js";
import { shortcut } from "./keys.js";
import { listenToList, markSeen, readList, showCurrent } from "./list.js";
import { attempt, fetchHtml } from "./net.js";
import { listenToSearch } from "./search.js";
import { listenToTimeline } from "./timeline.js";
import { gettext } from "./words.js";

const panes = document.getElementById("panes");
const place = document.getElementById("case-panes");
const title = document.title;
let reading = null;

async function show(address, { push = true } = {}) {
  const url = new URL(address, location.href);
  const id = url.pathname.split("/")[2];
  reading?.abort();
  reading = new AbortController();
  const readAt = Date.now();
  place.classList.add("is-loading");
  showCurrent(id);
  let fresh;
  try {
    fresh = await fetchHtml(url.pathname + url.search, reading.signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    showCurrent(openCase()?.id);
    throw error;
  } finally {
    place.classList.remove("is-loading");
  }
  leaveCase();
  place.replaceChildren(fresh);
  panes.dataset.shows = "case";
  delete panes.dataset.card;
  if (push) history.pushState({}, "", url);
  document.title = `${id} · ${title.split(" · ").pop()}`;
  enterCase(readAt);
  showCurrent(id);
  markSeen(id);
}

function backToList({ push = true } = {}) {
  leaveCase();
  panes.dataset.shows = "list";
  if (push) history.pushState({}, "", `/inbox?${listQuery()}`);
  document.title = title;
  const current = document.querySelector("#rows a[aria-current]") ?? document.querySelector("#rows a");
  current?.focus();
}

function followLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.target || link.hasAttribute("download")) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin) return;
    if (/^\/cases\/\w+$/.test(url.pathname)) {
      event.preventDefault();
      attempt(() => show(link.href));
    } else if (link.matches("[data-back]") && matchMedia("(max-width: 860px)").matches) {
      event.preventDefault();
      backToList();
    } else if (link.matches(".list-tabs a")) {
      event.preventDefault();
      attempt(() => changeList(url.search.slice(1)));
    }
  });
  addEventListener("popstate", () => {
    if (/^\/cases\/\w+$/.test(location.pathname)) attempt(() => show(location.href, { push: false }));
    else backToList({ push: false });
  });
}

async function changeList(query) {
  document.getElementById("search-field").value = "";
  document.getElementById("found").hidden = true;
  document.getElementById("list-body").hidden = false;
  await readList(query);
  const list = new URLSearchParams(query).get("list") ?? "mine";
  document.querySelector("#filters [name=list]").value = list;
  for (const tab of document.querySelectorAll(".list-tabs a")) {
    if (tab.dataset.list === list) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  const here = openCase() ? `/cases/${openCase().id}` : "/inbox";
  history.replaceState({}, "", `${here}?${query}`);
}

function chooseFilters() {
  const form = document.getElementById("filters");
  const button = document.getElementById("filters-button");
  button.addEventListener("click", () => {
    form.hidden = !form.hidden;
    button.setAttribute("aria-expanded", String(!form.hidden));
  });
  const apply = () => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    button.classList.toggle("on", query.size > 1);
    attempt(() => changeList(query.toString()));
  };
  form.addEventListener("change", apply);
  form.querySelector("a").addEventListener("click", (event) => {
    event.preventDefault();
    form.querySelectorAll("select").forEach((select) => (select.value = ""));
    apply();
  });
}

function toggleCard() {
  if (panes.dataset.card === undefined) panes.dataset.card = "";
  else delete panes.dataset.card;
  document.querySelector(panes.dataset.card === undefined ? "[data-card]" : "[data-card-closes]")?.focus();
}

function knowKeys() {
  const press = (selector) => () => {
    const control = document.querySelector(selector);
    if (!control || control.hidden) return false;
    control.click();
    return true;
  };
  const write = (mode) => () => {
    const tab = document.querySelector(`#composer [data-mode=${mode}]`);
    if (!tab || tab.hidden) return false;
    tab.click();
    return true;
  };
  shortcut("Enter", gettext("Open the chosen case"), (event) => event.target.closest?.("a, button, summary") ? false : press("#rows a[aria-current]")());
  shortcut("r", gettext("Answer"), write("answer"));
  shortcut("n", gettext("Note for colleagues"), write("note"));
  shortcut("s", gettext("Saved replies"), () => write("answer")() && press("#replies")());
  shortcut("a", gettext("Accept the case"), () => press("[data-accept]")() || press("#case-head .primary[data-act]")());
  shortcut("t", gettext("Transfer"), press("#case-head [data-sheet$='/transfer']"));
  shortcut("d", gettext("Decide and close"), press("#case-head [data-sheet$='/decide']"));
  shortcut("o", gettext("Reopen"), press("#case-head [data-sheet$='/reopen']"));
  shortcut("e", gettext("Change the customer's card"), press("#customer-pane [data-sheet$='/edit']"));
  shortcut("h", gettext("This case or everything"), press(".before a:not([aria-current])"));
  shortcut("c", gettext("Customer's card"), toggleCard);
  shortcut("f", gettext("Filters"), press("#filters-button"));
  for (const [number, name] of Object.entries({ 1: "mine", 2: "queue", 3: "all", 4: "closed" })) {
    const tab = document.querySelector(`.list-tabs [data-list=${name}]`);
    shortcut(number, gettext("List: %(name)s", { name: tab.firstChild.textContent.trim() }), press(`.list-tabs [data-list=${name}]`));
  }
  shortcut("Escape", gettext("Back to the list"), () => {
    if (panes.dataset.card !== undefined) toggleCard();
    else if (panes.dataset.shows === "case") (document.querySelector("#rows a[aria-current]") ?? document.querySelector("#rows a"))?.focus();
  });
}

listenToList();
listenToSearch();
listenToCase();
listenToTimeline();
followLinks();
chooseFilters();
knowKeys();
forgetOldDrafts();
document.addEventListener("click", (event) => event.target.closest("[data-card], [data-card-closes]")?.matches("button") && toggleCard());
const current = document.querySelector("#rows a[aria-current]")?.parentElement.dataset.case;
enterCase(performance.timeOrigin);
if (current) markSeen(current);
