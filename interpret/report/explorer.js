"use strict";

// Weights of Keys' cubic (a = -0.5) that enlarge `cells` values to `pixels`: four sources and four weights a pixel. The
// weights are whole multiples of 2^-22, as in Pillow, so that both round alike.
function cubicTable(cells, pixels) {
  const index = new Int32Array(4 * pixels), weight = new Float64Array(4 * pixels);
  for (let x = 0; x < pixels; x++) {
    const center = (x + 0.5) * cells / pixels;
    const end = Math.min(cells, Math.ceil(center + 2) + 1);
    let kept = 0, sum = 0;
    for (let j = Math.max(0, Math.floor(center - 2)); j < end && kept < 4; j++) {
      const d = Math.abs(j + 0.5 - center);
      const w = d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
      if (w === 0) continue;
      index[4 * x + kept] = j;
      weight[4 * x + kept++] = w;
      sum += w;
    }
    for (let k = 0; k < kept; k++) weight[4 * x + k] = Math.round(weight[4 * x + k] / sum * 4194304);
  }
  return { index, weight };
}

function toLevel(sum) {
  const level = (sum + 2097152) >> 22;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

// Bicubic enlargement of a map of levels, along the columns first and rounded between the passes, as Pillow does it.
function enlarge(levels, rows, cols, height, width) {
  const across = cubicTable(cols, width), down = cubicTable(rows, height);
  const wide = new Uint8Array(rows * width), out = new Uint8Array(height * width);
  for (let r = 0; r < rows; r++) {
    for (let x = 0, k = 0; x < width; x++, k += 4) {
      let sum = 0;
      for (let i = k; i < k + 4; i++) sum += levels[r * cols + across.index[i]] * across.weight[i];
      wide[r * width + x] = toLevel(sum);
    }
  }
  for (let y = 0; y < height; y++) {
    const k = 4 * y, i = down.index, w = down.weight;
    const a = i[k] * width, b = i[k + 1] * width, c = i[k + 2] * width, d = i[k + 3] * width;
    const wa = w[k], wb = w[k + 1], wc = w[k + 2], wd = w[k + 3];
    for (let x = 0; x < width; x++) {
      out[y * width + x] = toLevel(wide[a + x] * wa + wide[b + x] * wb + wide[c + x] * wc + wide[d + x] * wd);
    }
  }
  return out;
}

// The overlay as RGBA: levels enlarged, coloured by `lut` (256 x RGB), blended with the grey picture.
function overlayPixels(grey, height, width, levels, rows, cols, lut, blend) {
  const scalar = enlarge(levels, rows, cols, height, width);
  const rgba = new Uint8ClampedArray(4 * height * width);
  for (let p = 0; p < scalar.length; p++) {
    for (let c = 0; c < 3; c++) rgba[4 * p + c] = grey[p] * (1 - blend) + lut[3 * scalar[p] + c] * blend;
    rgba[4 * p + 3] = 255;
  }
  return rgba;
}

// Every pixel of a picture repeated `factor` times in both directions.
function repeatPixels(grey, height, width, factor) {
  const out = new Uint8Array(height * width * factor * factor), wide = width * factor;
  for (let y = 0; y < height * factor; y++) {
    for (let x = 0; x < wide; x++) out[y * wide + x] = grey[((y / factor) | 0) * width + ((x / factor) | 0)];
  }
  return out;
}

async function inflate(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Replaces the still pictures by canvases that follow the slider.
async function explore(data, root) {
  const { height, width, factor, taus, blend } = data;
  const lut = await inflate(data.lut), greys = await inflate(data.greys);
  const maps = await Promise.all(data.models.map((model) => inflate(model.levels)));
  const tall = height * factor, broad = width * factor;
  const panels = [...root.querySelectorAll("[data-panel]")].map((still) => {
    const canvas = document.createElement("canvas");
    canvas.width = broad;
    canvas.height = tall;
    canvas.setAttribute("role", "img");
    const image = Number(still.dataset.image), model = Number(still.dataset.model), area = height * width;
    const base = repeatPixels(greys.subarray(image * area, (image + 1) * area), height, width, factor);
    still.replaceWith(canvas);
    return { canvas, image, model, base, context: canvas.getContext("2d"), about: still.alt };
  });
  const slider = root.querySelector("input"), output = root.querySelector("output");
  const notes = [...root.querySelectorAll("[data-note]")];

  function draw() {
    const step = Number(slider.value);
    output.textContent = data.labels[step];
    slider.setAttribute("aria-valuetext", data.labels[step]);
    for (const note of notes) note.textContent = data.models[Number(note.dataset.note)].notes[step];
    for (const panel of panels) {
      const { rows, cols } = data.models[panel.model], cells = rows * cols;
      const start = (step * data.images + panel.image) * cells;
      const levels = maps[panel.model].subarray(start, start + cells);
      const rgba = overlayPixels(panel.base, tall, broad, levels, rows, cols, lut, blend);
      panel.context.putImageData(new ImageData(rgba, broad, tall), 0, 0);
      panel.canvas.setAttribute("aria-label", `${panel.about}, ${data.labels[step]}`);
    }
  }

  slider.addEventListener("input", draw);
  slider.disabled = false;
  draw();
}

const explorer = document.getElementById("explorer");
if (explorer) explore(JSON.parse(document.getElementById("explorer-data").textContent), explorer);
