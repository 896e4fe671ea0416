"use strict";
// Sorting: a heading sorts its table, best first; again turns the order round. Rows under the rule stay there.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const rising = column === 0 || (heading.dataset.lower || table.dataset.lower) === "yes";
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
}

function key(cell, column) {
  if (column === 0) return cell.textContent.trim();
  const value = parseFloat(cell.textContent);
  return Number.isNaN(value) ? null : value;
}
