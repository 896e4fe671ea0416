"use strict";
// Sorting: a heading sorts its table, best first; again turns the order round. Rows under the rule stay there.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const average = column === headings.length - 1 && heading.textContent.trim() === "Avg. Rank";
    const first = column === 0 || average || table.dataset.lower === "yes" ? "ascending" : "descending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = heading.getAttribute("aria-sort") === first ? other : first;
    headings.forEach((one) => one.setAttribute("aria-sort", one === heading ? order : "none"));
    const sign = order === "ascending" ? 1 : -1;
    for (const body of table.tBodies) {
      const rows = [...body.rows].map((row, place) => ({ row, place, key: key(row.cells[column], column) }));
      rows.sort((a, b) => {
        if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
        return sign * (column === 0 ? a.key.localeCompare(b.key) : a.key - b.key) || a.place - b.place;
      });
      body.append(...rows.map((one) => one.row));
    }
  }));

  // One tab stop a table; the arrow keys move within it.
  const cells = () => [...table.tBodies].flatMap((body) => [...body.rows]).map((row) => [...row.cells].slice(1));
  const start = table.querySelector("tbody td");
  if (start) start.tabIndex = 0;
  table.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const here = event.target.closest("tbody td");
    if (!step || !here) return;
    const rows = cells();
    const row = rows.findIndex((line) => line.includes(here));
    const next = (rows[row + step[0]] || [])[rows[row].indexOf(here) + step[1]];
    if (!next) return;
    event.preventDefault();
    here.tabIndex = -1;
    next.tabIndex = 0;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
}

function key(cell, column) {
  if (column === 0) return cell.textContent.trim();
  return cell.dataset.order === "" ? null : Number(cell.dataset.order);
}

// Seeds and records of the cell that is pointed at, else of the one that has the focus.
const hint = document.getElementById("hint");
let pointed = null;
let focused = null;
let shown = null;
function hinted(event) {
  return event.target.closest ? event.target.closest("[data-hint]") : null;
}
function show(cell) {
  if (shown) shown.removeAttribute("aria-describedby");
  shown = cell;
  hint.hidden = !cell;
  if (!cell) return;
  hint.textContent = cell.dataset.hint;
  cell.setAttribute("aria-describedby", "hint");
  const box = cell.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, innerWidth - hint.offsetWidth - 8));
  const below = box.bottom + 4 + hint.offsetHeight < innerHeight;
  hint.style.left = `${left}px`;
  hint.style.top = `${below ? box.bottom + 4 : Math.max(8, box.top - 4 - hint.offsetHeight)}px`;
}
const follow = () => show(pointed || focused);
document.addEventListener("mouseover", (event) => { pointed = hinted(event); follow(); });
document.addEventListener("mouseout", () => { pointed = null; follow(); });
document.addEventListener("focusin", (event) => { focused = hinted(event); follow(); });
document.addEventListener("focusout", () => { focused = null; follow(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") show(null); });
document.addEventListener("scroll", () => { if (shown) show(shown); }, true);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
