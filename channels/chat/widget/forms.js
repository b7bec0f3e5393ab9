/** The two forms: leave a message when nobody is there, and say who you are. */

import { element } from "./dom.js";

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

function field(words, name, properties, error) {
  const id = `field-${name}`;
  const tag = properties.rows ? "textarea" : "input";
  const input = element(tag, { id, name, maxLength: 200, "aria-describedby": `${id}-problem`, ...properties });
  const problem = element("div", { class: "problem", id: `${id}-problem` }, error ?? "");
  return element("div", { class: "field" }, element("label", { htmlFor: id }, words.say(name)), input, problem);
}

function whoFields(words, profile) {
  return [
    field(words, "name", { autocomplete: "name", value: profile.name ?? "" }),
    field(words, "email", { type: "email", autocomplete: "email", value: profile.email ?? "" }),
    field(words, "phone", { type: "tel", autocomplete: "tel", value: profile.phone ?? "" }),
  ];
}

function blame(form, name, text) {
  const input = form.elements[name];
  input.setAttribute("aria-invalid", String(Boolean(text)));
  form.querySelector(`#field-${name}-problem`).textContent = text;
  return Boolean(text);
}

function read(form, ...names) {
  return Object.fromEntries(names.map((name) => [name, form.elements[name].value.trim()]));
}

/** Shown in place of the conversation; `onleave({text, name, email, phone})`. */
export function leaveForm(words, { profile, textLimit, opensAt, draft, onleave, ondraft }) {
  const when = opensAt && words.ahead(new Date(opensAt));
  const more = when ? words.say("leave_more_until", { when }) : words.say("leave_more");
  const form = element(
    "form",
    { class: "form leave", noValidate: true },
    element("h2", {}, words.say("leave_title")),
    element("p", {}, more),
    field(words, "message", { rows: 4, maxLength: textLimit, value: draft, oninput: (event) => ondraft(event.target.value) }),
    whoFields(words, profile),
    element("button", { type: "submit", class: "primary" }, words.say("leave_send")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { message, ...who } = read(form, "message", "name", "email", "phone");
    const badEmail = who.email && !EMAIL.test(who.email);
    const needsWay = !who.email && !who.phone;
    const email = badEmail ? words.say("leave_bad_email") : needsWay ? words.say("leave_need_way") : "";
    const wrong = [
      blame(form, "message", message ? "" : words.say("leave_need_text")) && "message",
      blame(form, "email", email) && "email",
    ].filter(Boolean);
    if (wrong.length) form.elements[wrong[0]].focus();
    else onleave({ text: message, ...who });
  });
  return form;
}

/** Opens over the page; `onsave({name, email, phone})`. */
export function introduce(words, { profile, onsave }) {
  const form = element(
    "form",
    { class: "form", noValidate: true },
    element("h2", { id: "introduce-title" }, words.say("introduce")),
    element("p", {}, words.say("introduce_more")),
    whoFields(words, profile),
    element(
      "div",
      { class: "buttons" },
      element("button", { type: "button", onclick: () => dialog.close() }, words.say("cancel")),
      element("button", { type: "submit", class: "primary" }, words.say("save")),
    ),
  );
  const dialog = element("dialog", { class: "sheet", "aria-labelledby": "introduce-title" }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const who = read(form, "name", "email", "phone");
    const wrong = who.email && !EMAIL.test(who.email) ? words.say("leave_bad_email") : "";
    if (blame(form, "email", wrong)) {
      form.elements.email.focus();
      return;
    }
    onsave(who);
    dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
