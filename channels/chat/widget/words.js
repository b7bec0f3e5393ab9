/** The words of the page in the visitor's language, and his way to write times, sizes and names. */

export class Words {
  constructor(texts, language) {
    this.language = language;
    this.texts = texts;
    this.plural = new Intl.PluralRules(language);
    this.clock = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
    this.date = new Intl.DateTimeFormat(language, { day: "numeric", month: "long" });
    this.dateOfYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
  }

  /** A text with its places filled; where it has plural forms, `count` chooses among them. */
  say(name, places = {}) {
    const text = this.texts[name];
    const form = typeof text === "string" ? text : (text[this.plural.select(places.count)] ?? text.other);
    return form.replace(/\{(\w+)\}/g, (_, place) => places[place] ?? "");
  }

  time(date) {
    return this.clock.format(date);
  }

  day(date, today = new Date()) {
    const days = Math.round((midnight(today) - midnight(date)) / 86_400_000);
    if (days === 0) return this.say("today");
    if (days === 1) return this.say("yesterday");
    return (date.getFullYear() === today.getFullYear() ? this.date : this.dateOfYear).format(date);
  }

  /** A moment ahead, as it stands after "we are back". */
  ahead(date, today = new Date()) {
    const days = Math.round((midnight(date) - midnight(today)) / 86_400_000);
    const time = this.time(date);
    if (days < 2) return this.say(days ? "ahead_tomorrow" : "ahead_today", { time });
    return this.say("ahead_later", { day: this.date.format(date), time });
  }

  size(bytes) {
    const [unit, scale] = bytes < 1_000_000 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
    const format = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: scale === 1e6 ? 1 : 0 };
    return new Intl.NumberFormat(this.language, format).format(Math.max(bytes, 1000) / scale);
  }
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
