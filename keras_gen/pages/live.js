/* The page of the live GANs: joins the training, the drawings and what the reader does. */
"use strict";

const data = pageData("data");
const GANS = { trend: TREND, faces: FACES, sine: SINE };
const FRAME_MS = 6; // of a frame of the screen, for training
// Half steps a second, by the speed slider; the last is as fast as the frames allow.
const SPEEDS = [1, 2, 5, 10, 50, 200, 1000, Infinity];

let training = null, view = null;
let focus = null; // what is explained: { item } or { loss }
let example = 0; // of the batch, whose product is shown
let playing = false, target = null; // a moment to train to
let credit = 0, lastFrame = 0, scheduled = false;
let changed = true; // by the reader, since it was last drawn
let cell = null; // of the real data, that the keyboard changes
let slicePoint = null;

// ---------------------------------------------------------------- starting

function start(gan, seed, settings, epochs = gan.epochs) {
  training = new Training(gan, seed, settings, epochs);
  [target, playing, slicePoint, cell] = [null, false, null, null];
  if (view !== VIEWS[gan.name]) {
    view = VIEWS[gan.name];
    focus = { item: allItems(gan)[0] };
    example = 0;
    document.body.dataset.system = gan.name;
    showCards(byId("cards"), CARDS[gan.name], (setup) => { start(training.gan, training.seed, { ...training.settings, ...setup }, training.epochs); });
    for (const button of byId("systems").children) button.setAttribute("aria-pressed", String(button.value === gan.name));
    byId("generated-text").textContent = `generated, at ${view.latents}`;
    [byId("slice-x").textContent, byId("slice-y").textContent] = view.slice.names;
  }
  byId("seed").value = String(seed);
  moment.input.max = training.end;
  showChanges(byId("change"));
  const real = byId("real"), editable = Boolean(view.editor);
  real.classList.toggle("editable", editable);
  real.tabIndex = editable ? 0 : -1;
  real.setAttribute("role", editable ? "application" : "img");
  real.setAttribute("aria-label", editable ? `real examples. ${view.editor.hint}` : "real examples");
  showPlaying();
  schedule();
}

function complain(text, input) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
  input?.setAttribute("aria-invalid", String(Boolean(text)));
}

// The number in a field, or null with a line that says what it should be.
function numberIn(input, name, low, high, whole = false) {
  const text = input.value.trim().replace("−", "-"), value = text === "" ? NaN : Number(text);
  if (Number.isFinite(value) && value >= low && value <= high && (!whole || Number.isInteger(value))) {
    complain("", input);
    return value;
  }
  const received = text.length > 30 ? `${text.slice(0, 30)}…` : text || "nothing";
  complain(`The ${name} must be a ${whole ? "whole " : ""}number from ${low} to ${high}; received ${received}`, input);
  return null;
}

function reset() {
  const seed = numberIn(byId("seed"), "seed", 0, MAX_SEED, true);
  if (seed !== null) start(training.gan, seed, training.settings, training.epochs);
}

// ---------------------------------------------------------------- each frame of the screen

function schedule() {
  changed = true;
  nextFrame();
}
function nextFrame() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(frame);
}

function frame(now) {
  scheduled = false;
  const deadline = performance.now() + FRAME_MS, before = training.position;
  if (target !== null) {
    if (training.advance(target, deadline)) target = null;
  } else if (playing) {
    play(Math.min(now - lastFrame, 100) / 1000, deadline);
  }
  lastFrame = now;
  if (changed || training.position !== before || !(playing || target !== null)) show(now);
  if (playing || target !== null) nextFrame();
}

function play(seconds, deadline) {
  const speed = SPEEDS[speedSlider.value];
  credit = Math.min(credit + speed * seconds, speed === Infinity ? Infinity : Math.max(1, speed / 10));
  const steps = speed === Infinity ? training.end : Math.floor(credit), before = training.position;
  training.advance(before + steps, deadline);
  credit = speed === Infinity ? 0 : credit - (training.position - before);
  if (training.position >= training.end) setPlaying(false);
}

function setPlaying(on) {
  if (on && training.position >= training.end) goTo(0);
  playing = on;
  credit = 1; // the first half step comes at once
  lastFrame = performance.now();
  showPlaying();
  schedule();
}
function showPlaying() { byId("play").textContent = playing ? "Pause" : "Play"; }

function goTo(position) {
  training.goBackFor(position);
  target = position;
  schedule();
}

function step() {
  setPlaying(false);
  if (training.position < training.end) training.advance(training.position + 1);
  schedule();
}

// ---------------------------------------------------------------- showing

// While the GAN trains, a frame draws one half of the page and the next the other, and texts are written now and then.
let explained = 0, turn = 0, nearestLoss = null;
function show(now) {
  const moving = playing || target !== null, all = changed || !moving;
  turn = 1 - turn;
  if (all || turn) drawNetwork(byId("network"), training, focus.item);
  if (all || !turn) {
    nearestLoss = drawLosses(byId("losses"), training);
    drawSlice(byId("slice"), training, view.slice, slicePoint);
    view.drawGenerated(byId("generated"), training);
  }
  if (all) view.drawReal(byId("real"), training, document.activeElement === byId("real") ? cell : null);
  changed = false;
  showMoment();
  if (!moving || now - explained > 150) {
    explained = now;
    showLosses();
    showExplanation();
    showSlicePoint();
  }
}

