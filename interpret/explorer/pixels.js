// The pixels of a map over its picture, the same as Python draws.

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

// What lies under the patches of a model: the pixels whose centres do.
function underPatches(picture, model) {
  return [Math.floor(model.covered[0] * picture.height + 0.5), Math.floor(model.covered[1] * picture.width + 0.5)];
}

// The picture under the colours of the levels, each as opaque as `table` (256 x RGBA) says, times `share`.
function overlayPixels(picture, model, levels, table, share) {
  const [tall, broad] = underPatches(picture, model), rgba = picture.rgba.slice();
  const scalar = enlarge(levels, model.rows, model.cols, tall, broad);
  for (let y = 0, p = 0; y < tall; y++) {
    for (let q = 4 * y * picture.width, end = q + 4 * broad; q < end; p++, q += 4) {
      const over = 4 * scalar[p], opacity = table[over + 3] * share / 255;
      rgba[q] += (table[over] - rgba[q]) * opacity;
      rgba[q + 1] += (table[over + 1] - rgba[q + 1]) * opacity;
      rgba[q + 2] += (table[over + 2] - rgba[q + 2]) * opacity;
    }
  }
  return rgba;
}

// Every pixel repeated until the shorter side has at least `side`.
function repeated({ rgba, height, width }, side) {
  const factor = Math.ceil(side / Math.min(height, width)), tall = height * factor, broad = width * factor;
  const from = new Uint32Array(rgba.buffer), out = new Uint32Array(tall * broad);
  for (let y = 0; y < tall; y++) {
    for (let x = 0; x < broad; x++) out[y * broad + x] = from[((y / factor) | 0) * width + ((x / factor) | 0)];
  }
  return { rgba: new Uint8ClampedArray(out.buffer), height: tall, width: broad };
}

// The picture at so many pixels a side, at least, and at least one for each patch of a model: the nearest pixel of each.
function shrunk({ rgba, height, width }, side, model) {
  const sizeAt = (step) => ({ height: Math.floor(height / step), width: Math.floor(width / step) });
  const holds = ([tall, broad]) => tall >= model.rows && broad >= model.cols;
  let step = Math.max(1, Math.floor(Math.min(height, width) / side));
  while (step > 1 && !holds(underPatches(sizeAt(step), model))) step--;
  const { height: tall, width: broad } = sizeAt(step), from = new Uint32Array(rgba.buffer), out = new Uint32Array(tall * broad);
  for (let y = 0; y < tall; y++) for (let x = 0; x < broad; x++) out[y * broad + x] = from[y * step * width + x * step];
  return { rgba: new Uint8ClampedArray(out.buffer), height: tall, width: broad };
}

async function readPicture(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { rgba: data, width, height };
}

async function inflate(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
