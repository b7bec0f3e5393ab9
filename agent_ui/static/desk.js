// The desk: fields that follow the channel, the customer found while one types, scans, and a draft that survives.

import { attempt, fetchHtml, Refusal, send, toast } from "./net.js";
import { gettext } from "./words.js";

const form = document.getElementById("desk-form");
const search = document.getElementById("desk-search");
const found = document.getElementById("desk-found");
const chosen = document.getElementById("desk-chosen");
const who = document.getElementById("desk-who");
const files = document.getElementById("desk-files");
const DRAFT = "desk-draft";
const KEPT = ["channel", "name", "reach", "number", "postal", "subject", "text", "dated", "happened_at", "duration", "answered"];

// What it was

function follow() {
  form.dataset.channel = form.elements.channel.value;
}

// Who

let timer = 0;
let asking = null;
let place = -1;

function options() {
  return [...found.querySelectorAll("[data-customer]")];
}

function select(next) {
  const all = options();
  place = all.length ? (next + all.length) % all.length : -1;
  all.forEach((one, number) => one.setAttribute("aria-selected", String(number === place)));
  search.setAttribute("aria-activedescendant", place < 0 ? "" : all[place].id);
  all[place]?.scrollIntoView({ block: "nearest" });
}

async function look() {
  asking?.abort();
  asking = new AbortController();
  const words = search.value.trim();
  try {
    found.replaceChildren(words.length < 2 ? "" : await fetchHtml(`/desk/customers?q=${encodeURIComponent(words)}`, asking.signal));
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Refusal)) throw error;
    toast(error.message, "danger");
  }
  search.setAttribute("aria-expanded", String(options().length > 0));
  select(-1);
  place = -1;
  options().forEach((one) => one.setAttribute("aria-selected", "false"));
  prefill(words);
}

// Nobody was found by it: what was typed is likely the new customer's.
function prefill(words) {
  if (options().length || words.length < 5) return unguess();
  const isNumber = /^\+?[\d\s().-]+$/.test(words);
  for (const name of ["reach", "number"]) {
    const field = form.elements[name];
    if (!field.value || field.dataset.guessed) {
      const fits = isNumber || (name === "reach" && words.includes("@"));
      field.value = fits ? words : "";
      field.dataset.guessed = "1";
    }
  }
}

function unguess() {
  for (const field of form.querySelectorAll("[data-guessed]")) {
    field.value = "";
    delete field.dataset.guessed;
  }
}

function choose(id) {
  return attempt(async () => {
    chosen.replaceChildren(await fetchHtml(`/desk/customers/${encodeURIComponent(id)}`));
    form.elements.customer_id.value = id;
    who.hidden = true;
    search.value = "";
    found.replaceChildren();
    unguess();
    const name = chosen.querySelector("[data-name]").dataset.name;
    if (!form.elements.name.value) form.elements.name.value = name;
    form.elements.subject.focus();
  });
}

function chooseAnew() {
  chosen.replaceChildren();
  form.elements.customer_id.value = "";
  form.elements.name.value = "";
  who.hidden = false;
  search.focus();
}

// Files

let kept = new DataTransfer();

function showFiles() {
  files.files = kept.files;
  const list = document.getElementById("desk-files-list");
  list.querySelectorAll("img").forEach((picture) => URL.revokeObjectURL(picture.src));
  list.replaceChildren(...[...kept.files].map((file, number) => {
    const item = document.createElement("li");
    let thumb;
    if (/^image\/(png|jpeg|gif|webp)$/.test(file.type)) {
      thumb = document.createElement("img");
      thumb.src = URL.createObjectURL(file);
      thumb.alt = "";
    } else {
      thumb = document.createElement("span");
      thumb.className = "thumb";
      thumb.textContent = (file.name.split(".").pop() || "").slice(0, 4);
    }
    const name = document.createElement("span");
    name.className = "grow cut";
    name.textContent = file.name;
    const away = document.createElement("button");
    away.type = "button";
    away.className = "button plain square";
    away.textContent = "×";
    away.setAttribute("aria-label", gettext("Leave out %(name)s", { name: file.name }));
    away.addEventListener("click", () => {
      kept.items.remove(number);
      showFiles();
    });
    item.append(thumb, name, away);
    return item;
  }));
}

