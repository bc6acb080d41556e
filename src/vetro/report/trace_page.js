"use strict";
const chains = JSON.parse(document.getElementById("numbers").textContent);
const panel = document.querySelector(".panel");
const MOST = matchMedia("(max-width: 480px)").matches ? 4 : 8;
let member = 0, pinned = null;

const figure = (value) => {
  if (value === null) return "not finite";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  return String(Number(value.toPrecision(5))).replace("-", "−");
};
const make = (tag, kind, ...content) => {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...content);
  return element;
};
const breakable = (name) => name.split(/(?<=[_=.,/-])/).flatMap((part) => [part, make("wbr", "")]);
const picture = () => document.querySelectorAll("svg.network")[member];
const node = (column, unit) => picture().querySelector(`[data-at="${column},${unit}"]`);

function termsOf(stage, unit) {
  const sources = chains[member].columns[stage.source];
  const read = stage.read || sources.values;
  return stage.weights[unit].map((weight, place) => {
    const term = stage.kept ? stage.kept[unit][place] : place;
    const source = stage.sources ? stage.sources[term] : term, value = read[term];
    return { weight, source, value, bins: stage.bins && stage.bins[term], name: stage.names[term], product: weight * value };
  }).sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
}

function row(first, second, product, share, kind) {
  const bar = make("i", "");
  bar.style.setProperty("--share", share || 0);
  bar.style.background = share ? `var(${product < 0 ? "--second" : "--first"})` : "none";
  const cells = [make("td", "", first), make("td", "number", second), make("td", "", bar), make("td", "number", figure(product))];
  if (!second) { cells.splice(1, 2); cells[0].colSpan = 3; }
  return make("tr", kind || "", ...cells);
}

function sumTable(stage, unit, all) {
  const terms = termsOf(stage, unit);
  const few = all || terms.length <= MOST + 1 ? terms : terms.slice(0, MOST);
  const largest = Math.abs(terms.length ? terms[0].product : 0) || 1;
  const body = make("tbody");
  for (const term of few) {
    const go = make("button", "", ...breakable(term.name));
    go.type = "button";
    go.title = term.bins > 1 ? `the weights of ${term.bins - 1} full bins, and of the share of the next` : `${stage.weightName}[${stage.units[unit]} <- ${stage.unitsRead[term.source]}]`;
    go.addEventListener("click", () => pin(stage.source, term.source, true));
    const how = term.bins ? `${term.bins} ${term.bins > 1 ? "bins" : "bin"}` : `${figure(term.weight)} × ${figure(term.value)}`;
    body.append(row(go, how, term.product, Math.abs(term.product) / largest));
  }
  const rest = terms.slice(few.length).reduce((total, term) => total + term.product, 0) + (stage.rest ? stage.rest[unit] : 0);
  const left = stage.count - few.length;
  if (left > 0) body.append(row(`${left} smaller terms`, "", rest));
  if (stage.bias) body.append(row("bias", "", stage.bias[unit]));
  body.append(row(`${stage.symbols[unit]}`, "", stage.values[unit], undefined, "total"));
  const parts = [make("table", "sum", body)];
  if (few.length < terms.length) {
    const more = make("button", "all", `Show all ${terms.length} terms`);
    more.type = "button";
    more.addEventListener("click", () => parts[0].replaceWith(...sumTable(stage, unit, true)) || more.remove());
    parts.push(more);
  }
  return parts;
}

function formula(left, right, working, value, unit) {
  const steps = [`${left} = ${right}`];
  if (working && working !== right) steps.push(` = ${working}`);
  return make("p", "formula", ...steps, " = ", make("span", "result", figure(value) + (unit ? ` ${unit}` : "")));
}

function show(column, unit) {
  const chain = chains[member], found = chain.columns[column];
  const off = found.off.includes(unit);
  const content = [make("h2", "", `${found.units[unit]} `, make("span", "", `of ${found.title}${off ? ", off" : ""}`))];
  if (column === 0) {
    const cell = chain.cells.findLast((candidate) => candidate.first <= unit);
    content.push(make("p", "", `${cell.column}: ${cell.shown}`));
    if (cell.bin) content.push(make("p", "muted", `In ${cell.bin}; the bins below it are full (1), those above it are empty (0).`));
    if (cell.note) content.push(make("p", "muted", cell.note));
    const [left, right, working] = cell.features[unit - cell.first];
    content.push(formula(left, right, working, found.values[unit]));
  }
  for (const stage of found.stages) {
    if (stage.weights) content.push(...sumTable(stage, unit, false));
    else content.push(formula(stage.symbols[unit], stage.right[unit], stage.working[unit], stage.values[unit]));
  }
  if (column === chain.columns.length - 1) {
    for (const [left, right, working, value, of] of chain.ending[unit] || []) content.push(formula(left, right, working, value, of));
  }
  panel.replaceChildren(...content);
  panel.scrollTop = 0;
  draw(column, unit);
}

