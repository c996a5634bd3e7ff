// Where screens come from: a page holds them all, a kernel makes them when they are asked for.

async function embedded(payload) {
  const { menu, follows, pictures } = payload, levels = await inflate(payload.levels);
  const { screens, grids } = JSON.parse(new TextDecoder().decode(await inflate(payload.screens)));
  const changed = [];
  let state = payload.state;
  return {
    menu,
    get state() { return state; },
    set(changes) {
      state = { ...state, ...changes };
      for (const listener of changed) listener();
    },
    listen(listener) { changed.push(listener); },
    // A control that the chosen view does not follow has no part in it.
    follows: (name) => name === "image" || name === "models" || name === "attribution"
      || follows[state.attribution].includes(name),
    recall(chosen) {
      const key = [chosen.attribution, ...follows[chosen.attribution].map((name) => chosen[name])].join("/");
      const alone = chosen.image === "all" ? 0 : chosen.image;
      const rows = screens[key].rows.filter((row) => chosen.image === "all" || row.image === chosen.image);
      return { ...screens[key], rows, grids: grids.filter((grid) => grid.image === alone), levels };
    },
    pictures: async (image) => menu.models.map(() => pictures[image]),
    head: (layer, head) => ({ attribution: "heads", layer, head: head < 0 ? "mean" : head }),
  };
}

// A kernel answers one question at a time; of those that come meanwhile only the last is put to it. Every view of a widget
// hears the answers to all of them, so an answer says what it answers.
function live(model) {
  const screens = new Map(), pictures = new Map(), answers = new Map();
  let asked = null, next = null;
  const keyOf = (state) => JSON.stringify(Object.entries(state).sort());

  function put(question) {
    if (asked) { next = question; return; }
    asked = question;
    model.send({ state: question.state });
  }

  function answered(message, buffers) {
    if ("image" in message) return answers.get(message.image)?.(message);
    if (!asked || keyOf(message.state) !== keyOf(asked.state)) return;
    const levels = buffers.length ? new Uint8Array(buffers[0].buffer, buffers[0].byteOffset, buffers[0].byteLength) : null;
    const screen = { ...message.screen, levels };
    if (!screen.error) screens.set(keyOf(asked.state), screen);
    asked.resolve(screen);
    [asked, next] = [null, next];
    if (next) { const question = next; next = null; put(question); }
  }

  model.on("msg:custom", answered);
  return {
    menu: model.get("menu"),
    get state() { return model.get("state"); },
    set(changes) {
      model.set("state", { ...model.get("state"), ...changes });
      model.save_changes();
    },
    listen(listener) { model.on("change:state", listener); },
    follows: () => true,
    recall: (state) => screens.get(keyOf(state)),
    ask: (state) => new Promise((resolve) => put({ state, resolve })),
    pictures(image) {
      if (!pictures.has(image)) {
        pictures.set(image, new Promise((resolve, reject) => answers.set(image, (message) => {
          if ("pictures" in message) return resolve(message.pictures);
          pictures.delete(image);
          reject(new Error(message.error));
        })));
        model.send({ image });
      }
      return pictures.get(image);
    },
    head: (layer, head) => ({ layer, head: head < 0 ? null : head }),
    patch: (row, col) => ({ row, col }),
    close() { model.off("msg:custom", answered); model.off("change:state"); },
  };
}
