/* The explorer: joins plane, pictures, sliders, classes, mix, sheet and the reader's image. */
"use strict";

const STRIP = 9; // images between A and B
let near = null; // the number of the dot at the spot
let extraSliders = [];
let mixTimer = 0;
let loaded = false;

// ---------------------------------------------------------------- showing
let scheduled = false;
function schedule() { // at most one picture a frame of the screen
  if (scheduled || !loaded) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; show(); });
}
function show() {
  showPicture();
  const [x, y] = place(state.z);
  near = dots.length ? nearestDot(x, y) : null;
  showWhere(x, y);
  showNear();
  for (const { axis, control } of extraSliders) control.value = coordinate(state.z, axis);
  showMix();
  if (byId("drawing")) showPosterior();
  if (byId("seed") && document.activeElement !== byId("seed")) byId("seed").value = state.seed ?? "";
  sheet?.choose(state.seed ?? -1);
  showClasses();
  drawPlane(near);
  paintMosaic();
}
function showPicture() {
  const known = state.seed !== null && state.seed < data.sheet.count && (!conditional || (state.mix === 0 && state.classes[0] === data.label));
  const done = (pixels) => { paint(byId("here"), pixels); pictures++; };
  decoder.latest(effective(state.z), labelRow(), done, known ? sheetImage(state.seed) : null);
}
let pictures = 0; // shown so far, for `measure`
let spoken = 0;
function showWhere(x, y) { // at once to the eye, and to a screen reader when the spot rests
  const names = state.axes.map((axis) => basis().names[axis]), number = (value) => value.toFixed(2).replace("-0.00", "0.00").replace("-", "−");
  const text = `${state.seed === null ? "" : `seed ${state.seed}: `}${names[0]} = ${number(x)}, ${names[1]} = ${number(y)}`;
  if (byId("where").textContent === text) return;
  byId("where").textContent = text;
  clearTimeout(spoken);
  spoken = setTimeout(() => { byId("spoken").textContent = text; }, 500);
}
let nearShown = null;
function showNear() {
  if (!data.points) return;
  const key = near === null ? "" : `${near} ${conditional}`;
  if (key === nearShown) return;
  nearShown = key;
  for (const figure of document.querySelectorAll(".near")) figure.style.visibility = near === null ? "hidden" : "visible";
  if (near === null) return;
  const own = conditional ? labelRow([labelOf(near), labelOf(near)], 0) : null, wanted = near;
  paint(byId("real"), realImage(near));
  if (rebuiltImage) paint(byId("rebuilt"), rebuiltImage(near));
  else if (decoder.quick) paint(byId("rebuilt"), decoder.now(codes[near], own));
  else decoder.many([codes[near]], own, (pixels) => paint(byId("rebuilt"), pixels), () => near === wanted);
  const label = labelOf(near);
  byId("realtext").textContent = `held-out image ${data.points.numbers[near]}${label === null ? "" : `, label ${data.classes[label].name}`}`;
}

// ---------------------------------------------------------------- the plane and its sliders
function setUpPlane() {
  for (const [number, { name }] of bases.entries()) byId("basis").add(new Option(name, number));
  byId("basisline").hidden = bases.length < 2;
  byId("basis").addEventListener("change", ({ target }) => {
    Object.assign(state, { basis: Number(target.value), axes: [0, 1] });
    if (basis().marks.length) state.z = plus(plus(basis().origin, basis().marks[0].x, basis().directions[0]), basis().marks[0].y, basis().directions[1]);
    planeChanged();
    commit();
  });
  for (const [which, id] of ["across", "up"].entries()) {
    byId(id).addEventListener("change", ({ target }) => {
      const chosen = Number(target.value), other = 1 - which;
      if (state.axes[other] === chosen) state.axes[other] = state.axes[which];
      state.axes[which] = chosen;
      planeChanged();
      commit();
    });
  }
  for (const name of ["mosaic", "dots", "prior"]) {
    byId(`show${name}`).addEventListener("change", ({ target }) => { shown[name] = target.checked; schedule(); });
  }
  byId("showdots").parentElement.hidden = !data.points;
  byId("showprior").parentElement.hidden = !data.priorShares.length;
}
function planeChanged() { // another basis, or other axes of it
  const { names, low, high, directions } = basis();
  byId("basis").value = state.basis;
  for (const [which, id] of ["across", "up"].entries()) {
    byId(id).replaceChildren(...names.map((name, axis) => new Option(name, axis, false, axis === state.axes[which])));
  }
  byId("axesline").hidden = directions.length < 3;
  const axes = directions.map((_, axis) => axis).filter((axis) => directions.length > 2 && (data.kind === "dcgan" || !state.axes.includes(axis)));
  extraSliders = axes.map((axis) => {
    const control = slider({ name: names[axis], min: low[axis], max: high[axis], format: (value) => value.toFixed(2).replace("-", "−"), oninput: (value) => { stopMix(); setCoordinates([[axis, value]]); schedule(); } });
    control.input.addEventListener("change", commit);
    return { axis, control };
  });
  byId("sliders").replaceChildren(...extraSliders.map(({ control }) => control.element));
  byId("directions").hidden = !extraSliders.length;
  schedule();
}

