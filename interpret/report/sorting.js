"use strict";

// A cell is worth the number it begins with (thousands may be set apart by commas), else its text.
function worth(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = Number.parseFloat(text.replaceAll(",", ""));
  return { text, number };
}

// Numbers first, by size; then words, by the alphabet.
function before(a, b) {
  const words = [Number.isNaN(a.number), Number.isNaN(b.number)];
  if (words[0] !== words[1]) return words[0] ? 1 : -1;
  return (words[0] ? 0 : a.number - b.number) || a.text.localeCompare(b.text, "en", { numeric: true });
}

function sortBy(table, column) {
  const head = table.tHead.rows[0].cells, body = table.tBodies[0];
  const sign = head[column].getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const cell of head) cell.removeAttribute("aria-sort");
  head[column].setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  body.append(...[...body.rows].sort((a, b) => sign * before(worth(a, column), worth(b, column))));
}

for (const table of document.querySelectorAll("table[data-sortable]")) {
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent;
    button.addEventListener("click", () => sortBy(table, column));
    cell.replaceChildren(button);
  });
}
