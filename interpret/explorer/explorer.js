// One explorer, two homes: `mount(root, source)` shows what `source` has under controls that its menu describes. Names
// of classes, models and files only ever become text.

const SIDE = 192, LARGE = 640, TILE = 48;

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// Inside a notebook the arrow keys belong to its cells, unless the control keeps them.
function keeping(node) {
  node.dataset.lmSuppressShortcuts = "true";
  node.addEventListener("keydown", (event) => event.stopPropagation());
  return node;
}

function makeSelect(spec, choose) {
  const select = keeping(make("select", { name: spec.name, autocomplete: "off" }));
  select.append(...spec.options.map(([text], index) => make("option", { textContent: text, value: index })));
  select.addEventListener("change", () => choose(spec.options[select.value][1]));
  const set = (value) => { select.selectedIndex = spec.options.findIndex((option) => option[1] === value); };
  return { node: make("label", { className: "control", title: spec.about }, make("span", {}, spec.label), select), input: select, set };
}

// A slider over exact values; one that was set from code and is no stop stands at its nearest.
function makeRange(spec, choose) {
  const values = spec.options.map((option) => option[1]);
  const input = keeping(make("input", { type: "range", name: spec.name, min: 0, max: values.length - 1, autocomplete: "off" }));
  const output = make("output");
  input.addEventListener("input", () => choose(values[input.value]));
  const set = (value) => {
    const known = values.indexOf(value), away = values.map((each) => Math.abs(each - value));
    const nearest = away.indexOf(Math.min(...away.filter((distance) => !Number.isNaN(distance))));
    input.value = known < 0 ? nearest : known;
    output.textContent = known < 0 ? String(value) : spec.options[known][0];
    input.setAttribute("aria-valuetext", output.textContent);
  };
  return { node: make("label", { className: "control range", title: spec.about }, make("span", {}, spec.label), input, output), input, set };
}

function makeFlag(spec, choose) {
  const input = keeping(make("input", { type: "checkbox", name: spec.name }));
  input.addEventListener("change", () => choose(input.checked));
  return { node: make("label", { className: "control", title: spec.about }, input, spec.label), input, set: (value) => { input.checked = value; } };
}

// Boxes for several of them, each with what is known of it; the last one stays.
function makeSeveral(spec, choose) {
  const boxes = spec.options.map(([text, value]) => ({ text, value, input: keeping(make("input", { type: "checkbox", name: spec.name })), note: make("small") }));
  for (const { input } of boxes) {
    input.addEventListener("change", () => {
      if (!boxes.some((box) => box.input.checked)) input.checked = true;
      choose(boxes.filter((box) => box.input.checked).map((box) => box.value));
    });
  }
  const node = make("fieldset", { className: "models" }, make("legend", {}, spec.label),
    ...boxes.map(({ input, text, note }) => make("label", {}, input, make("span", {}, make("b", {}, text), note))));
  return { node, input: node, set: (chosen) => { for (const box of boxes) box.input.checked = chosen.includes(box.value); }, notes: boxes.map((box) => box.note) };
}

const MAKERS = { select: makeSelect, range: makeRange, flag: makeFlag, several: makeSeveral };

// A bar of colours with its ticks and their unit, as it looks on white paper.
function makeBar(unit) {
  const canvas = make("canvas", { width: 256, height: 1 }), ticks = make("div", { className: "ticks" }), beyond = make("small");
  return { node: make("div", { className: "bar" }, canvas, ticks, make("div", { className: "unit" }, unit), beyond), canvas, ticks, beyond, unit };
}

function drawBar(bar, { ticks, beyond }, table, share) {
  const white = { rgba: new Uint8ClampedArray(1024).fill(255), height: 1, width: 256 };
  const levels = Uint8Array.from({ length: 256 }, (_, level) => level);
  const rgba = overlayPixels(white, { covered: [1, 1], rows: 1, cols: 256 }, levels, table, share);
  bar.canvas.getContext("2d").putImageData(new ImageData(rgba, 256, 1), 0, 0);
  bar.ticks.replaceChildren(...Object.entries(ticks).map(([text, place]) => {
    const tick = make("span", { textContent: text });
    tick.style.left = `${100 * place}%`;
    return tick;
  }));
  bar.beyond.textContent = beyond;
}

