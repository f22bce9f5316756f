/* What the reader can change: learning rates, losses, labels, faults, and the real data. `training`, `view` and the rest
   of the page's state are in live.js. */
"use strict";

function change(settings) {
  training.change(settings);
  target = null;
  schedule();
}

function field(name, input) {
  return make("label", { className: "field" }, make("span", {}, name), input);
}

function showChanges(box) {
  const { gan, settings } = training, parts = [];
  for (const network of ["discriminator", "generator"]) {
    const input = make("input", { type: "text", inputMode: "decimal", value: String(settings[`${network}Rate`]), id: `${network}-rate`, autocomplete: "off" });
    input.addEventListener("change", () => {
      const rate = numberIn(input, `${network}'s learning rate`, 0, 10);
      if (rate !== null) change({ [`${network}Rate`]: rate });
    });
    parts.push(field(`${network}'s learning rate`, input));
  }
  const loss = make("select", { id: "saturating" }, make("option", { value: "" }, "non-saturating, −log D"), make("option", { value: "yes" }, "saturating, log(1 − D)"));
  loss.value = settings.saturating ? "yes" : "";
  loss.addEventListener("change", () => change({ saturating: loss.value === "yes" }));
  parts.push(field("generator's loss", loss));
  parts.push(slider({ name: "label smoothing", max: 0.5, step: 0.05, value: settings.smoothing, oninput: (smoothing) => change({ smoothing }) }).element);
  if (gan === TREND) parts.push(...slopeSliders(settings.slopes));
  if (gan === SINE) parts.push(...faultBoxes());
  if (view.editor) parts.push(make("p", { className: "quiet" }, view.editor.hint));
  const published = make("button", { type: "button", id: "published" }, "Published settings");
  published.addEventListener("click", () => {
    change({ ...structuredClone(gan.defaults) });
    complain("");
    showChanges(box);
  });
  box.replaceChildren(...parts, make("p", {}, published));
}

function slopeSliders(slopes) {
  const sliders = ["flattest slope", "steepest slope"].map((name, end) => slider({
    name, min: -1, max: 1, step: 0.05, value: slopes[end], oninput: () => change({ slopes: sliders.map(({ value }) => value) }),
  }));
  return sliders.map(({ element }) => element);
}

const FAULTS = {
  relu_derivative: "fault: the derivative of ReLU returns ReLU",
  activated_derivatives: "fault: derivatives of sigmoid and tanh at the activated value",
  discriminator_climbs: "fault: the discriminator climbs its loss",
  loss_as_gradient: "fault: the generator gets its loss as the gradient",
};
function faultBoxes() {
  return Object.entries(FAULTS).map(([fault, text]) => {
    const input = make("input", { type: "checkbox", checked: training.settings.faults[fault], id: fault });
    input.addEventListener("change", () => change({ faults: { ...training.settings.faults, [fault]: input.checked } }));
    return make("label", { className: "check" }, input, make("span", {}, text));
  });
}

function setCell(number, value) {
  const { editor } = view, values = Float64Array.from(editor.values(training.settings)), [low, high] = editor.range;
  values[number] = Math.min(Math.max(value, low), high);
  const changed = editor.change(values);
  if (changed.faces) changed.faces = changed.faces.map((face) => Array.from(face));
  change(changed);
}

let dragged = null;
byId("real").addEventListener("pointerdown", (event) => {
  if (!view.editor) return;
  const place = pointerPlace(byId("real"), event);
  cell = view.editor.at(byId("real"), place);
  if (cell === null) return;
  byId("real").setPointerCapture(event.pointerId);
  dragged = { y: place[1], value: view.editor.values(training.settings)[cell] };
  byId("real").dispatchEvent(new PointerEvent("pointermove", event));
});
byId("real").addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const canvas = byId("real"), place = pointerPlace(canvas, event), { editor } = view;
  if (editor.valueAt) {
    cell = editor.at(canvas, place);
    setCell(cell, editor.valueAt(canvas, place));
  } else if (place[1] !== dragged.y) {
    setCell(cell, dragged.value + (dragged.y - place[1]) / 80);
  }
});
for (const name of ["pointerup", "pointercancel"]) byId("real").addEventListener(name, () => { dragged = null; schedule(); });
byId("real").addEventListener("keydown", (event) => {
  const { editor } = view, moves = { ArrowLeft: -1, ArrowRight: 1 }, changes = { ArrowUp: 0.05, ArrowDown: -0.05 };
  if (!editor || !(event.key in moves || event.key in changes)) return;
  event.preventDefault();
  cell ??= 0;
  if (event.key in moves) cell = (cell + moves[event.key] + editor.count) % editor.count;
  else setCell(cell, editor.values(training.settings)[cell] + changes[event.key]);
  byId("spoken").textContent = `${editor.name(cell)}: ${editor.values(training.settings)[cell].toFixed(2)}`;
  schedule();
});
byId("real").addEventListener("focus", schedule);
byId("real").addEventListener("blur", schedule);
