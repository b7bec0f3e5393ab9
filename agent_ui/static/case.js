// The open case: its timeline, head and card follow what happens; nothing is missed, nothing comes twice.

import { Composer } from "./composer.js";
import { on, pageId, since, watch } from "./live.js";
import { fetchHtml, post, Refusal } from "./net.js";
import { readyWords, showDays } from "./timeline.js";
import { gettext } from "./words.js";

const pane = () => document.querySelector("#case-pane[data-case]");
const stream = () => document.getElementById("stream");
let open = null; // { id, customer, history, composer }
const nothing = () => ({ contact: new Set(), entry: new Set(), latest: false });
let wanted = nothing();
const timers = {};
let typingTimer = 0;

const later = (name, work, wait) => {
  timers[name] ||= setTimeout(() => {
    timers[name] = 0;
    if (open) work().catch((error) => {
      if (!(error instanceof Refusal)) throw error;
    });
  }, wait);
};

const nearEnd = (place) => place.scrollHeight - place.scrollTop - place.clientHeight < 120;
const toEnd = (place) => (place.scrollTop = place.scrollHeight);
const url = (part) => `/cases/${open.id}/${part}`;
const history = () => (open.history === "all" ? "history=all" : "");

async function readItems() {
  const query = new URLSearchParams(history());
  const asked = wanted;
  wanted = nothing();
  if (asked.latest) query.set("latest", "1");
  for (const kind of ["contact", "entry"]) asked[kind].forEach((id) => query.append(kind, id));
  const id = open.id;
  try {
    const fresh = await fetchHtml(`${url("items")}?${query}`);
    if (open?.id === id) putItems(fresh);
  } catch (error) {
    for (const kind of ["contact", "entry"]) asked[kind].forEach((one) => wanted[kind].add(one));
    wanted.latest ||= asked.latest;
    throw error;
  }
}

function putItems(fresh) {
  const timeline = document.getElementById("timeline");
  const place = stream();
  const atEnd = nearEnd(place);
  let came = 0;
  for (const item of [...fresh.querySelectorAll(".item")]) {
    const old = document.getElementById(item.id);
    readyWords(item);
    if (old) {
      if (item.dataset.changed !== undefined) old.replaceWith(item);
      continue;
    }
    const before = timeline.querySelector(".earlier");
    const after = [...timeline.querySelectorAll(".item")].find((other) => other.dataset.place > item.dataset.place);
    // Older than what is shown: it comes when the earlier page is read.
    if (before && after === timeline.querySelector(".item")) continue;
    item.classList.add("fresh");
    timeline.insertBefore(item, after ?? null);
    came += 1;
  }
  showDays(timeline);
  document.getElementById("typing").textContent = "";
  if (came && atEnd) toEnd(place);
  else if (came) document.getElementById("newer").hidden = false;
}

async function readHead() {
  const fresh = await fetchHtml(`${url("head")}?${listQuery()}`);
  const head = document.getElementById("case-head");
  const focus = document.activeElement?.closest("[data-act], [data-sheet]");
  const path = focus && head.contains(focus) ? focus.dataset.act ?? focus.dataset.sheet : "";
  const viewers = document.getElementById("viewers")?.innerHTML ?? "";
  head.replaceChildren(fresh);
  document.getElementById("viewers").innerHTML = viewers;
  if (path) head.querySelector(`[data-act="${path}"], [data-sheet="${path}"]`)?.focus();
  open.composer.allow();
}

async function readCard() {
  const card = document.getElementById("customer-pane");
  const scroll = card.scrollTop;
  const fresh = await fetchHtml(url("card"));
  card.replaceChildren(fresh);
  card.scrollTop = scroll;
}

async function readViewers() {
  const fresh = await fetchHtml(url("viewers"));
  document.getElementById("viewers")?.replaceChildren(fresh);
}

async function readWays() {
  const fresh = await fetchHtml(url("ways"));
  open.composer.offerWays(fresh);
}

function onEvent(event) {
  if (!open) return;
  const here = event.case_id === open.id;
  const his = event.customer_id === open.customer;
  if (here || (his && open.history === "all")) {
    if (event.contact_id) wanted.contact.add(event.contact_id);
    if (event.data?.entry_id) wanted.entry.add(event.data.entry_id);
    // What the router did to a case (offered it, reopened it) is told as a change of the case.
    if (event.kind === "case") wanted.latest = true;
    if (wanted.contact.size || wanted.entry.size || wanted.latest) later("items", readItems, 60);
  }
  if (here && event.kind === "case") later("head", readHead, 120);
  if (here && event.kind === "contact") later("ways", readWays, 400);
  if (his && ["case", "contact", "customer"].includes(event.kind)) later("card", readCard, 500);
  if (here && event.kind === "viewing" && event.employee_id !== document.body.dataset.me) later("viewers", readViewers, 100);
  if (here && event.kind === "typing") showTyping();
}

