// What is shown as one picture, with its caption and scales.

const MARGIN = 12, LINE = 18, FONT = "14px system-ui, sans-serif";

function wrapped(context, text, width) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// The panels of a row with the lines under them; the first has the scale.
function cellsOf(context, { input, bar, panels }, width) {
  const texts = (panel) => [panel.stamp.textContent, ...Array.from(panel.caption.children, (line) => line.textContent)];
  const ticks = Array.from(bar.ticks.children, (tick) => tick.textContent).join("  ");
  return [input, ...panels].map((panel, index) => ({
    canvas: panel.canvas,
    bar: index ? null : bar.canvas,
    lines: [...texts(panel), ...(index ? [] : [`${ticks}  ${bar.unit}`, bar.beyond.textContent])].filter(Boolean).flatMap((text) => wrapped(context, text, width)),
  }));
}

function drawCell(context, { canvas, bar, lines }, x, y, width) {
  context.drawImage(canvas, x, y);
  lines.forEach((line, index) => context.fillText(line, x, y + canvas.height + LINE * (index + 1), width));
  if (bar) context.drawImage(bar, x, y + canvas.height + LINE * (lines.length + 0.4), canvas.width, 10);
}

// Everything on one white canvas.
function composed(caption, rows) {
  const sheet = document.createElement("canvas"), context = sheet.getContext("2d");
  context.font = FONT;
  const width = Math.max(...rows.flatMap((row) => [row.input, ...row.panels].map((panel) => panel.canvas.width)));
  const cells = rows.map((row) => cellsOf(context, row, width));
  const total = (width + MARGIN) * cells[0].length + MARGIN, title = wrapped(context, caption, total - 2 * MARGIN);
  const heights = cells.map((row) => Math.max(...row.map(({ canvas, lines }) => canvas.height + LINE * (lines.length + 1.5))));
  [sheet.width, sheet.height] = [total, MARGIN + LINE * (title.length + 0.5) + heights.reduce((sum, height) => sum + height, 0)];
  context.fillStyle = "white";
  context.fillRect(0, 0, sheet.width, sheet.height);
  [context.fillStyle, context.font] = ["black", FONT];
  title.forEach((line, index) => context.fillText(line, MARGIN, MARGIN + LINE * (index + 0.7)));
  let y = MARGIN + LINE * (title.length + 0.5);
  cells.forEach((row, index) => {
    row.forEach((cell, column) => drawCell(context, cell, MARGIN + column * (width + MARGIN), y, width));
    y += heights[index];
  });
  return sheet;
}

function savePicture(caption, rows) {
  const link = document.createElement("a");
  link.href = composed(caption, rows).toDataURL("image/png");
  link.download = "explorer.png";
  link.click();
}
