/** What the page remembers between two visits.
 *
 * Some browsers give a frame within another site no storage of its own. Then the site's page keeps it for us;
 * and where that is forbidden too, it is remembered until the page is closed.
 */

const PREFIX = "onewindow.chat.";
const SITE_ANSWERS_WITHIN = 2_000;

let storage = null;
let site = null;
const here = new Map();

/** To be awaited before anything else. */
export async function openMemory(embedded) {
  try {
    storage = window.localStorage;
  } catch {
    if (embedded) await askSite();
  }
}

function askSite() {
  return new Promise((resolve) => {
    addEventListener("message", ({ source, data }) => {
      if (source !== parent || data?.onewindow !== "kept") return;
      site = parent;
      for (const [name, text] of Object.entries(data.kept)) here.set(name, text);
      resolve();
    });
    parent.postMessage({ onewindow: "recall" }, "*");
    setTimeout(resolve, SITE_ANSWERS_WITHIN);
  });
}

export function recall(name) {
  const text = storage?.getItem(PREFIX + name) ?? here.get(name) ?? "null";
  try {
    return JSON.parse(text);
  } catch {
    return null; // somebody else wrote there
  }
}

export function remember(name, value) {
  const text = JSON.stringify(value);
  here.set(name, text);
  site?.postMessage({ onewindow: "keep", name, text }, "*");
  try {
    storage?.setItem(PREFIX + name, text);
  } catch {
    // no room left: it lives as long as the page
  }
}

export function forget(name) {
  here.delete(name);
  site?.postMessage({ onewindow: "keep", name, text: null }, "*");
  storage?.removeItem(PREFIX + name);
}

/** Names of everything remembered that begins so. */
export function remembered(beginning) {
  const names = new Set(here.keys());
  for (const key of Object.keys(storage ?? {})) {
    if (key.startsWith(PREFIX)) names.add(key.slice(PREFIX.length));
  }
  return [...names].filter((name) => name.startsWith(beginning));
}