function showMoment() {
  const { gan, position, epoch, epochs } = training, half = position % gan.halves;
  if (target === null) moment.value = position;
  const words = [`${gan.unit} ${epoch.toLocaleString("en")} of ${epochs.toLocaleString("en")}`];
  if (gan === FACES && half) words.push(`face ${Math.ceil(half / 2)} of 5`);
  words.push(half % 2 ? "the generator is next" : "the discriminator is next");
  if (target !== null) words.push(`training to ${Math.floor(target / gan.halves).toLocaleString("en")} …`);
  byId("position").textContent = words.join("; ");
}

const lossButtons = Object.fromEntries(["discriminator", "generator"].map((network) => {
  const value = make("output"), button = make("button", { type: "button" }, make("span", { className: network === "discriminator" ? "positive" : "negative" }, `${network}'s loss `), value);
  const choose = () => { focus = { loss: network }; schedule(); };
  for (const name of ["click", "pointerenter", "focus"]) button.addEventListener(name, choose);
  byId("loss-buttons").append(button);
  return [network, { button, value }];
}));

function showLosses() {
  for (const [network, { button, value }] of Object.entries(lossButtons)) {
    const { epoch, losses } = training;
    value.textContent = epoch ? losses[network][epoch - 1].toFixed(4) : "–";
    button.setAttribute("aria-pressed", String(focus?.loss === network));
  }
}

function showSlicePoint() {
  const { about, names, example: at } = view.slice;
  const squares = `Blue: real, orange: generated, by the discriminator. Squares are real examples, dots generated ones; ${about}.`;
  if (!slicePoint) return void (byId("slice-text").textContent = `${squares} Point at it, or press the arrow keys here.`);
  const [verdict] = outputs(training.state.parameters, training.gan.discriminator, Float64Array.from(at(...slicePoint)));
  byId("slice-text").textContent = `D = ${verdict.toFixed(4)} at ${names[0]} ${slicePoint[0].toFixed(2)}, ${names[1]} ${slicePoint[1].toFixed(2)}. ${squares}`;
}

// ---------------------------------------------------------------- pointing

const network = byId("network");
function pointAtWeight(event) {
  const item = itemAt(network, training.gan, pointerPlace(network, event));
  if (!item || sameItem(item, focus.item)) return;
  focus = { item };
  schedule();
}
network.addEventListener("pointermove", pointAtWeight);
network.addEventListener("pointerdown", pointAtWeight);
network.addEventListener("keydown", (event) => {
  const items = allItems(training.gan), at = items.findIndex((item) => sameItem(item, focus.item));
  const moves = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: items.length - 1 };
  if (!(event.key in moves)) return;
  event.preventDefault();
  focus = { item: items[(moves[event.key] + items.length) % items.length] };
  byId("spoken").textContent = `${nameOf(training.gan, focus.item)}: ${shortNumber(valueOf(training.gan, training.state.parameters, focus.item))}`;
  schedule();
});

for (const name of ["pointermove", "pointerdown"]) {
  byId("losses").addEventListener(name, (event) => {
    if (!training.reached) return;
    focus = { loss: nearestLoss(pointerPlace(byId("losses"), event)) };
    schedule();
  });
}

const slice = byId("slice");
function pointAtSlice(event) {
  const [x, y] = pointerPlace(slice, event);
  slicePoint = [atShare(view.slice.x, x / slice.clientWidth), atShare(view.slice.y, 1 - y / slice.clientHeight)];
  schedule();
}
slice.addEventListener("pointermove", pointAtSlice);
slice.addEventListener("pointerdown", pointAtSlice);
slice.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (!(event.key in moves)) return;
  event.preventDefault();
  const limits = [view.slice.x, view.slice.y];
  slicePoint = limits.map(([low, high], axis) => Math.min(Math.max((slicePoint?.[axis] ?? (low + high) / 2) + (moves[event.key][axis] * (high - low)) / 40, low), high));
  schedule();
});

// ---------------------------------------------------------------- the controls above

const speedSlider = slider({ name: "speed", max: SPEEDS.length - 1, step: 1, value: 2, format: (number) => (SPEEDS[number] === Infinity ? "fastest" : `${SPEEDS[number]} half steps a second`) });
byId("speed").append(speedSlider.element);
const moment = slider({
  name: "moment",
  max: 1,
  step: 1,
  format: (position) => (training ? `${training.gan.unit} ${Math.floor(position / training.gan.halves).toLocaleString("en")}` : ""),
  oninput: (position) => { if (playing) setPlaying(false); goTo(position); },
});
byId("moment").append(moment.element);
byId("step").addEventListener("click", step);
byId("play").addEventListener("click", () => setPlaying(!playing));
byId("reset").addEventListener("click", reset);
byId("seed").addEventListener("keydown", (event) => { if (event.key === "Enter") reset(); });
byId("large-type").addEventListener("change", (event) => {
  document.documentElement.classList.toggle("large-type", event.target.checked);
  readColours();
  schedule();
});
for (const gan of Object.values(GANS)) {
  const button = make("button", { type: "button", value: gan.name, title: gan.about }, gan.name);
  button.addEventListener("click", () => start(gan, training.seed, gan.name === data.system ? data.settings : {}, gan.name === data.system ? data.epochs : gan.epochs));
  byId("systems").append(button);
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); schedule(); });

readColours();
document.querySelector("main").hidden = false;
start(GANS[data.system], data.seed, data.settings, data.epochs);
new ResizeObserver(() => { readColours(); schedule(); }).observe(document.body);
