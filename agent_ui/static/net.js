// Talks to the server: sends the session's token, and turns refusals into words on the page.

import { gettext } from "./words.js";

export class Refusal extends Error {
  constructor(told, status) {
    super(told.message || told.title || "");
    this.told = told;
    this.status = status;
  }
}

export function toast(text, kind = "") {
  const toasts = document.getElementById("toasts");
  if (!toasts || !text) return;
  const item = document.createElement("div");
  item.className = `toast ${kind}`;
  item.textContent = text;
  toasts.append(item);
  setTimeout(() => item.remove(), kind === "danger" ? 8000 : 4000);
}

// Nobody has touched this page for a while: what it asks by itself must not keep the session alive.
const IDLE = 120_000;
let touched = Date.now();
for (const sign of ["pointerdown", "pointermove", "keydown", "wheel", "focus"])
  addEventListener(sign, () => (touched = Date.now()), { passive: true, capture: true });

export async function send(url, { method = "GET", body, signal, keepalive = false } = {}) {
  const headers = { "X-Requested-With": "onewindow" };
  if (Date.now() - touched > IDLE) headers["X-Idle"] = "1";
  if (method !== "GET") headers["X-CSRF-Token"] = document.body.dataset.csrf;
  let response;
  try {
    response = await fetch(url, { method, body, headers, signal, keepalive, redirect: "error", credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal({ error: "offline", message: gettext("There is no connection. What you wrote is still here.") }, 0);
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({ message: gettext("It did not work. Try again in a moment.") }));
  if (response.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  throw new Refusal(told, response.status);
}

export const post = (url, fields = {}) =>
  send(url, { method: "POST", body: fields instanceof FormData ? fields : new URLSearchParams(fields) });

export async function fetchHtml(url, signal) {
  const response = await send(url, { signal });
  const holder = document.createElement("template");
  holder.innerHTML = response.status === 204 ? "" : await response.text();
  return holder.content;
}

// Runs what a click began; a refusal is shown, anything else is a bug and stays in the console.
export async function attempt(work, control) {
  if (control?.getAttribute("aria-busy") === "true") return false;
  control?.setAttribute("aria-busy", "true");
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    toast(error.message, "danger");
    return false;
  } finally {
    control?.removeAttribute("aria-busy");
  }
}
