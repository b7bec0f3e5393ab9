// Keeps the page fresh: listens to what happens, catches up after a lost connection, repeats nothing.

const listeners = new Map();
const seen = new Set();
const recent = [];
const page = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
const STALE = 40_000;
const KEPT = 500;

let source = null;
let seq = document.body.dataset.seq || "";
let watched = "";
let heardAt = Date.now();
let retry = 0;
let retryTimer = 0;
let alarm = false; // this tab keeps listening while hidden, so that an offer can ring

export const pageId = page;

// kind: one of the server's event kinds, "reset" (read everything anew) or "any".
export function on(kinds, listener) {
  for (const kind of kinds.split(" ")) {
    if (!listeners.has(kind)) listeners.set(kind, new Set());
    listeners.get(kind).add(listener);
  }
  return () => kinds.split(" ").forEach((kind) => listeners.get(kind)?.delete(listener));
}

// What came since a moment, for a part of the page that was being read meanwhile.
export const since = (at) => recent.filter((item) => item.heard >= at).map((item) => item.event);

function tell(kind, event) {
  for (const listener of [...(listeners.get(kind) ?? []), ...(listeners.get("any") ?? [])]) listener(event);
}

function hear(message) {
  heardAt = Date.now();
  if (message.lastEventId) seq = message.lastEventId;
  if (message.type !== "happened") return;
  const event = JSON.parse(message.data);
  if (seen.has(event.seq)) return;
  seen.add(event.seq);
  recent.push({ heard: Date.now(), event });
  if (recent.length > KEPT) seen.delete(recent.shift().event.seq);
  tell(event.kind, event);
}

function connect() {
  disconnect();
  const status = localStorage.getItem("status") === "away" ? "away" : "ready";
  const query = new URLSearchParams({ after: seq, page, status, watch: watched });
  source = new EventSource(`/events?${query}`);
  heardAt = Date.now();
  source.addEventListener("open", () => {
    retry = 0;
    showOffline(false);
  });
  source.addEventListener("happened", hear);
  source.addEventListener("beat", hear);
  source.addEventListener("reset", (message) => {
    hear(message);
    tell("reset", { kind: "reset" });
  });
  source.addEventListener("signed-out", () => location.assign("/login"));
  source.addEventListener("error", reconnect);
}

function disconnect() {
  clearTimeout(retryTimer);
  source?.close();
  source = null;
}

// Browsers give up on some failures, and each tries again at the same moment as all others: do it ourselves.
function reconnect() {
  disconnect();
  if (document.visibilityState === "hidden" && !alarm) return;
  retry += 1;
  if (retry > 1) showOffline(true);
  const wait = Math.min(500 * 2 ** retry, 15_000) * (0.7 + 0.6 * Math.random());
  retryTimer = setTimeout(async () => {
    // A signed-out browser gets a page instead of events: find out, rather than knock for ever.
    if (retry > 2) await fetch("/me/present", { headers: { "X-Requested-With": "onewindow" } }).then(
      (answer) => answer.status === 401 && location.assign("/login"), () => {});
    connect();
  }, wait);
}

function showOffline(shown) {
  const bar = document.getElementById("offline-bar");
  if (bar) bar.hidden = !shown;
}

// A browser opens six connections to a host over HTTP/1.1. Hidden tabs give theirs back and catch up when
// shown; one of them, the holder of this lock, goes on listening so that an offer rings.
function shareConnections() {
  if (!navigator.locks) {
    alarm = true;
    return;
  }
  navigator.locks.request("onewindow-alarm", () => {
    alarm = true;
    if (!source) connect();
    return new Promise(() => {});
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      if (!source) connect();
    } else if (!alarm) {
      disconnect();
    }
  });
}

// Customer and case that the page shows: their events come even from departments that are not ours.
// `from` is up to where their events are in the page already.
export function watch(ids, from) {
  const wanted = ids.filter(Boolean).join(",");
  if (wanted === watched) return;
  watched = wanted;
  if (from) seq = from;
  connect();
}

export function listen() {
  if (!document.body.dataset.me) return;
  shareConnections();
  if (!source) connect();
  window.addEventListener("pageshow", (event) => event.persisted && tell("reset", { kind: "reset" }));
  window.addEventListener("online", () => !source && connect());
  setInterval(() => source && Date.now() - heardAt > STALE && reconnect(), 5000);
}