function showLayer(column) {
  const found = chains[member].columns[column];
  const order = found.units.map((name, unit) => unit).sort((a, b) => Math.abs(found.values[b]) - Math.abs(found.values[a]));
  const list = make("div", "units");
  for (const unit of order) {
    const off = found.off.includes(unit);
    const go = make("button", off ? "off" : "", `${found.units[unit]} ${off ? "off" : figure(found.values[unit])}`);
    go.type = "button";
    go.addEventListener("click", () => pin(column, unit, true));
    list.append(go);
  }
  panel.replaceChildren(make("h2", "", "All units ", make("span", "", `of ${found.title}`)), list);
  draw(column, -1);
}

function draw(column, unit) {
  const svg = picture(), picked = svg.querySelector(".picked");
  svg.querySelectorAll(".now").forEach((element) => element.classList.remove("now"));
  picked.replaceChildren();
  const end = unit < 0 ? null : node(column, unit);
  if (end) end.classList.add("now");
  const stage = end && chains[member].columns[column].stages.find((candidate) => candidate.weights);
  svg.querySelector(".weights").classList.toggle("dim", Boolean(stage));
  if (!stage) return;
  const terms = termsOf(stage, unit), largest = Math.abs(terms[0] ? terms[0].product : 0) || 1;
  const to = end.querySelector("rect");
  for (const term of terms) {
    const start = node(stage.source, term.source);
    if (!start || !term.product) continue;
    const from = start.querySelector("rect"), middle = (box) => Number(box.getAttribute("y")) + Number(box.getAttribute("height")) / 2;
    const x = Number(from.getAttribute("x")) + Number(from.getAttribute("width")), last = Number(to.getAttribute("x"));
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path"), bend = (last - x) * 0.45;
    path.setAttribute("d", `M${x} ${middle(from)}C${x + bend} ${middle(from)} ${last - bend} ${middle(to)} ${last} ${middle(to)}`);
    path.setAttribute("class", term.product < 0 ? "minus" : "plus");
    path.setAttribute("stroke-width", 0.7 + 5 * Math.abs(term.product) / largest);
    picked.append(path);
  }
}

function open(place) {
  if (place.length === 2) show(...place);
  else showLayer(place[0]);
}

function pin(column, unit, scroll) {
  pinned = [column, unit];
  open(pinned);
  const found = node(column, unit);
  if (found && scroll) found.scrollIntoView({ block: "nearest", inline: "center", behavior: "smooth" });
}

// the chosen unit is above the panel, and the panel stays in the window
function choose(place) {
  pinned = place;
  document.querySelector(".stage").classList.add("chosen");
  open(place);
  const found = place.length === 2 && node(...place);
  if (!found) return;
  const below = panel.getBoundingClientRect();
  const hidden = getComputedStyle(panel).bottom === "8px" ? found.getBoundingClientRect().bottom + 12 - below.top : 0;
  if (hidden > 0) scrollBy({ top: hidden, behavior: "instant" });
}

function placeOf(target) {
  const found = target.closest("[data-at], [data-more]");
  if (!found) return null;
  return (found.dataset.at || found.dataset.more).split(",").map(Number);
}

document.querySelectorAll("svg.network").forEach((svg) => {
  const act = (event) => {
    const place = placeOf(event.target);
    if (place) choose(place);
  };
  svg.addEventListener("click", act);
  svg.addEventListener("focusin", (event) => { if (event.target.matches(":focus-visible")) act(event); });
  svg.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(event); }
  });
  svg.addEventListener("pointerover", (event) => {
    const place = event.pointerType === "mouse" && placeOf(event.target);
    if (place && place.length === 2) open(place);
  });
  svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") open(pinned); });
});

const buttons = document.querySelectorAll(".members [data-member]");
buttons.forEach((button) => button.addEventListener("click", () => look(Number(button.dataset.member))));

// mark the sides on which a wide picture continues
function fade() {
  const frame = picture().parentElement, end = frame.scrollWidth - frame.clientWidth;
  frame.classList.toggle("before", frame.scrollLeft > 2);
  frame.classList.toggle("after", frame.scrollLeft < end - 2);
}
document.querySelectorAll(".drawing").forEach((frame) => frame.addEventListener("scroll", fade));
addEventListener("resize", fade);

function look(number) {
  member = number;
  document.querySelectorAll(".drawing").forEach((element, place) => { element.hidden = place !== number; });
  buttons.forEach((button) => button.setAttribute("aria-pressed", String(Number(button.dataset.member) === number)));
  const last = chains[member].columns.length - 1;
  pin(last, chains[member].first);
  picture().parentElement.scrollLeft = 1e6;
  fade();
}
look(Number(document.getElementById("numbers").dataset.chosen));
