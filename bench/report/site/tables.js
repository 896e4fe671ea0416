"use strict";
// Sorting: a heading's button sorts its table, best first; again turns the order round. Rows under the rule stay there.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const rising = column === 0 || heading.dataset.lower === "yes";
    const first = rising ? "ascending" : "descending";
    const order = heading.getAttribute("aria-sort") !== first ? first : rising ? "descending" : "ascending";
    headings.forEach((one) => one.setAttribute("aria-sort", one === heading ? order : "none"));
    const sign = order === "ascending" ? 1 : -1;
    for (const body of table.tBodies) {
      const rows = [...body.rows].map((row, at) => ({ row, at, key: key(row.cells[column], column) }));
      rows.sort((a, b) => {
        if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.at - b.at;
        return sign * (column === 0 ? a.key.localeCompare(b.key) : a.key - b.key) || a.at - b.at;
      });
      body.append(...rows.map((one) => one.row));
    }
  }));

  // One tab stop for a table's cells: the arrow keys move among them, and Enter follows a cell's link.
  const links = [...table.querySelectorAll("tbody td a")];
  for (const link of links.slice(1)) link.tabIndex = -1;
  table.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const here = event.target.closest("tbody td");
    if (!step || !here) return;
    event.preventDefault();
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    const row = rows[rows.indexOf(here.parentNode) + step[0]];
    const next = row && row.cells[here.cellIndex + step[1]];
    const link = next && next.querySelector("a");
    if (!link || next.matches("th")) return;
    for (const one of links) one.tabIndex = -1;
    link.tabIndex = 0;
    link.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
}

function key(cell, column) {
  if (column === 0) return cell.textContent.trim();
  const value = parseFloat(cell.textContent);
  return Number.isNaN(value) ? null : value;
}
