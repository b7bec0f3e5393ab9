/** The site around us. Where there is none, the page stands for itself. */

/** Events: `show` when the site opens the chat. */
export class Host extends EventTarget {
  constructor({ embedded, language, words }) {
    super();
    this.embedded = embedded;
    const wishes = new URLSearchParams(location.hash.slice(1));
    this.language = [wishes.get("language"), language].map((wish) => wish?.slice(0, 2)).find((wish) => wish in words);
    this.page = wishes.get("page") ?? (embedded ? "" : location.href.split("#")[0]);
    this.shown = !embedded;
    this.count = 0;
    const theme = wishes.get("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    this.paint(wishes.get("color"));
  }

  /** From now on the site is heard. */
  listen() {
    if (!this.embedded) return;
    addEventListener("message", (event) => this.hear(event));
    this.tell({ onewindow: "ready" });
  }

  hear({ source, data }) {
    if (source !== parent || !["show", "hide"].includes(data?.onewindow)) return;
    this.shown = data.onewindow === "show";
    if (typeof data.page === "string") this.page = data.page;
    if (this.shown) this.dispatchEvent(new Event("show"));
  }

  tell(message) {
    if (this.embedded) parent.postMessage(message, "*");
  }

  /** What comes from now on was not seen, although the site has yet to hear of it. */
  close() {
    this.shown = !this.embedded;
    this.tell({ onewindow: "close" });
  }

  /** The site may load us at once next time. */
  spoke() {
    this.tell({ onewindow: "spoke" });
  }

  unread(count) {
    if (count === this.count) return;
    this.count = count;
    if (this.embedded) this.tell({ onewindow: "unread", count });
    else document.title = document.title.replace(/^(\(\d+\) )?/, count ? `(${count}) ` : "");
  }

  /** The site's colour, with words on it that can be read. */
  paint(color) {
    if (!/^#[0-9a-f]{6}$/i.test(color ?? "")) return;
    const [red, green, blue] = [1, 3, 5].map((place) => {
      const part = Number.parseInt(color.slice(place, place + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue; // WCAG 2.2, relative luminance
    const { style } = document.documentElement;
    style.setProperty("--accent", color);
    style.setProperty("--on-accent", light > 0.4 ? "#14181f" : "#ffffff");
  }
}