// ---------------------------------------------------------------- the mix of A and B
let strip = null, mixSlider = null;
const faces = { a: "", b: "" };
function setUpMix() {
  strip = makeStrip(byId("strip"), STRIP);
  mixSlider = slider({ name: "from A to B", format: (share) => `${Math.round(100 * share)}%`, oninput: (share) => { stopMix(); mixTo(share); } });
  mixSlider.input.addEventListener("change", commit);
  byId("mixslider").append(mixSlider.element);
  byId("seta").addEventListener("click", () => setEnd(0));
  byId("setb").addEventListener("click", () => setEnd(1));
  byId("clearends").addEventListener("click", clearEnds);
  byId("playmix").addEventListener("click", () => {
    if (!mixTimer) return playMix();
    stopMix();
    commit(); // the address is that of what is shown
  });
  byId("savestrip").addEventListener("click", () => savePicture(byId("strip"), fileName("strip"), saveScale() > 4 ? 4 : saveScale()));
}
function setEnd(which) {
  state.ends[which] = Float32Array.from(effective(state.z));
  state.share = which;
  schedule();
  commit();
}
function clearEnds() {
  stopMix();
  Object.assign(state, { ends: [null, null], share: 0 });
  schedule();
  commit();
}
function mixTo(share) {
  state.share = share;
  setPoint(between(...state.ends, share));
  schedule();
}
function stopMix() {
  cancelAnimationFrame(mixTimer);
  mixTimer = 0;
  byId("playmix").textContent = "Play";
}
function playMix() {
  let forth = 1, before = null;
  byId("playmix").textContent = "Stop";
  const step = (now) => {
    const share = state.share + (forth * (before === null ? 0 : now - before)) / 2500;
    if (share >= 1 || share <= 0) forth = share >= 1 ? -1 : 1;
    before = now;
    mixTo(Math.min(Math.max(share, 0), 1));
    mixTimer = requestAnimationFrame(step);
  };
  mixTimer = requestAnimationFrame(step);
}
const updateStrip = afterRest(() => {
  const [a, b] = state.ends;
  if (!a || !b) return;
  const points = Array.from({ length: STRIP }, (_, number) => between(a, b, number / (STRIP - 1)));
  strip.show(points, labelRow(), [...a, ...b, ...(labelRow() ?? [])].join());
});
function showMix() {
  const both = state.ends[0] && state.ends[1];
  byId("mixhint").hidden = Boolean(both);
  byId("mixer").hidden = !both;
  state.ends.forEach((end, which) => {
    const name = "ab"[which], key = end ? [...end, ...(labelRow() ?? [])].join() : "", canvas = byId(`face${name}`);
    canvas.hidden = !end;
    if (key === faces[name]) return;
    faces[name] = key;
    if (end) decoder.many([end], labelRow(), (pixels) => paint(canvas, pixels), () => faces[name] === key);
  });
  if (!both) return;
  mixSlider.value = state.share;
  updateStrip();
}

