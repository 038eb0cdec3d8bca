"use strict";
// The head of every column of a table of class "sortable" becomes a button that sorts by it.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const key = (row, column) => {
    const cell = row.cells[column];
    return (cell.dataset.sort || cell.textContent.trim()).replace("−", "-");
  };
  table.tHead.rows[0].querySelectorAll("th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...body.rows];
      rows.sort((a, b) => key(a, column).localeCompare(key(b, column), "en", { numeric: true }));
      const value = row => parseFloat(key(row, column));
      if (rows.every(row => ["–", ""].includes(key(row, column)) || !Number.isNaN(value(row)))) {
        rows.sort((a, b) => (value(a) || 0) - (value(b) || 0));
      }
      if (descending) rows.reverse();
      body.append(...rows);
    });
  });
}
