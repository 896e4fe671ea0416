const details = JSON.parse(document.getElementById("details").textContent);
const ranked = [...document.querySelectorAll(".ranked")];
const place = (cell) => cell.cellIndex - 1;

for (const table of document.querySelectorAll("table.sortable")) {
  // One tab stop a table; the arrow keys move within it, and Enter opens a cell.
  const cells = () => [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => !row.hidden)
    .map((row) => [...row.cells].slice(1).filter((cell) => !cell.hidden));
  const start = table.querySelector("tbody td");
  if (start) start.tabIndex = 0;
  table.addEventListener("keydown", (event) => {
    const here = event.target.closest("tbody td");
    if (!here) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return open(here);
    }
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    const rows = cells();
    const row = rows.findIndex((line) => line.includes(here));
    const next = (rows[row + step[0]] || [])[rows[row].indexOf(here) + step[1]];
    event.preventDefault();
    if (next) reach(next);
  });
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td");
    if (!cell) return;
    reach(cell);
    open(cell);
  });
}

function reach(cell) {
  cell.closest("table").querySelectorAll("td[tabindex]").forEach((one) => one.removeAttribute("tabindex"));
  cell.tabIndex = 0;
  cell.focus({ preventScroll: true });
  cell.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// Filters: families, metrics, sets, decision rules, and a word in a method's name, else in a data set's.
const form = document.getElementById("filters");
function filter() {
  const chosen = { rule: "", ...Object.fromEntries(new FormData(form)) };
  const word = (chosen.search || "").trim().toLowerCase();
  const holds = ([name]) => name.toLowerCase().includes(word);
  const named = details.methods.some(holds);
  const rows = details.methods.map((one) =>
    (!chosen.family || one[1] === chosen.family) && (holds(one) || (!named && details.sets.some(holds))));
  const columns = details.sets.map((one, number) =>
    (!chosen.set || Number(chosen.set) === number) && (named || holds(one)));
  for (const part of ranked) {
    part.hidden = (chosen.metric && part.dataset.metric !== chosen.metric) || part.dataset.rule !== chosen.rule;
    for (const row of part.querySelectorAll("tr")) {
      row.hidden = row.dataset.method !== undefined && !rows[row.dataset.method];
      for (const cell of row.cells) cell.hidden = columns[place(cell)] === false;
    }
    const reached = part.querySelector("td[tabindex]");
    if (reached && (reached.hidden || reached.parentNode.hidden)) {
      reached.removeAttribute("tabindex");
      const first = part.querySelector("tr:not([hidden]) > td:not([hidden])");
      if (first) first.tabIndex = 0;
    }
  }
  document.getElementById("tables").classList.toggle("means", !chosen.deviations);
  const count = (all) => `${all.filter(Boolean).length} of ${all.length}`;
  document.getElementById("shown").textContent = `${count(rows)} methods, ${count(columns)} data sets, `
    + `${count(ranked.map((one) => !one.hidden))} tables. Ranks stay those among all.`;
}
form.addEventListener("input", filter);
form.querySelector("button").addEventListener("click", () => { form.reset(); filter(); });
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
filter();

// A cell's panel: its seeds, their curves, files and key, and the command that remakes them.
const panel = document.getElementById("panel");
function open(cell) {
  if (cell.className === "average") return;
  const [method, , word] = details.methods[cell.parentNode.dataset.method];
  const [set, spec, missing] = details.sets[place(cell)];
  const table = Number(cell.closest(".ranked").dataset.table);
  const rule = details.tables[table][1];
  const columns = details.tables.map((one, number) => number).filter((one) => details.tables[one][1] === rule);
  const jobs = details.cells[`${cell.parentNode.dataset.method},${place(cell)}`] || [];
  const body = [
    make("h2", { id: "panel-title" }, `${method} on ${set}`),
    make("p", {}, `${details.tables[table][0]}${rule ? `, decisions ${rule}` : ""}: `, make("strong", {}, cell.textContent)),
  ];
  if (!jobs.length) body.push(make("p", {}, missing ? `Its data are not here: ${missing}` : "Not run."));
  else {
    const line = (name, values) => make("tr", {}, make("th", { scope: "row" }, name), ...values.map((one) => make("td", {}, one ?? "–")));
    const lines = columns.map((one) => line(details.tables[one][0], jobs.map((job) => job[6][one])));
    body.push(make("div", { className: "scroll" }, make("table", {},
      make("thead", {}, make("tr", {}, ...["", ...jobs.map((job) => `seed ${job[0]}`)].map((one) => make("th", { scope: "col" }, one)))),
      make("tbody", {}, ...lines, line("seconds", jobs.map((job) => job[1]))))));
    for (const [problem, seeds] of grouped(jobs, (job) => job[5])) if (problem) body.push(make("p", {}, `${of(seeds)}: ${problem}`));
    const curves = jobs.filter((job) => job[7]);
    body.push(curves.length ? drawn(curves) : make("p", { className: "quiet" },
      "No curves: it does not train by epochs, or its record was packed without them."));
    const paths = jobs.map(([seed, , folder]) => details.folders[folder] + (details.folders[folder].endsWith("/")
      ? `${set}/${method}/seed-${seed}.json` : ""));
    body.push(make("h3", {}, "Record"), make("pre", {}, [...new Set(paths)].join("\n")));
  }
  body.push(make("h3", {}, jobs.length ? "To remake it" : "To make it"));
  const runs = jobs.length ? grouped(jobs, (job) => details.tails[job[4]] + " --fresh") : [["", [details.seeds]]];
  const commands = runs.map(([tail, seeds]) => tail === "- --fresh" ? "python -m bench score …  # a model trained elsewhere"
    : `python -m bench run --datasets ${spec} --methods ${word} --seeds ${seeds.join(" ")}${tail}`);
  body.push(make("pre", {}, commands.join("\n")));
  for (const [number, seeds] of grouped(jobs, (job) => job[3])) {
    const parts = details.keys[number].map((part) => details.parts[part]);
    if (parts.length) body.push(make("h3", {}, `Key (${of(seeds)})`), make("dl", {}, ...parts.map(([name, value]) =>
      make("div", {}, make("dt", {}, name), make("dd", {}, make("code", {}, value))))));
  }
  document.getElementById("panel-body").replaceChildren(...body);
  panel.showModal();
  panel.scrollTop = 0;
}
panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });

function of(seeds) {
  return `seed${seeds.length > 1 ? "s" : ""} ${seeds.join(", ")}`;
}

function grouped(jobs, by) {
  const seeds = new Map();
  for (const job of jobs) seeds.set(by(job), [...(seeds.get(by(job)) || []), job[0]]);
  return [...seeds];
}

function make(tag, settings, ...children) {
  const made = Object.assign(document.createElement(tag), settings);
  made.append(...children);
  return made;
}

function drawn(jobs) {
  const svg = (tag, settings, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(settings)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const curves = jobs.map((job) => job[7]);
  const most = Math.max(...curves.map((one) => one[0]));
  const low = Math.min(...curves.map((one) => one[2]));
  const high = Math.max(...curves.map((one) => one[3]));
  const x = (epoch) => 46 + 340 * (epoch - 1) / (most - 1);
  const y = (loss) => 110 - 100 * (high > low ? (loss - low) / (high - low) : 0.5);
  const text = `Validation Hamming loss over ${most} epochs, from ${low} to ${high}; a line a seed, a dot at the epoch that was kept.`;
  const image = svg("svg", { viewBox: "0 0 400 130", role: "img", "aria-label": text });
  image.append(svg("path", { d: "M46 10V110H386", fill: "none", stroke: "var(--line)" }),
    svg("text", { x: 42, y: 14, "text-anchor": "end" }, high), svg("text", { x: 42, y: 112, "text-anchor": "end" }, low),
    svg("text", { x: 46, y: 125 }, 1), svg("text", { x: 386, y: 125, "text-anchor": "end" }, `epoch ${most}`));
  curves.forEach(([epochs, kept, least, largest, shares], number) => {
    const points = shares.map((share, step) =>
      [1 + Math.round(step * (epochs - 1) / (shares.length - 1)), least + share / 999 * (largest - least)]);
    const line = svg("polyline", { points: points.map(([epoch, loss]) => `${x(epoch).toFixed(1)},${y(loss).toFixed(1)}`).join(" "),
      fill: "none", stroke: "currentColor", "stroke-dasharray": ["none", "6 2", "2 2", "8 2 2 2"][number % 4] });
    line.append(svg("title", {}, `seed ${jobs[number][0]}`));
    image.append(line);
    const after = points.findIndex(([epoch]) => epoch >= kept);
    if (!kept || after < 0) return;
    const [to, from] = [points[after], points[Math.max(0, after - 1)]];
    const part = to[0] > from[0] ? (kept - from[0]) / (to[0] - from[0]) : 0;
    image.append(svg("circle", { cx: x(kept), cy: y(from[1] + part * (to[1] - from[1])), r: 3 }));
  });
  const figure = make("figure", {});
  figure.append(image, make("figcaption", {}, text));
  return figure;
}

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