// ---------------------------------------------------------------- concepts: from the mean code of one label to another's
let strength = 0;
function setUpConcepts() {
  byId("concept").hidden = means.length < 2;
  if (means.length < 2) return;
  const control = slider({ name: "strength", min: -1.5, max: 1.5, value: 0, format: (value) => value.toFixed(2).replace("-", "−"), oninput: (value) => {
    const [from, to] = ["conceptfrom", "conceptto"].map((id) => means[byId(id).selectedIndex]);
    stopMix();
    state.z = plus(state.z, value - strength, plus(to, -1, from));
    strength = value;
    schedule();
  } });
  control.input.id = "strength";
  control.input.addEventListener("change", commit);
  byId("conceptslider").append(control.element);
  for (const id of ["conceptfrom", "conceptto"]) {
    for (const name of data.meanNames) byId(id).add(new Option(name));
    byId(id).addEventListener("change", () => { control.value = strength = 0; });
  }
  byId("conceptto").selectedIndex = 1;
}

// ---------------------------------------------------------------- labels of dots, and the class of a conditional run
const BUTTONS = 20; // classes that have one; more are in a list to search
let classSlider = null, classButtons = null, sheetClass = "";
function setUpClasses() {
  byId("labels").hidden = conditional || !data.points?.labels;
  byId("classes").hidden = !conditional;
  if (!conditional) return setUpLabels();
  const name = (label) => data.classes[label].name;
  if (data.present.length <= BUTTONS) {
    classButtons = data.present.map((label) => {
      const button = make("button", { type: "button" }, name(label));
      button.addEventListener("click", () => chooseClass(0, label));
      return [label, button];
    });
    byId("classchoice").append(...classButtons.map(([, button]) => button));
  } else {
    const list = make("datalist", { id: "classnames" }, ...data.present.map((label) => new Option(name(label))));
    const search = make("input", { type: "search", id: "classsearch", "aria-label": "class; type to search" });
    search.setAttribute("list", "classnames");
    search.addEventListener("change", () => {
      const label = data.present.find((candidate) => name(candidate).toLowerCase() === search.value.trim().toLowerCase());
      if (label !== undefined) chooseClass(0, label);
      byId("classproblem").textContent = label === undefined ? "There is no such class; choose one of the list." : "";
    });
    byId("classchoice").append(search, list);
  }
  for (const label of data.present) byId("classto").add(new Option(name(label), label));
  byId("classto").addEventListener("change", ({ target }) => chooseClass(1, Number(target.value)));
  classSlider = slider({ name: "", format: (mix) => `${Math.round(100 * mix)}%`, oninput: (mix) => { state.mix = mix; schedule(); } });
  classSlider.input.addEventListener("change", commit);
  classSlider.input.setAttribute("aria-label", "from the class to the other one");
  byId("classslider").append(classSlider.element);
}
function chooseClass(which, label) {
  state.classes[which] = label;
  if (which === 0) state.mix = 0;
  schedule();
  commit();
}
function showClasses() {
  if (!conditional) return;
  const [from, to] = state.classes;
  classButtons?.forEach(([label, button]) => button.setAttribute("aria-pressed", String(label === from)));
  const search = byId("classsearch");
  if (search && document.activeElement !== search) search.value = data.classes[from].name;
  byId("classto").value = to;
  classSlider.value = state.mix;
  classSlider.element.firstElementChild.textContent = `${data.classes[from].name} → ${data.classes[to].name}`;
  updateSheet();
}
function setUpLabels() {
  (data.points?.labels ? data.classes : []).forEach(({ name, colour, count }, label) => {
    const box = make("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => { if (box.checked) hiddenLabels.delete(label); else hiddenLabels.add(label); schedule(); });
    const swatch = make("span", { className: "swatch", "aria-hidden": "true" }, "●■▲◆"[shapeOf(label)]);
    swatch.style.color = colour;
    document.querySelector(".labels").append(make("label", {}, box, swatch, `${name} (${count})`));
  });
}

// ---------------------------------------------------------------- a DCGAN's sheet and seeds
let sheet = null, sheetCanvases = [];
function chooseSeed(number) {
  stopMix();
  setPoint(seeds[number], number);
  schedule();
  commit();
}
function setUpSeeds() {
  byId("sheetbox").hidden = !data.sheet;
  if (!data.sheet) return;
  sheetCanvases = Array.from({ length: data.sheet.count }, (_, number) => {
    const canvas = make("canvas");
    paint(canvas, sheetImage(number));
    return canvas;
  });
  sheetClass = [...(labelRow([data.label, data.label], 0) ?? [])].join();
  const images = sheetCanvases.map((picture, number) => ({ name: `seed ${number}`, picture }));
  sheet = imageSheet({ images, label: "images of the first seeds", onchoose: chooseSeed });
  byId("sheet").append(sheet.element);
  const last = (data.decoder ? seeds.length : data.sheet.count) - 1;
  byId("seed").max = last;
  byId("seedrange").textContent = `0 to ${last}; the same image as “generate --seeds”`;
  byId("seed").addEventListener("input", ({ target }) => {
    const number = Number(target.value), known = target.value !== "" && Number.isInteger(number) && number >= 0 && number <= last;
    target.setAttribute("aria-invalid", String(!known));
    if (known) chooseSeed(number);
  });
}
const updateSheet = afterRest(() => { // the same latent points, of the class that is chosen
  const key = [...labelRow()].join();
  if (!sheet || !data.decoder || key === sheetClass) return;
  sheetClass = key;
  decoder.many(seeds.slice(0, sheetCanvases.length), labelRow(), (pixels, number) => paint(sheetCanvases[number], pixels), () => sheetClass === key);
});

// ---------------------------------------------------------------- the training's epochs
function setUpEpochs() {
  byId("epochs").hidden = !data.grids.length;
  if (!data.grids.length) return;
  const showGrid = (frame) => { byId("grid").src = data.grids[frame].source; };
  byId("epochplayer").append(player({ name: "epoch", count: data.grids.length, format: (frame) => `${data.grids[frame].epoch}`, show: showGrid }).element);
  showGrid(data.grids.length - 1);
}

// ---------------------------------------------------------------- undo, address, saving
function restore() {
  stopMix();
  planeChanged();
}
byId("undo").addEventListener("click", () => { undo(); restore(); });
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.matches("input:not([type=range], [type=checkbox])")) return;
  event.preventDefault();
  undo();
  restore();
});
addEventListener("hashchange", () => { fromAddress(location.hash); restore(); commit(); });
byId("savehere").addEventListener("click", () => savePicture(byId("here"), fileName("picture"), saveScale()));
byId("saveplane").addEventListener("click", () => savePicture(plane, fileName("plane")));
byId("share").append(copyButton(() => location.href, "Copy address"));

