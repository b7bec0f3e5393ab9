/** What the page remembers between two visits. Where the browser forbids that, until it is closed. */

const PREFIX = "onewindow.chat.";
const forgetful = new Map();

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null; // cookies are blocked for sites within sites
  }
}

export function recall(name) {
  const text = storage()?.getItem(PREFIX + name) ?? forgetful.get(name);
  try {
    return text === undefined || text === null ? null : JSON.parse(text);
  } catch {
    return null; // somebody else wrote there
  }
}

export function remember(name, value) {
  const text = JSON.stringify(value);
  forgetful.set(name, text);
  try {
    storage()?.setItem(PREFIX + name, text);
  } catch {
    // no room left: it lives as long as the page
  }
}

export function forget(name) {
  forgetful.delete(name);
  storage()?.removeItem(PREFIX + name);
}

/** Names of everything remembered that begins so. */
export function remembered(beginning) {
  const names = new Set(forgetful.keys());
  for (const key of Object.keys(storage() ?? {})) {
    if (key.startsWith(PREFIX)) names.add(key.slice(PREFIX.length));
  }
  return [...names].filter((name) => name.startsWith(beginning));
}
