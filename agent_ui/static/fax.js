// One page of a fax, large: zoom, turn, walk through the pages.

import { gettext } from "./words.js";

const STEP = 1.25;
const SMALLEST = 0.2;
const LARGEST = 6;
let table = null;

function button(label, sign, act, extra = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.className = `button plain ${extra}`;
  made.textContent = sign;
  made.title = label;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

// A picture that is turned keeps the room of one that is not: the paper is given the room it takes.
function show(state) {
  const { image, paper } = state;
  const lies = state.turned % 180 !== 0;
  const [across, down] = lies ? [image.naturalHeight, image.naturalWidth] : [image.naturalWidth, image.naturalHeight];
  if (!across) return;
  const fits = (paper.clientWidth - 40) / across;
  const scale = fits * state.zoom;
  image.style.width = `${image.naturalWidth * scale}px`;
  image.style.height = `${image.naturalHeight * scale}px`;
  const shift = ((down - across) / 2) * scale;
  image.style.transform = `rotate(${state.turned}deg)`;
  image.style.margin = lies ? `${shift}px ${-shift}px` : "0";
  paper.dataset.zoom = state.zoom.toFixed(2);
  paper.dataset.turned = String(state.turned);
}

function turnTo(state, number) {
  state.number = Math.min(Math.max(number, 0), state.pages.length - 1);
  const page = state.pages[state.number];
  state.image.src = page.dataset.src;
  state.image.alt = page.querySelector("img").alt;
  state.place.textContent = `${state.number + 1} / ${state.pages.length}`;
  state.paper.scrollTop = 0;
}

function zoom(state, factor) {
  state.zoom = factor ? Math.min(Math.max(state.zoom * factor, SMALLEST), LARGEST) : 1;
  show(state);
}

function turn(state, degrees) {
  state.turned = (state.turned + degrees + 360) % 360;
  show(state);
}

function keys(state, event) {
  const acts = {
    "+": () => zoom(state, STEP),
    "=": () => zoom(state, STEP),
    "-": () => zoom(state, 1 / STEP),
    0: () => zoom(state, 0),
    r: () => turn(state, 90),
    PageDown: () => turnTo(state, state.number + 1),
    PageUp: () => turnTo(state, state.number - 1),
    ArrowRight: () => turnTo(state, state.number + 1),
    ArrowLeft: () => turnTo(state, state.number - 1),
  };
  // The keys of the page behind it are not for this table.
  event.stopPropagation();
  const act = event.ctrlKey || event.metaKey || event.altKey ? null : acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function open(page) {
  table?.remove();
  table = document.createElement("dialog");
  table.className = "fax-table";
  table.setAttribute("aria-label", gettext("Page of the fax"));
  const state = {
    pages: [...page.closest("[data-fax]").querySelectorAll(".fax-page")],
    number: 0,
    zoom: 1,
    turned: 0,
    image: document.createElement("img"),
    paper: document.createElement("div"),
    place: document.createElement("span"),
  };
  state.paper.className = "fax-paper";
  state.paper.tabIndex = 0;
  state.place.className = "place small";
  state.place.setAttribute("aria-live", "polite");
  state.image.addEventListener("load", () => show(state));
  const tools = document.createElement("div");
  tools.className = "fax-tools";
  tools.append(
    button(gettext("Page before"), "‹", () => turnTo(state, state.number - 1)),
    state.place,
    button(gettext("Next page"), "›", () => turnTo(state, state.number + 1)),
    button(gettext("Smaller"), "−", () => zoom(state, 1 / STEP)),
    button(gettext("Larger"), "+", () => zoom(state, STEP)),
    button(gettext("Fit to width"), "↔", () => zoom(state, 0)),
    button(gettext("Turn left"), "↺", () => turn(state, -90)),
    button(gettext("Turn right"), "↻", () => turn(state, 90)),
    button(gettext("Close"), "✕", () => table.close(), "last"),
  );
  state.paper.append(state.image);
  table.append(tools, state.paper);
  table.addEventListener("keydown", (event) => keys(state, event));
  table.addEventListener("close", () => {
    table.remove();
    page.focus();
  });
  document.body.append(table);
  table.showModal();
  state.paper.focus();
  turnTo(state, state.pages.indexOf(page));
}

export function listenToFaxes() {
  document.addEventListener("click", (event) => {
    const page = event.target.closest(".fax-page");
    if (page) open(page);
  });
}