// How many pictures a second are shown while the spot goes round the plane.
async function measure(seconds = 2) {
  const [left, right, bottom, top] = planeRange(), began = performance.now();
  pictures = 0;
  await new Promise((done) => {
    const step = (now) => {
      const turn = now / 400;
      setCoordinates([[state.axes[0], (left + right) / 2 + 0.4 * (right - left) * Math.cos(turn)], [state.axes[1], (bottom + top) / 2 + 0.4 * (top - bottom) * Math.sin(turn)]]);
      show();
      if (now - began < 1000 * seconds) requestAnimationFrame(step); else done();
    };
    requestAnimationFrame(step);
  });
  return pictures / ((performance.now() - began) / 1000);
}

// `explorer` lets tests and the curious ask the page itself: await explorer.ready; explorer.decodeLatent(z).
window.explorer = {
  ready: ready.then(() => {
    Object.assign(byId("here"), { width, height });
    setUpPlane();
    setUpMix();
    setUpConcepts();
    setUpClasses();
    setUpSeeds();
    setUpEpochs();
    if (byId("drawing")) setUpDrawing();
    if (data.kind === "dcgan" && state.seed === null) {
      const first = seeds.findIndex((point) => point.every((value, number) => value === state.z[number]));
      if (first >= 0) setPoint(seeds[first], first);
    }
    fromAddress(location.hash);
    loaded = true;
    planeChanged();
    updateDots();
    show();
    commit();
  }),
  decodeLatent: (z, label = null) => decoder.now(effective(Float32Array.from(z), data.typicalLength), label === null ? labelRow() : labelRow([label, label], 0)),
  encodeImage: (image) => { encodeImage(Float32Array.from(image)); return { ...state.posterior, ...lossTerms(state.posterior) }; },
  moveTo,
  measure,
  state,
};
