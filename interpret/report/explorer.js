"use strict";

const tables = new Map();

// Weights of Keys' cubic (a = -0.5) that enlarge `cells` values to `pixels`: four sources and four weights a pixel. The
// weights are whole multiples of 2^-22, as in Pillow, so that both round alike.
function cubicTable(cells, pixels) {
  const key = `${cells} ${pixels}`;
  if (!tables.has(key)) tables.set(key, makeCubicTable(cells, pixels));
  return tables.get(key);
}

function makeCubicTable(cells, pixels) {
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

// The overlay as RGBA: levels enlarged, coloured by `lut` (256 x RGB), blended with the picture, grey as RGBA, where
// patches cover it.
function overlayPixels(picture, width, levels, rows, cols, [tall, broad], lut, blend) {
  const scalar = enlarge(levels, rows, cols, tall, broad), rgba = picture.slice(), keep = 1 - blend;
  for (let y = 0, p = 0; y < tall; y++) {
    for (let q = 4 * y * width, end = q + 4 * broad; q < end; p++, q += 4) {
      const base = rgba[q] * keep, color = 3 * scalar[p];
      rgba[q] = base + lut[color] * blend;
      rgba[q + 1] = base + lut[color + 1] * blend;
      rgba[q + 2] = base + lut[color + 2] * blend;
    }
  }
  return rgba;
}

// The picture alone: what stands under a map that shows nothing, and where no patch covers it.
function greyPixels(grey) {
  const rgba = new Uint8ClampedArray(4 * grey.length);
  for (let p = 0; p < grey.length; p++) {
    rgba.fill(grey[p], 4 * p, 4 * p + 3);
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

// The levels of a grey picture that was packed without losses.
async function readGrey(url, height, width) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height).data.filter((_, index) => index % 4 === 0);
}

async function readModel(model) {
  const cuts = model.cuts ? await inflate(model.cuts) : null;
  return { ...model, levels: await inflate(model.levels), cuts };
}

async function readAll(data) {
  const luts = {};
  for (const [cmap, packed] of Object.entries(data.luts)) luts[cmap] = await inflate(packed);
  const views = await Promise.all(data.views.map(async (view) =>
    ({ ...view, lut: luts[view.cmap], models: await Promise.all(view.models.map(readModel)) })));
  const bases = await Promise.all(data.greys.map(async (url) =>
    greyPixels(repeatPixels(await readGrey(url, data.height, data.width), data.height, data.width, data.factor))));
  return { views, bases };
}

// Which of a model's steps is chosen: of the sweep, or of its layers and heads; or why there is none.
function stepOf(view, model, choice) {
  if (view.kind === "rerun") return { step: choice.tau };
  if (view.kind === "map") return { step: 0 };
  if (choice.layer >= model.layers) return { missing: `this model has no layer ${choice.layer}` };
  if (choice.head > model.heads) return { missing: `this model has no head ${choice.head - 1}` };
  return { step: choice.layer * (model.heads + 1) + choice.head };
}

// The levels to be drawn, or why nothing is. Where `cuts` are known, values that are not above tau are painted as 0.
function find(view, index, model, image, choice) {
  const { images, rows, cols, levels, cuts, blank } = view.models[index];
  const { step, missing } = stepOf(view, model, choice);
  if (missing) return { why: missing };
  if (image >= images) return { why: "left out to keep this page small" };
  if (blank[`${step},${image}`]) return { why: `NO EVIDENCE: ${blank[`${step},${image}`]}` };
  const start = (step * images + image) * rows * cols, end = start + rows * cols;
  if (!cuts) return { levels: levels.subarray(start, end) };
  const kept = cuts.subarray(start, end).map((count) => count > choice.tau);
  if (!kept.includes(1)) return { why: "nothing above tau" };
  return { levels: levels.subarray(start, end).map((level, cell) => level * kept[cell]) };
}

// What the panels show, in words that hold for the view: only a re-run is called one.
function describe(view, choice, taus) {
  if (view.kind === "rerun") {
    return `${view.about} Every model was run again with ${taus[choice.tau]} inside its forward pass.`;
  }
  if (view.kind === "map") return `${view.about} Models as loaded; the threshold slider has no part in it.`;
  const head = choice.head ? `head ${choice.head - 1}` : "mean of the heads";
  return `${view.about} Layer ${choice.layer}, ${head}. Display only: values at or below ${taus[choice.tau]} `
    + "are painted as 0; no model was run again.";
}

function suffix(view, choice, taus) {
  if (view.kind === "rerun") return taus[choice.tau];
  if (view.kind === "map") return view.name;
  return `layer ${choice.layer}, ${choice.head ? `head ${choice.head - 1}` : "mean of heads"}, hidden up to ${taus[choice.tau]}`;
}

// Replaces the still pictures by canvases.
function makePanels(root, tall, broad) {
  return [...root.querySelectorAll("[data-panel]")].map((still) => {
    const canvas = document.createElement("canvas");
    canvas.width = broad;
    canvas.height = tall;
    canvas.setAttribute("role", "img");
    still.replaceWith(canvas);
    const { image, model } = still.dataset;
    const stamp = canvas.parentElement.querySelector(".stamp");
    const context = canvas.getContext("2d");
    return { canvas, context, stamp, image: Number(image), model: Number(model), about: still.alt };
  });
}

function drawPanel(panel, view, model, base, choice, data) {
  const tall = panel.canvas.height, broad = panel.canvas.width;
  const { levels, why } = find(view, panel.model, model, panel.image, choice);
  const { rows, cols } = view.models[panel.model];
  const rgba = levels ? overlayPixels(base, broad, levels, rows, cols, model.covered, view.lut, data.blend) : base;
  panel.context.putImageData(new ImageData(rgba, broad, tall), 0, 0);
  panel.stamp.hidden = !why;
  panel.stamp.textContent = why ?? "";
  panel.canvas.setAttribute("aria-label", `${panel.about}, ${suffix(view, choice, data.taus)}${why ? `: ${why}` : ""}`);
}

// The controls and what they do: the view, its layer and head, the threshold.
function controls(root, data) {
  const [menu, layer, head, slider] = ["view", "layer", "head", "tau"].map((id) => root.querySelector(`#${id}`));
  const places = { rerun: data.step, head: 0, map: 0 };
  const perHead = data.views.findIndex((view) => view.kind === "head");
  const last = layer.options.length - 1;
  const kind = () => data.views[menu.value].kind;

  function toView(index) {
    menu.value = index;
    if (slider) slider.value = places[kind()];
    if (kind() !== "head") [layer.value, head.value] = [last, 0];
    layer.disabled = head.disabled = perHead < 0 || kind() === "map";
    if (slider) slider.disabled = kind() === "map";
  }

  function listen(draw) {
    menu.addEventListener("change", () => { toView(menu.value); draw(); });
    for (const select of [layer, head]) {
      select.addEventListener("change", () => {
        const [chosenLayer, chosenHead] = [layer.value, head.value];
        if (kind() !== "head") toView(perHead);
        [layer.value, head.value] = [chosenLayer, chosenHead];
        draw();
      });
    }
    slider?.addEventListener("input", () => { places[kind()] = slider.value; draw(); });
  }

  function choice() {
    return { view: Number(menu.value), layer: Number(layer.value), head: Number(head.value), tau: Number(slider?.value ?? 0) };
  }

  menu.disabled = false;
  toView(0);
  return { listen, choice };
}

async function explore(data, root) {
  const { views, bases } = await readAll(data);
  const panels = makePanels(root, data.height * data.factor, data.width * data.factor);
  const { listen, choice } = controls(root, data);
  const slider = root.querySelector("#tau"), output = root.querySelector("output");
  const state = root.querySelector(".state"), bars = [...root.querySelectorAll(".bar img")];
  const low = root.querySelector("[data-low]"), high = root.querySelector("[data-high]");
  const notes = [...root.querySelectorAll("[data-note]")];

  function draw() {
    const chosen = choice(), view = views[chosen.view], label = data.taus[chosen.tau] ?? "";
    if (slider) output.textContent = view.kind === "map" ? "no threshold" : label;
    slider?.setAttribute("aria-valuetext", output.textContent);
    state.textContent = describe(view, chosen, data.taus);
    [low.textContent, high.textContent] = [view.low, view.high];
    for (const bar of bars) bar.hidden = bar.dataset.cmap !== view.cmap;
    for (const note of notes) {
      note.textContent = view.kind === "rerun" ? data.models[Number(note.dataset.note)].notes[chosen.tau] : "as loaded";
    }
    for (const panel of panels) drawPanel(panel, view, data.models[panel.model], bases[panel.image], chosen, data);
  }

  listen(draw);
  draw();
}

const explorer = document.getElementById("explorer");
if (explorer) explore(JSON.parse(document.getElementById("explorer-data").textContent), explorer);
