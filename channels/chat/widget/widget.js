/** Puts the chat on a site: `<script src="https://…/chat/widget.js" async></script>`.
 *
 * data-language, data-color (#rrggbb), data-theme (light, dark) and data-position (left, right) set it up.
 * The chat itself is a frame from its own server, so neither page can read or spoil the other.
 */
(() => {
  const script = document.currentScript;
  if (!script || window.onewindowChat) return;

  const WORDS = {
    en: { open: "Open the chat", close: "Close the chat", title: "Chat" },
    ru: { open: "Открыть чат", close: "Закрыть чат", title: "Чат" },
  };
  const PREFIX = "onewindow.chat.";
  const base = new URL(".", script.src);
  const { language, color, theme, position } = script.dataset;
  const wishes = [language, document.documentElement.lang, navigator.language];
  const spoken = wishes.map((wish) => (wish ?? "").slice(0, 2).toLowerCase()).find((wish) => wish in WORDS) ?? "en";
  const words = WORDS[spoken];

  const STYLE = `
    :host { all: initial; }
    button { position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483000; inline-size: 60px;
      block-size: 60px; padding: 0; border: 0; border-radius: 50%; display: grid; place-items: center; cursor: pointer;
      color: var(--on); background: var(--accent); box-shadow: 0 6px 24px rgb(0 0 0 / 0.24); transition: transform 0.15s; }
    button:hover { transform: scale(1.05); }
    button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
    svg { inline-size: 30px; block-size: 30px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round;
      stroke-linejoin: round; grid-area: 1 / 1; transition: opacity 0.15s, transform 0.15s; }
    button[aria-expanded="true"] .say, button[aria-expanded="false"] .shut { opacity: 0; transform: rotate(30deg) scale(0.6); }
    .count { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-inline-size: 22px; block-size: 22px;
      padding: 0 6px; box-sizing: border-box; border-radius: 11px; font: 600 13px/22px system-ui, sans-serif; color: #fff;
      background: #c62828; text-align: center; }
    .count[hidden] { display: none; }
    iframe { position: fixed; inset-block-end: 96px; inset-inline-end: 20px; z-index: 2147483000; inline-size: 392px;
      block-size: min(680px, calc(100vh - 116px)); border: 0; border-radius: 16px; background: transparent; color-scheme: none;
      box-shadow: 0 12px 48px rgb(0 0 0 / 0.28); opacity: 0; visibility: hidden; transform: translateY(12px);
      transition: opacity 0.15s, transform 0.15s, visibility 0s 0.15s; }
    /* It opens at once: while a frame of another origin fades in, browsers give what is pressed in it to the site. */
    iframe.open { opacity: 1; visibility: visible; transform: none; transition: none; }
    .left button, .left iframe { inset-inline: 20px auto; }
    @media (max-width: 480px), (max-height: 480px) {
      iframe { inset: 0; inline-size: 100vw; block-size: 100vh; block-size: 100dvh; border-radius: 0; }
      .left iframe { inset: 0; }
      button[aria-expanded="true"] { display: none; }
    }
    @media (prefers-reduced-motion: reduce) { button, svg, iframe { transition: none; } }
    @media print { button, iframe { display: none; } }
  `;

  const accent = /^#[0-9a-f]{6}$/i.test(color ?? "") ? color : "#1d5fd1";
  const host = document.createElement("div");
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet(); // the site's own policy may forbid inline styles, never these
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];

  function svg(kind, ...outlines) {
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    picture.setAttribute("viewBox", "0 0 24 24");
    picture.setAttribute("class", kind);
    picture.setAttribute("aria-hidden", "true");
    for (const outline of outlines) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", outline);
      picture.append(path);
    }
    return picture;
  }

  const corner = document.createElement("div");
  corner.className = position === "left" ? "left" : "right";
  corner.style.setProperty("--accent", accent);
  corner.style.setProperty("--on", isLight(accent) ? "#14181f" : "#ffffff");
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  const count = document.createElement("span");
  count.className = "count";
  count.hidden = true;
  button.append(
    svg("say", "M4.5 5h15a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5H11l-4.5 4v-4h-2A1.5 1.5 0 0 1 3 15.5v-9A1.5 1.5 0 0 1 4.5 5Z", "M8 11v.01M12 11v.01M16 11v.01"),
    svg("shut", "m6 9.5 6 6 6-6"),
    count,
  );
  corner.append(button);
  shadow.append(corner);

  let frame = null;
  let ready = false;
  let open = false;

  function load() {
    if (frame) return;
    frame = document.createElement("iframe");
    frame.title = words.title;
    frame.allow = "clipboard-write";
    const wishes = new URLSearchParams({ language: spoken, page: location.href });
    if (color) wishes.set("color", color);
    if (theme) wishes.set("theme", theme);
    frame.src = `${new URL("frame", base)}#${wishes}`;
    corner.prepend(frame);
  }

  function tell() {
    if (ready) frame.contentWindow.postMessage({ onewindow: open ? "show" : "hide", page: location.href }, base.origin);
  }

  function show(on) {
    open = on;
    load();
    frame.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
    label();
    tell();
    if (open) frame.focus();
    else button.focus();
  }

  function label(unread = 0) {
    count.hidden = open || !unread;
    count.textContent = unread > 9 ? "9+" : String(unread);
    button.setAttribute("aria-label", `${open ? words.close : words.open}${unread && !open ? ` (${unread})` : ""}`);
  }

  function isLight(hex) {
    const [red, green, blue] = [1, 3, 5].map((place) => {
      const part = Number.parseInt(hex.slice(place, place + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.4;
  }

  /** Some browsers give the frame no storage of its own: then it asks us to keep what it must remember. */
  function keep(name, text) {
    try {
      if (text === null) localStorage.removeItem(PREFIX + name);
      else localStorage.setItem(PREFIX + name, text);
    } catch {
      // the visitor forbids this site to remember anything
    }
  }

  function kept() {
    try {
      const names = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
      return Object.fromEntries(names.map((key) => [key.slice(PREFIX.length), localStorage.getItem(key)]));
    } catch {
      return {};
    }
  }

  button.addEventListener("click", () => show(!open));
  addEventListener("message", ({ source, origin, data }) => {
    if (!frame || source !== frame.contentWindow || origin !== base.origin) return;
    const acts = {
      ready: () => {
        ready = true;
        if (open) frame.focus(); // what was focused while it loaded is gone
        tell();
      },
      close: () => show(false),
      unread: () => label(Number(data.count) || 0),
      spoke: () => keep("spoke", "true"),
      keep: () => keep(data.name, data.text),
      recall: () => frame.contentWindow.postMessage({ onewindow: "kept", kept: kept() }, base.origin),
    };
    acts[data?.onewindow]?.();
  });

  label();
  (document.body ?? document.documentElement).append(host);
  if (kept().spoke) (window.requestIdleCallback ?? setTimeout)(load);
  window.onewindowChat = { open: () => show(true), close: () => show(false) };
})();