function addFiles(more) {
  for (const file of more) kept.items.add(file);
  showFiles();
}

// Draft

function keepDraft() {
  const draft = Object.fromEntries(KEPT.map((name) => [name, form.elements[name].value]));
  sessionStorage.setItem(DRAFT, JSON.stringify({ ...draft, customer_id: form.elements.customer_id.value }));
}

function readDraft() {
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}");
  for (const name of KEPT) if (draft[name] && !(name === "channel" && location.search)) form.elements[name].value = draft[name];
  follow();
  if (draft.customer_id) choose(draft.customer_id);
}

// Sending

function point(refusal) {
  const asked = { visit: "reach", letter: "postal", phone: "number" }[form.dataset.channel];
  const name = refusal.told.field === "sender" ? asked : refusal.told.field;
  const field = form.querySelector(`[data-field="${CSS.escape(name ?? "")}"]`);
  if (!field) return;
  const input = field.querySelector("input, textarea") ?? field;
  const wrong = document.createElement("span");
  wrong.className = "wrong";
  wrong.textContent = refusal.message;
  field.append(wrong);
  input.setAttribute("aria-invalid", "true");
  input.focus();
}

function unpoint() {
  form.querySelectorAll(".wrong").forEach((wrong) => wrong.remove());
  form.querySelectorAll("[aria-invalid]").forEach((input) => input.removeAttribute("aria-invalid"));
}

async function register() {
  unpoint();
  let answer;
  try {
    answer = await send("/desk", { method: "POST", body: new FormData(form) });
  } catch (error) {
    if (error instanceof Refusal) point(error);
    throw error;
  }
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  document.getElementById("desk-done").replaceChildren(holder.content);
  clear();
}

function clear() {
  const channel = form.elements.channel.value;
  form.reset();
  form.elements.channel.value = channel;
  form.elements.id.value = crypto.randomUUID?.().replaceAll("-", "") ?? `${Date.now()}${Math.random()}`.replace(".", "");
  kept = new DataTransfer();
  showFiles();
  chosen.replaceChildren();
  form.elements.customer_id.value = "";
  who.hidden = false;
  found.replaceChildren();
  sessionStorage.removeItem(DRAFT);
  follow();
  document.getElementById("main").scrollTo({ top: 0, behavior: "smooth" });
  search.focus({ preventScroll: true });
}

form.addEventListener("change", follow);
form.addEventListener("input", (event) => {
  delete event.target.dataset.guessed;
  keepDraft();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(register, document.getElementById("desk-send"));
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(look, 200);
});
search.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") select(place + 1);
  else if (event.key === "ArrowUp") select(place - 1);
  else if (event.key === "Enter" && place >= 0) choose(options()[place].dataset.customer);
  else if (event.key !== "Enter") return;
  event.preventDefault();
});
found.addEventListener("click", (event) => {
  const candidate = event.target.closest("[data-customer]");
  if (candidate) choose(candidate.dataset.customer);
});
chosen.addEventListener("click", (event) => event.target.closest("[data-other]") && chooseAnew());
files.addEventListener("change", () => addFiles([...files.files]));
form.addEventListener("dragover", (event) => {
  event.preventDefault();
  form.querySelector(".drop-zone").classList.add("over");
});
form.addEventListener("dragleave", () => form.querySelector(".drop-zone").classList.remove("over"));
form.addEventListener("drop", (event) => {
  event.preventDefault();
  form.querySelector(".drop-zone").classList.remove("over");
  addFiles(event.dataTransfer.files);
});

readDraft();
