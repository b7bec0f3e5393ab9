// The list of cases: rows come, go and move as things happen; J and K walk through them.

import { shortcut } from "./keys.js";
import { on } from "./live.js";
import { attempt, fetchHtml, Refusal } from "./net.js";
import { gettext } from "./words.js";

const SEEN = "seen-contacts";
const pane = document.getElementById("list-pane");
const body = document.getElementById("list-body");
const rows = () => document.getElementById("rows");
const SOON = 200;
const CALM = 1200;
const COUNTS = 3000;
const MOST = 250; // rows that came by themselves pile up: from so many on the list begins anew
let changed = new Set();
let timer = 0;
let readAt = 0;
let countTimer = 0;

const seen = JSON.parse(localStorage.getItem(SEEN) ?? "{}");

// What was read is remembered in this browser: a dot tells what came since.
export function markSeen(caseId) {
  const row = rows()?.querySelector(`[data-case="${CSS.escape(caseId)}"]`);
  if (row) seen[caseId] = Number(row.dataset.contacts);
  const kept = Object.entries(seen).slice(-500);
  localStorage.setItem(SEEN, JSON.stringify(Object.fromEntries(kept)));
  row?.classList.remove("is-unread");
}

function markUnread() {
  for (const row of rows().children) {
    const id = row.dataset.case;
    // In somebody else's list everything is new to me: only what I once looked at can be news.
    const known = rows().dataset.list === "mine" ? seen[id] ?? 0 : seen[id] ?? Infinity;
    if (id) row.classList.toggle("is-unread", Number(row.dataset.contacts) > known && !row.classList.contains("ours"));
  }
}

export function showCurrent(caseId) {
  for (const link of rows().querySelectorAll("a[aria-current]")) link.removeAttribute("aria-current");
  rows().querySelector(`[data-case="${CSS.escape(caseId ?? "")}"] > a`)?.setAttribute("aria-current", "true");
}

function put(fresh) {
  const old = document.querySelector(`#rows [data-case="${CSS.escape(fresh.dataset.case)}"]`);
  const current = old?.querySelector("a[aria-current]");
  const focused = old?.contains(document.activeElement);
  const list = rows();
  const after = [...list.children].find((row) => row !== old && (row.dataset.more !== undefined || row.dataset.place > fresh.dataset.place));
  const beyond = after?.dataset.more !== undefined && !old;
  if (beyond) return; // it comes with the next page
  if (current) fresh.firstElementChild.setAttribute("aria-current", "true");
  if (!old || Number(old.dataset.contacts) < Number(fresh.dataset.contacts)) fresh.classList.add("fresh");
  old?.remove();
  list.insertBefore(fresh, after ?? null);
  if (focused) fresh.firstElementChild.focus({ preventScroll: true });
}

// Rows come and go above what somebody reads: what he reads stays where it is.
function stayInPlace(change) {
  const seen = body.scrollTop ? [...rows().children].filter((row) => row.offsetTop + row.offsetHeight > body.scrollTop) : [];
  const before = seen.map((row) => row.offsetTop);
  change();
  const at = seen.findIndex((row) => row.isConnected);
  if (at >= 0) body.scrollTop += seen[at].offsetTop - before[at];
}

async function refreshRows() {
  timer = 0;
  readAt = Date.now();
  const ids = [...changed];
  changed = new Set();
  const query = new URLSearchParams(rows().dataset.query);
  ids.forEach((id) => query.append("id", id));
  try {
    const fresh = await fetchHtml(`/fragments/rows?${query}`);
    const there = new Map([...fresh.querySelectorAll("[data-case]")].map((row) => [row.dataset.case, row]));
    stayInPlace(() => {
      for (const id of ids) {
        if (there.has(id)) put(there.get(id));
        else rows().querySelector(`[data-case="${CSS.escape(id)}"]`)?.remove();
      }
    });
    settle();
    if (rows().childElementCount > MOST && body.scrollTop < 100) await readList(rows().dataset.query);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    ids.forEach((id) => changed.add(id)); // asked again with the next event
  }
}

