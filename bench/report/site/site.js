for (const table of document.querySelectorAll("table.sortable")) {
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
