// What the scripts say, in the language of the page.

const block = document.getElementById("words");
const words = block ? JSON.parse(block.textContent) : {};
export const language = document.documentElement.lang;
const plural = new Intl.PluralRules(language);
// Forms stand in the catalogue in the order of gettext: Russian one, few, many; English one, other.
const order = language === "ru" ? { one: 0, few: 1, many: 2, other: 2 } : { one: 0, other: 1 };

const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (all, name) => (name in values ? values[name] : all));

export function gettext(text, values = {}) {
  return fill(words[text] || text, values);
}

export function ngettext(one, many, num) {
  const forms = words[one] || [one, many];
  const form = forms.length === 2 ? (num === 1 ? 0 : 1) : order[plural.select(num)];
  return fill(forms[form], { num });
}