function showTyping() {
  const line = document.getElementById("typing");
  line.textContent = gettext("The customer is typing …");
  if (nearEnd(stream())) toEnd(stream());
  clearTimeout(typingTimer);
  typingTimer = setTimeout(() => (line.textContent = ""), 6000);
}

// Everything anew, but what is being written: events were lost.
async function readAll() {
  if (!open) return;
  const fresh = await fetchHtml(`/cases/${open.id}?${listQuery()}&${history()}`);
  const timeline = fresh.querySelector("#timeline");
  if (!timeline) return;
  document.getElementById("timeline").replaceWith(timeline);
  readyWords(timeline);
  showDays(timeline);
  watchEarlier();
  await Promise.all([readHead(), readCard(), readViewers(), readWays()]);
}

let earlier = null;
function watchEarlier() {
  earlier?.disconnect();
  const more = document.querySelector("#timeline .earlier");
  if (!more) return;
  const read = async () => {
    earlier.disconnect();
    const place = stream();
    const query = new URLSearchParams(history());
    query.set("before", more.dataset.earlier);
    const fresh = await fetchHtml(`${open ? url("earlier") : `${location.pathname}/earlier`}?${query}`);
    const height = place.scrollHeight;
    readyWords(fresh);
    more.replaceWith(fresh);
    showDays(document.getElementById("timeline"));
    place.scrollTop += place.scrollHeight - height;
    watchEarlier();
  };
  earlier = new IntersectionObserver(([entry]) => entry.isIntersecting && read().catch((error) => {
    if (!(error instanceof Refusal)) throw error;
    setTimeout(watchEarlier, 3000);
  }), { root: stream(), rootMargin: "300px 0px 0px" });
  earlier.observe(more);
  more.addEventListener("click", (event) => {
    event.preventDefault();
    read();
  });
}

export const listQuery = () => document.getElementById("rows")?.dataset.query ?? "";

const say = (doing) => open && post(`/cases/${open.id}/look`, { page: pageId, doing }).catch(() => {});

export function leaveCase() {
  if (!open) return;
  const fields = new URLSearchParams({ page: pageId, doing: "gone" });
  post(`/cases/${open.id}/look`, fields).catch(() => {});
  open.composer.leave();
  open = null;
}

// `readAt` is when the pane was asked for: what happened since is applied once more.
export function enterCase(readAt) {
  open = null;
  const place = pane();
  if (!place) {
    watch([]);
    return;
  }
  open = { id: place.dataset.case, customer: place.dataset.customer, history: place.dataset.history };
  open.composer = new Composer(open.id, say);
  wanted = nothing();
  readyWords(place);
  showDays(document.getElementById("timeline"));
  toEnd(stream());
  watchEarlier();
  watch([open.id, open.customer], place.dataset.seq);
  since(readAt).forEach(onEvent);
  say(open.composer.doing);
  readViewers().catch(() => {});
  document.getElementById("newer").addEventListener("click", () => toEnd(stream()));
  stream().addEventListener("scroll", () => {
    if (nearEnd(stream())) document.getElementById("newer").hidden = true;
  }, { passive: true });
  // Pictures and letters grow after they were put in: stay at the end while there.
  const growing = new ResizeObserver(() => open && !open.scrolled && toEnd(stream()));
  growing.observe(document.getElementById("timeline"));
  growing.observe(stream());
  stream().addEventListener("wheel", () => (open.scrolled = true), { passive: true, once: true });
  stream().addEventListener("touchmove", () => (open.scrolled = true), { passive: true, once: true });
  stream().addEventListener("keydown", () => (open.scrolled = true), { once: true });
}

export const openCase = () => open;

export function listenToCase() {
  on("case contact entry delivery customer viewing typing", onEvent);
  on("reset", () => readAll().catch(() => {}));
  setInterval(() => document.visibilityState === "visible" && say(open?.composer.doing), 10_000);
  document.addEventListener("visibilitychange", () => say(document.visibilityState === "visible" ? open?.composer.doing : "gone"));
  addEventListener("pagehide", () => {
    if (!open) return;
    const fields = new URLSearchParams({ page: pageId, doing: "gone", csrf: document.body.dataset.csrf });
    navigator.sendBeacon(`/cases/${open.id}/look`, fields);
  });
}
