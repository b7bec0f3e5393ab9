// Keyboard shortcuts: one list that is both obeyed and shown.

import { gettext } from "./words.js";

const shortcuts = new Map();
let prefix = "";
let prefixTimer = 0;

const writing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

// A key is a letter ("r"), a sign ("/") or two letters one after the other ("g i").
export function shortcut(keys, name, action) {
  shortcuts.set(keys, { name, action });
}

// The letter of a key wherever it stands: with a Russian layout "r" gives "к", and its code is still KeyR.
function letter(event) {
  if (/^Key[A-Z]$/.test(event.code) && !/^[a-z]$/i.test(event.key)) return event.code[3].toLowerCase();
  if (event.code === "Slash" && event.key === ".") return "/";
  if (event.code === "Slash" && event.key === ",") return "?";
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (writing(event.target) || document.querySelector("dialog[open]")) return;
  const key = letter(event);
  const found = shortcuts.get(prefix ? `${prefix} ${key}` : key);
  const begins = !prefix && [...shortcuts.keys()].some((keys) => keys.startsWith(`${key} `));
  prefix = "";
  clearTimeout(prefixTimer);
  if (found) {
    if (found.action(event) !== false) event.preventDefault();
  } else if (begins) {
    prefix = key;
    prefixTimer = setTimeout(() => (prefix = ""), 1200);
  }
}

function show() {
  const list = document.getElementById("keys-list");
  list.replaceChildren(
    ...[...shortcuts].map(([keys, { name }]) => {
      const item = document.createElement("li");
      const label = document.createElement("span");
      label.textContent = name;
      const combination = document.createElement("span");
      for (const key of keys.split(" ")) {
        const shown = document.createElement("kbd");
        shown.textContent = key.length === 1 ? key.toUpperCase() : key;
        combination.append(shown, " ");
      }
      item.append(label, combination);
      return item;
    }),
  );
  document.getElementById("keys").showModal();
}

export function listenForKeys() {
  document.addEventListener("keydown", onKey);
  shortcut("?", gettext("This list"), show);
  document.querySelector("[data-opens=keys]")?.addEventListener("click", show);
}