function paint(canvas, picture, rgba) {
  if (canvas.width !== picture.width || canvas.height !== picture.height) [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").putImageData(new ImageData(rgba, picture.width, picture.height), 0, 0);
}

// The border of one patch.
function outline(canvas, picture, model, [row, col]) {
  const [tall, broad] = underPatches(picture, model), context = canvas.getContext("2d");
  context.strokeStyle = "#00e5ff";
  context.lineWidth = Math.max(2, picture.width / 100);
  context.strokeRect(col * broad / model.cols, row * tall / model.rows, broad / model.cols, tall / model.rows);
}

function makePanel(zoom, pick) {
  const canvas = make("canvas"), stamp = make("span", { className: "stamp", hidden: true }), caption = make("figcaption");
  const button = make("button", { type: "button", className: "zoom", textContent: "\u2922" });
  const panel = { canvas, stamp, caption, button, node: make("figure", {}, make("div", { className: "picture" }, canvas, stamp, button), caption) };
  canvas.setAttribute("role", "img");
  button.addEventListener("click", () => zoom(panel));
  canvas.addEventListener("click", (event) => (pick ? pick(panel, event) : zoom(panel)));
  return panel;
}

function lines(node, texts) {
  node.replaceChildren(...texts.filter(Boolean).map((text) => make("span", { textContent: text })));
}

export async function mount(root, source) {
  const { menu } = source, look = { cmap: menu.plain[0], opacity: menu.opacity }, bases = new Map(), colours = {};
  for (const [name, packed] of Object.entries(menu.colours)) colours[name] = await inflate(packed);
  const controls = menu.controls.map((spec) => ({ spec, ...MAKERS[spec.kind](spec, (value) => source.set({ [spec.name]: value })) }));
  const cmap = makeSelect({ name: "cmap", label: "colours", about: "", options: menu.plain.map((name) => [name, name]) }, (name) => { look.cmap = name; redraw(); });
  const shares = Array.from({ length: 11 }, (_, index) => index / 10);
  const opacity = makeRange({ name: "opacity", label: "opacity", about: "", options: shares.map((share) => [`${Math.round(100 * share)} %`, share]) }, (share) => { look.opacity = share; redraw(); });
  const save = make("button", { type: "button", textContent: "Save PNG", disabled: true });
  const caption = make("p", { className: "caption" }), claim = make("p", { className: "claim" }), panels = make("div", { className: "rows" });
  caption.setAttribute("role", "status");
  const heads = make("details", { className: "heads" }, make("summary", {}, "All heads at once"));
  const large = make("canvas"), words = make("p"), dialog = keeping(make("dialog", {}, large, words, make("form", { method: "dialog" }, make("button", {}, "Close"))));
  const places = { select: make("div", { className: "controls" }), range: make("div", { className: "controls sliders" }), models: make("div") };
  for (const { spec, node } of controls) places[spec.kind === "range" ? "range" : spec.kind === "several" ? "models" : "select"].append(node);
  places.select.append(cmap.node, opacity.node, save);
  root.classList.add("interpret-explorer");
  root.replaceChildren(places.select, places.range, places.models, caption, panels, claim, heads, dialog);
  let turn = 0, painted = 0, shown = null, rows = [];

  const tableOf = ({ signed }) => colours[signed ? menu.signed : look.cmap], share = () => look.opacity / menu.opacity;
  const baseOf = (image, model) => bases.get(image)[model];
  const levelsOf = (map, model) => shown.screen.levels.subarray(map.at, map.at + model.rows * model.cols);

  // A map over its picture; the picture alone where there is none.
  function pixels(picture, map, model, bar) {
    return map && "at" in map ? overlayPixels(picture, model, levelsOf(map, model), tableOf(bar), share()) : picture.rgba;
  }

  function zoom(panel) {
    const picture = repeated(panel.picture, LARGE);
    paint(large, picture, pixels(picture, panel.map, panel.of, panel.bar));
    if (panel.box) outline(large, picture, panel.of, panel.box);
    words.textContent = [panel.about, ...(panel.map?.lines ?? [])].join(" \u00b7 ");
    dialog.panel = panel;
    if (!dialog.open) dialog.showModal();
  }

  // Numbers count from 0; where models differ, a click can ask for more than a control has.
  const offered = (name, wish) => Math.max(0, Math.min(wish, menu.controls.find((spec) => spec.name === name).options.at(-1)[1]));

  // Which patch of the coarsest grid, on which the controls count, lies at a share of the picture.
  function patchAt(side, axis, share) {
    const coarsest = menu.models.reduce((least, model) => (model[side] < least[side] ? model : least));
    return Math.floor(share / coarsest.covered[axis] * coarsest[side]);
  }

  function pick(panel, event) {
    const box = panel.canvas.getBoundingClientRect();
    const row = patchAt("rows", 0, (event.clientY - box.top) / box.height), col = patchAt("cols", 1, (event.clientX - box.left) / box.width);
    source.set(source.patch(offered("row", row), offered("col", col)));
  }

  const newPanel = () => makePanel(zoom, source.patch ? pick : null);

  function build(screen, models) {
    const key = JSON.stringify([screen.rows.map((row) => row.image), models]);
    if (panels.dataset.key === key) return;
    panels.dataset.key = key;
    rows = screen.rows.map(() => ({ input: newPanel(), bar: makeBar(menu.unit), title: make("span"), panels: models.map(newPanel) }));
    panels.replaceChildren(...rows.map((row) => {
      row.input.node.append(row.bar.node);
      const node = make("div", { className: "row" }, row.input.node, ...row.panels.map((panel) => panel.node));
      return node;
    }));
    panels.style.setProperty("--columns", 1 + models.length);
  }

  function drawPanel(panel, image, index, map, row) {
    const model = menu.models[index], name = map ? model.name : "input";
    const { box } = row.panels[index];
    Object.assign(panel, { map, of: model, bar: row.bar, box, picture: baseOf(image, index) });
    panel.about = `${name} on ${menu.images[image].name}, ${shown.screen.caption}${map?.why ? `: ${map.why}` : ""}`;
    paint(panel.canvas, panel.picture, pixels(panel.picture, map, model, row.bar));
    if (box) outline(panel.canvas, panel.picture, model, box);
    panel.canvas.setAttribute("aria-label", panel.about);
    panel.button.setAttribute("aria-label", `Enlarge ${name} on ${menu.images[image].name}`);
    panel.stamp.hidden = !map?.why;
    panel.stamp.textContent = map?.why ?? "";
    const { label } = menu.images[image];
    lines(panel.caption, map ? [name, ...map.lines] : [row.title, label && `label: ${label}`]);
    panel.caption.classList.toggle("wrong", Boolean(map?.wrong));
  }

  function draw() {
    const { screen, state } = shown, { models } = state;
    build(screen, models);
    screen.rows.forEach((row, index) => {
      const drawn = rows[index];
      drawPanel(drawn.input, row.image, models[0], null, row);
      drawBar(drawn.bar, row.bar, tableOf(row.bar), share());
      models.forEach((model, place) => drawPanel(drawn.panels[place], row.image, model, row.panels[model], row));
    });
    for (const { notes } of controls) notes?.forEach((note, index) => lines(note, [menu.models[index].rule, screen.notes[index]]));
    claim.textContent = screen.claim;
    if (heads.open) drawHeads();
    if (dialog.open) zoom(dialog.panel);
    caption.textContent = screen.caption; // written last: whoever reads it sees the pictures it speaks of
  }

  // A canvas a model: a tile for each layer (down) and head (across), the mean over heads first.
  function drawHeads() {
    const { screen, state } = shown, made = [];
    for (const grid of screen.grids) {
      const bar = makeBar(menu.unit), row = make("div", { className: "row" });
      row.style.setProperty("--columns", state.models.length);
      for (const index of state.models) row.append(headsOf(grid, index));
      drawBar(bar, grid.bar, tableOf(grid.bar), share());
      made.push(make("div", {}, make("h4", {}, grid.title), bar.node, row));
    }
    heads.replaceChildren(heads.firstElementChild, make("p", {}, "Down: layers from 0. Across: the mean over heads, then heads from 0. A click shows one large."), ...made);
    heads.hidden = !made.length;
  }

  function headsOf(grid, index) {
    const model = menu.models[index], layers = grid.maps[index], broad = layers[0].length;
    const small = shrunk(baseOf(grid.image, index), TILE, model), canvas = keeping(make("canvas", { tabIndex: 0 })), context = canvas.getContext("2d");
    [canvas.width, canvas.height] = [(small.width + 2) * broad, (small.height + 2) * layers.length];
    layers.forEach((tiles, layer) => tiles.forEach((map, column) => context.putImageData(
      new ImageData(pixels(small, map, model, grid.bar), small.width, small.height), column * (small.width + 2), layer * (small.height + 2))));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${model.name}: ${layers.length} layers of ${broad - 1} heads, ${grid.title}`);
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const layer = Math.floor((event.clientY - box.top) / box.height * layers.length), column = Math.floor((event.clientX - box.left) / box.width * broad);
      source.set(source.head(offered("layer", layer), column < 1 ? -1 : offered("head", column - 1)));
    });
    return make("figure", {}, canvas, make("figcaption", {}, model.name));
  }

  const redraw = () => shown && draw();

  async function show() {
    const { state } = source, mine = ++turn;
    for (const { spec, set, input } of controls) {
      set(state[spec.name]);
      input.disabled = !source.follows(spec.name);
    }
    let screen = source.recall(state);
    if (!screen || screen.rows.some((row) => !bases.has(row.image))) {
      root.setAttribute("aria-busy", "true");
      screen ??= await source.ask(state);
      if (!screen.error) await Promise.all(screen.rows.map((row) => base(row.image))).catch(({ message }) => { screen = { error: message }; });
    }
    if (mine === turn) root.removeAttribute("aria-busy");
    if (mine < painted) return;
    painted = mine;
    if (screen.error) { caption.textContent = screen.error; return; }
    shown = { screen, state };
    draw();
    save.disabled = false;
  }

  async function base(image) {
    if (bases.has(image)) return;
    const pictures = await source.pictures(image);
    bases.set(image, await Promise.all(pictures.map(async (url) => repeated(await readPicture(url), SIDE))));
  }

  save.addEventListener("click", () => savePicture(shown.screen.caption, rows));
  heads.addEventListener("toggle", () => { if (heads.open) redraw(); });
  source.listen(show);
  [cmap, opacity].forEach(({ set }, index) => set([look.cmap, look.opacity][index]));
  await show();
  return root;
}

// In a notebook the kernel is the source.
export default {
  render({ model, el }) {
    const source = live(model);
    mount(el, source);
    return source.close;
  },
};