function settle() {
  markUnread();
  const empty = document.getElementById("list-empty");
  if (empty) empty.hidden = rows().querySelector("[data-case], [data-more]") !== null;
  // A case that is open in this window has been read.
  const current = rows().querySelector("a[aria-current]");
  if (current && document.visibilityState === "visible") markSeen(current.parentElement.dataset.case);
}

async function refreshCounts() {
  countTimer = 0;
  const tabs = document.getElementById("list-tabs");
  try {
    const fresh = await fetchHtml(`/fragments/counts?${rows().dataset.query}`);
    if (!tabs.contains(document.activeElement)) tabs.replaceChildren(fresh);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

// Whether what happened may change this list: most of what happens in a large house does not.
function concerns(event) {
  if (rows().querySelector(`[data-case="${CSS.escape(event.case_id)}"]`)) return true;
  const { state, assignee_id: assignee } = event.data ?? {};
  if (rows().dataset.list === "mine") return assignee === document.body.dataset.me;
  if (rows().dataset.list === "closed") return state === "closed";
  return event.kind === "contact" || state !== "closed";
}

function onEvent(event) {
  if (!event.case_id) return;
  if (event.kind === "case" && !countTimer) {
    const mine = event.data?.assignee_id === document.body.dataset.me;
    countTimer = setTimeout(refreshCounts, mine ? SOON : COUNTS);
  }
  if (!concerns(event)) return;
  changed.add(event.case_id);
  // What comes alone is shown at once; what comes in streams is shown once a second.
  timer ||= setTimeout(refreshRows, Date.now() - readAt > CALM ? SOON : CALM);
}

// Another list, or this one anew.
export async function readList(query, { keepScroll = false } = {}) {
  const scroll = body.scrollTop;
  const current = rows().querySelector("a[aria-current]")?.parentElement.dataset.case;
  body.classList.add("is-loading");
  try {
    const fresh = await fetchHtml(`/fragments/list?${query}`);
    body.replaceChildren(fresh);
    body.scrollTop = keepScroll ? scroll : 0;
    showCurrent(current);
    settle();
    watchEnd();
    refreshCounts();
  } finally {
    body.classList.remove("is-loading");
  }
}

let ends = null;

async function readMore(more) {
  const fresh = await fetchHtml(`/fragments/list?${rows().dataset.query}&after=${encodeURIComponent(more.dataset.more)}`);
  let came = 0;
  for (const row of fresh.querySelectorAll("[data-case]")) {
    if (document.querySelector(`#rows [data-case="${CSS.escape(row.dataset.case)}"]`)) row.remove();
    else came += 1;
  }
  more.replaceWith(fresh);
  settle();
  return came;
}

// The next page is read when the end of this one comes into view. After one in which the filters left
// nothing it waits to be asked: the next hit may be far away.
function watchEnd() {
  ends?.disconnect();
  const more = rows().querySelector("[data-more]");
  if (!more) return;
  const read = () => attempt(async () => ((await readMore(more)) ? watchEnd() : watchClick()));
  ends = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    ends.disconnect();
    read();
  }, { root: body, rootMargin: "400px" });
  ends.observe(more);
  watchClick();
}

function watchClick() {
  const more = rows().querySelector("[data-more]");
  more?.querySelector("a").addEventListener("click", (event) => {
    event.preventDefault();
    attempt(async () => {
      await readMore(more);
      watchEnd();
    }, more);
  });
}

function step(by) {
  const links = [...pane.querySelectorAll(".list-body:not([hidden]) li > a")];
  if (!links.length) return false;
  const from = links.findIndex((link) => link === document.activeElement);
  const current = links.findIndex((link) => link.hasAttribute("aria-current"));
  const at = from >= 0 ? from + by : current >= 0 ? current + by : by > 0 ? 0 : links.length - 1;
  const link = links[Math.max(0, Math.min(at, links.length - 1))];
  link.focus();
  link.scrollIntoView({ block: "nearest" });
  return true;
}

export function listenToList() {
  on("case contact", onEvent);
  on("reset", () => readList(rows().dataset.query, { keepScroll: true }));
  shortcut("j", gettext("Next case"), () => step(1));
  shortcut("k", gettext("Previous case"), () => step(-1));
  pane.addEventListener("keydown", (event) => {
    if (!event.target.matches("li > a") || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    if (step(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
  });
  settle();
  watchEnd();
}
