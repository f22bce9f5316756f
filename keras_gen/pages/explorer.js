"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const [height, width, channels] = data.imageShape;
const NEAR = 14; // CSS pixels within which a point is hovered

// ---------------------------------------------------------------- numbers and images that came with the page
const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
const rows = (array, length) => Array.from({ length: array.length / length }, (_, row) => array.subarray(row * length, (row + 1) * length));
const dim = data.latentDim;
const origin = floats(data.axes.origin);
const directions = rows(floats(data.axes.directions), dim);
const codes = data.points.codes ? rows(floats(data.points.codes), dim) : [];
const means = data.means ? rows(floats(data.means), dim) : [];
const dot = (a, b) => a.reduce((sum, value, place) => sum + value * b[place], 0);

// Loads a picture of many images side by side; returns a function from an image's number to its pixels.
async function sheet(source) {
  if (!source) return null;
  const picture = new Image();
  picture.src = source.picture;
  await picture.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  return (number) => context.getImageData((number % source.columns) * width, Math.floor(number / source.columns) * height, width, height).data;
}

// ---------------------------------------------------------------- the network, in float32 as in Keras
const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  leaky_relu: (x, slope) => (x > 0 ? x : slope * x),
  silu: (x) => x / (1 + Math.exp(-x)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};
const OPERATIONS = {
  dense(x, { kernel, bias }) {
    const y = Float32Array.from(bias);
    for (let row = 0, place = 0; row < x.length; row++) {
      for (let column = 0; column < y.length; column++) y[column] += x[row] * kernel[place++];
    }
    return y;
  },
  reshape: (x, { shape }) => Object.assign(x, { shape }),
  scale: (x, { scale, shift }) => Object.assign(x.map((value, place) => value * scale[place % scale.length] + shift[place % shift.length]), { shape: x.shape }),
  standardize(x, { epsilon }) {
    const y = Float32Array.from(x), depth = x.shape ? x.shape.at(-1) : x.length;
    for (let start = 0; start < y.length; start += depth) {
      const part = y.subarray(start, start + depth), mean = part.reduce((sum, value) => sum + value, 0) / depth;
      const variance = part.reduce((sum, value) => sum + (value - mean) ** 2, 0) / depth;
      part.forEach((value, place) => (part[place] = (value - mean) / Math.sqrt(variance + epsilon)));
    }
    return Object.assign(y, { shape: x.shape });
  },
  activation: (x, { function: name, slope }) => Object.assign(x.map((value) => ACTIVATIONS[name](value, slope)), { shape: x.shape }),
  // Both pad as TensorFlow's "same" does: what is left over goes behind.
  conv(x, { kernel, kernelShape: [side, , depth], bias, stride, shape }) {
    const [rowsIn, columnsIn] = x.shape, [rowsOut, columnsOut, filters] = shape;
    const pad = Math.max((rowsOut - 1) * stride + side - rowsIn, 0) >> 1;
    const y = new Float32Array(rowsOut * columnsOut * filters);
    for (let i = 0; i < rowsOut; i++) for (let j = 0; j < columnsOut; j++) {
      const out = (i * columnsOut + j) * filters;
      for (let f = 0; f < filters; f++) y[out + f] = bias[f];
      for (let a = 0; a < side; a++) for (let b = 0; b < side; b++) {
        const row = i * stride + a - pad, column = j * stride + b - pad;
        if (row < 0 || row >= rowsIn || column < 0 || column >= columnsIn) continue;
        const from = (row * columnsIn + column) * depth, weights = (a * side + b) * depth * filters;
        for (let c = 0; c < depth; c++) for (let f = 0; f < filters; f++) y[out + f] += x[from + c] * kernel[weights + c * filters + f];
      }
    }
    return Object.assign(y, { shape });
  },
  conv_transpose(x, { kernel, kernelShape: [side, , filters, depth], bias, stride, shape }) {
    const [rowsIn, columnsIn] = x.shape, [rowsOut, columnsOut] = shape;
    const pad = Math.max(side - stride, 0) >> 1;
    const y = new Float32Array(rowsOut * columnsOut * filters);
    for (let place = 0; place < y.length; place++) y[place] = bias[place % filters];
    for (let i = 0; i < rowsIn; i++) for (let j = 0; j < columnsIn; j++) {
      const from = (i * columnsIn + j) * depth;
      for (let a = 0; a < side; a++) for (let b = 0; b < side; b++) {
        const row = i * stride + a - pad, column = j * stride + b - pad;
        if (row < 0 || row >= rowsOut || column < 0 || column >= columnsOut) continue;
        const out = (row * columnsOut + column) * filters, weights = (a * side + b) * filters * depth;
        for (let f = 0; f < filters; f++) {
          let sum = 0;
          for (let c = 0, place = weights + f * depth; c < depth; c++) sum += x[from + c] * kernel[place + c];
          y[out + f] += sum;
        }
      }
    }
    return Object.assign(y, { shape });
  },
};
const network = data.network && data.network.map((step) => {
  const weights = Object.fromEntries(Object.entries(step.weights).map(([name, text]) => [name, floats(text)]));
  return (x) => OPERATIONS[step.kind](x, { ...step.options, ...weights });
});

// ---------------------------------------------------------------- points: a place in the plane, and the latent point there
function typical(z) { // as long as the draws that the generator was trained on
  if (!data.typicalLength) return z;
  const scale = data.typicalLength / Math.sqrt(dot(z, z));
  return z.map((value) => value * scale);
}
function pointAt(x, y) {
  const coordinates = [x, y, ...extras];
  const z = origin.map((value, place) => directions.reduce((sum, direction, axis) => sum + coordinates[axis] * direction[place], value));
  return { x, y, z };
}
function pointOf(code) {
  const shifted = code.map((value, place) => value - origin[place]);
  return { x: dot(shifted, directions[0]), y: dot(shifted, directions[1]), z: code };
}
const between = (a, b, share) => ({
  x: a.x + share * (b.x - a.x),
  y: a.y + share * (b.y - a.y),
  z: a.z.map((value, place) => value + share * (b.z[place] - value)),
});
function shifted(point, vector, strength) {
  return {
    x: point.x + strength * dot(vector, directions[0]),
    y: point.y + strength * dot(vector, directions[1]),
    z: point.z.map((value, place) => value + strength * vector[place]),
  };
}

// ---------------------------------------------------------------- from points to pixels, uint8 red green blue opaque
let tile = null;
function decode(point) {
  return network ? decodeLive(typical(point.z)) : blend(point);
}
function decodeLive(z) {
  const values = network.reduce((x, step) => step(x), Float32Array.from(z));
  const [low, high] = data.pixelRange;
  const pixels = new Uint8ClampedArray(height * width * 4);
  const level = (place) => (values[place] - low) * (255 / (high - low));
  for (let place = 0; place < height * width; place++) {
    const alpha = channels === 4 ? Math.min(Math.max(level(place * 4 + 3), 0), 255) : 255;
    for (let channel = 0; channel < 3; channel++) {
      const colour = level(place * channels + (channels === 1 ? 0 : channel));
      // The array rounds and clips. RGBA is premultiplied.
      pixels[4 * place + channel] = alpha < 255 ? Math.min(Math.max(colour, 0), alpha) + behind(place) * (1 - alpha / 255) : colour;
    }
    pixels[4 * place + 3] = 255;
  }
  return pixels;
}
function behind(place) { // a checkerboard as in transparency.py
  const cell = Math.max(1, Math.floor(Math.min(height, width) / 8));
  return (Math.floor(Math.floor(place / width) / cell) + Math.floor((place % width) / cell)) % 2 ? 204 : 255;
}
function blend(point) {
  const side = data.tiles.side, [left, right, bottom, top] = data.range;
  const across = Math.min(Math.max((point.x - left) / (right - left), 0), 1) * (side - 1);
  const down = Math.min(Math.max((top - point.y) / (top - bottom), 0), 1) * (side - 1);
  const column = Math.min(Math.floor(across), side - 2), row = Math.min(Math.floor(down), side - 2);
  const u = across - column, v = down - row;
  const corners = [[row, column, (1 - u) * (1 - v)], [row, column + 1, u * (1 - v)], [row + 1, column, (1 - u) * v], [row + 1, column + 1, u * v]];
  const sum = new Float64Array(height * width * 4);
  for (const [cornerRow, cornerColumn, weight] of corners) {
    if (weight === 0) continue;
    const pixels = tile(cornerRow * side + cornerColumn);
    for (let place = 0; place < sum.length; place++) sum[place] += weight * pixels[place];
  }
  return Uint8ClampedArray.from(sum);
}
function paint(id, pixels) {
  const canvas = element(id);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

// ---------------------------------------------------------------- state, and showing it
const extras = directions.slice(2).map(() => 0);
const hidden = new Set();
let spot = { x: (data.range[0] + data.range[1]) / 2, y: (data.range[2] + data.range[3]) / 2 };
let near = null; // the number of the hovered point
let ends = []; // of the walk
let playing = false;
let realImage = null, rebuiltImage = null;
const places = codes.map(pointOf);
const visible = (number) => !data.points.labels || !hidden.has(data.points.labels[number]);

function conceptVector() {
  if (!means.length) return null;
  const from = means[element("conceptfrom").selectedIndex], to = means[element("conceptto").selectedIndex];
  return to.map((value, place) => value - from[place]);
}
function here() {
  const point = pointAt(spot.x, spot.y), vector = conceptVector();
  return vector ? shifted(point, vector, Number(element("strength").value)) : point;
}
function show() {
  const point = here();
  paint("here", decode(point));
  const [left, right, bottom, top] = data.range;
  const outside = point.x < left || point.x > right || point.y < bottom || point.y > top ? " (outside the plane)" : "";
  tell(`decoded at ${data.axes.names[0]} = ${brief(point.x)}, ${data.axes.names[1]} = ${brief(point.y)}${outside}`);
  for (const figure of document.querySelectorAll(".near")) figure.style.visibility = near === null ? "hidden" : "visible";
  if (near !== null) {
    paint("real", realImage(near));
    paint("rebuilt", network ? decode(places[near]) : rebuiltImage(near));
    const label = data.points.labels ? `, label ${data.classes[data.points.labels[near]].name}` : "";
    element("realtext").textContent = `held-out image ${data.points.numbers[near]}${label}`;
  }
  showWalk();
  draw(point);
}
const brief = (value) => value.toFixed(2).replace("-0.00", "0.00");
let spoken = 0;
function tell(text) { // at once to the eye, and to a screen reader when the pointer rests
  if (element("where").textContent === text) return;
  element("where").textContent = text;
  clearTimeout(spoken);
  spoken = setTimeout(() => { element("spoken").textContent = text; }, 500);
}
function showWalk() {
  element("walker").hidden = ends.length < 2;
  element("walkhint").hidden = ends.length === 2;
  element("walkhint").textContent = ends.length ? "Click the other end." : "Click two points in the plane.";
  if (ends.length === 2) paint("step", decode(between(...ends, Number(element("walkshare").value))));
}

// ---------------------------------------------------------------- the plane
const shapeOf = (label) => Math.floor(label / 10) % 4;
const plane = element("plane");
const toScreen = ({ x, y }, size) => [((x - data.range[0]) / (data.range[1] - data.range[0])) * size, ((data.range[3] - y) / (data.range[3] - data.range[2])) * size];
function draw(point) {
  const size = plane.clientWidth, ratio = window.devicePixelRatio || 1;
  if (plane.width !== Math.round(size * ratio)) plane.width = plane.height = Math.round(size * ratio);
  const context = plane.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = colour("--back");
  context.fillRect(0, 0, size, size);
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  const circle = (place, radius) => { context.beginPath(); context.arc(...place, radius, 0, 2 * Math.PI); };
  // From the eleventh class on, colours begin anew and the shape tells classes apart, as in figures/colours.py.
  const dot = ([x, y], shape) => {
    const corners = { 1: [[-1, -1], [1, -1], [1, 1], [-1, 1]], 2: [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]], 3: [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]] }[shape];
    if (!corners) return circle([x, y], 2.6);
    context.beginPath();
    corners.forEach(([a, b], number) => context[number ? "lineTo" : "moveTo"](x + 2.8 * a, y + 2.8 * b));
    context.closePath();
  };
  const ring = (place, radius) => { circle(place, radius); context.lineWidth = 2; context.strokeStyle = colour("--ink"); context.stroke(); };
  const say = (text, x, y, ink = "--ink") => {
    const half = context.measureText(text).width / 2 + 3;
    if (context.textAlign === "center") x = Math.min(Math.max(x, half), size - half);
    context.lineWidth = 4;
    context.strokeStyle = colour("--back");
    context.strokeText(text, x, y);
    context.fillStyle = colour(ink);
    context.fillText(text, x, y);
  };
  places.forEach((place, number) => {
    if (!visible(number)) return;
    context.fillStyle = data.points.labels ? data.classes[data.points.labels[number]].colour : colour("--mark");
    dot(toScreen(place, size), data.points.labels ? shapeOf(data.points.labels[number]) : 0);
    context.fill();
  });
  if (data.prior) {
    context.setLineDash([5, 4]);
    context.lineWidth = 1;
    for (const share of data.prior.shares) {
      const radius = Math.sqrt(-2 * Math.log(1 - share)), [x, y] = data.prior.centre;
      context.strokeStyle = colour("--quiet");
      circle(toScreen({ x, y }, size), (radius / (data.range[1] - data.range[0])) * size);
      context.stroke();
      context.setLineDash([]);
      // Below the centre or, where that is outside the plane, as near to it on the circle as there is room.
      const turns = Array.from({ length: 72 }, (_, number) => ((number % 2 ? 1 : -1) * Math.ceil(number / 2) * Math.PI) / 36);
      const spots = turns.map((turn) => toScreen({ x: x + radius * Math.sin(turn), y: y - radius * Math.cos(turn) }, size));
      const free = spots.find(([across, down]) => across > 70 && across < size - 50 && down > 10 && down < size - 45);
      if (free) say(`${Math.round(share * 100)}% of the prior`, ...free, "--quiet");
      context.setLineDash([5, 4]);
      context.lineWidth = 1;
    }
    context.setLineDash([]);
  }
  context.font = "bold 14px system-ui, sans-serif";
  for (const [label, each] of (data.classes || []).entries()) if (each.middle && !hidden.has(label)) say(each.name, ...toScreen({ x: each.middle[0], y: each.middle[1] }, size));
  for (const mark of data.marks) {
    const [x, y] = toScreen(mark, size);
    context.fillStyle = colour("--mark");
    circle([x, y], 5);
    context.fill();
    say(mark.name, x, y - 14);
  }
  context.strokeStyle = colour("--ink");
  context.lineWidth = 2;
  const screenEnds = ends.map((end) => toScreen(end, size));
  if (ends.length === 2) {
    context.beginPath(); context.moveTo(...screenEnds[0]); context.lineTo(...screenEnds[1]); context.stroke();
    circle(toScreen(between(...ends, Number(element("walkshare").value)), size), 5); context.fillStyle = colour("--ink"); context.fill();
  }
  screenEnds.forEach((end, number) => { ring(end, 8); say("AB"[number], end[0] + 14, end[1] - 10); });
  if (near !== null) ring(toScreen(places[near], size), 6);
  const [x, y] = toScreen(point, size);
  context.strokeStyle = colour("--back"); context.lineWidth = 5;
  for (const _ of [0, 1]) {
    context.beginPath(); context.moveTo(x - 9, y); context.lineTo(x + 9, y); context.moveTo(x, y - 9); context.lineTo(x, y + 9); context.stroke();
    context.strokeStyle = colour("--mark"); context.lineWidth = 2.5;
  }
  context.font = "12px system-ui, sans-serif";
  for (const [low, high, across] of [[data.range[0], data.range[1], true], [data.range[2], data.range[3], false]]) {
    const step = [0.5, 1, 2, 5, 10, 20, 50].find((size) => (high - low) / size < 7) || high - low;
    for (let value = Math.ceil(low / step + 0.5) * step; value < high - step / 2; value += step) {
      const [tickX, tickY] = toScreen({ x: value, y: value }, size);
      context.strokeStyle = colour("--quiet");
      context.lineWidth = 1;
      context.beginPath();
      if (across) { context.moveTo(tickX, size); context.lineTo(tickX, size - 5); } else { context.moveTo(0, tickY); context.lineTo(5, tickY); }
      context.stroke();
      context.textAlign = across ? "center" : "left";
      say(String(value), across ? tickX : 8, across ? size - 12 : tickY, "--quiet");
    }
  }
  context.textAlign = "center";
  say(data.axes.names[0], size / 2, size - 28, "--quiet");
  context.save(); context.translate(34, size / 2); context.rotate(-Math.PI / 2); say(data.axes.names[1], 0, 0, "--quiet"); context.restore();
}
function moveTo(x, y) {
  spot = { x: Math.min(Math.max(x, data.range[0]), data.range[1]), y: Math.min(Math.max(y, data.range[2]), data.range[3]) };
  const size = plane.clientWidth, [spotX, spotY] = toScreen(spot, size);
  near = null;
  let best = NEAR * NEAR;
  places.forEach((place, number) => {
    if (!visible(number)) return;
    const [placeX, placeY] = toScreen(place, size), distance = (placeX - spotX) ** 2 + (placeY - spotY) ** 2;
    if (distance < best) [best, near] = [distance, number];
  });
  schedule();
}
let scheduled = false;
let loaded = false; // whether the page's pictures are there to show
function schedule() { // at most one picture a frame of the screen
  if (scheduled || !loaded) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; show(); });
}
function setEnd() {
  if (ends.length === 2) clearEnds();
  ends.push(near === null ? here() : places[near]);
  if (ends.length === 2) {
    element("walkshare").value = 0;
    play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  }
  schedule();
}
function clearEnds() { ends = []; play(false); schedule(); }
let frame = 0;
function play(on) {
  playing = on;
  element("play").textContent = on ? "Stop" : "Play";
  cancelAnimationFrame(frame);
  let forth = 1, before = null;
  function step(now) {
    if (!playing || ends.length < 2) return;
    const slider = element("walkshare");
    let share = Number(slider.value) + (forth * (before === null ? 0 : now - before)) / 2500;
    if (share >= 1 || share <= 0) forth = share >= 1 ? -1 : 1;
    slider.step = "any";
    slider.value = Math.min(Math.max(share, 0), 1);
    before = now;
    showWalk();
    draw(here());
    frame = requestAnimationFrame(step);
  }
  if (on) frame = requestAnimationFrame(step);
}

// ---------------------------------------------------------------- what the reader does
function fromPointer(event) {
  const box = plane.getBoundingClientRect();
  moveTo(
    data.range[0] + ((event.clientX - box.left - plane.clientLeft) / plane.clientWidth) * (data.range[1] - data.range[0]),
    data.range[3] - ((event.clientY - box.top - plane.clientTop) / plane.clientHeight) * (data.range[3] - data.range[2]),
  );
}
plane.addEventListener("pointermove", fromPointer);
plane.addEventListener("pointerdown", fromPointer);
plane.addEventListener("click", setEnd);
plane.addEventListener("keydown", (event) => {
  const far = (event.shiftKey ? 0.05 : 0.01) * (data.range[1] - data.range[0]);
  const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
  if (event.key in moves) moveTo(spot.x + moves[event.key][0], spot.y + moves[event.key][1]);
  else if (event.key === "Enter" || event.key === " ") setEnd();
  else if (event.key === "Escape") clearEnds();
  else return;
  event.preventDefault();
});
element("play").addEventListener("click", () => { play(!playing); schedule(); });
element("clear").addEventListener("click", clearEnds);
element("walkshare").addEventListener("input", () => { play(false); schedule(); });
element("strength").addEventListener("input", () => { element("strengthtext").textContent = Number(element("strength").value).toFixed(2); schedule(); });
for (const id of ["conceptfrom", "conceptto"]) {
  for (const name of data.meanNames || []) element(id).add(new Option(name));
  element(id).addEventListener("change", schedule);
}
if (means.length > 1) element("conceptto").selectedIndex = 1;
(data.classes || []).forEach((each, label) => {
  const line = document.createElement("label"), box = document.createElement("input"), swatch = document.createElement("span");
  Object.assign(box, { type: "checkbox", checked: true });
  box.addEventListener("change", () => { if (box.checked) hidden.delete(label); else hidden.add(label); near = null; schedule(); });
  swatch.className = "swatch";
  swatch.style.color = each.colour;
  swatch.textContent = "●■▲◆"[shapeOf(label)];
  swatch.setAttribute("aria-hidden", "true");
  line.append(box, swatch, `${each.name} (${each.count})`);
  document.querySelector(".labels").append(line);
});
data.sliders.forEach((reach, number) => {
  const line = document.createElement("label"), name = document.createElement("span"), slider = document.createElement("input"), value = document.createElement("output");
  name.textContent = data.axes.names[number + 2];
  Object.assign(slider, { type: "range", min: -reach, max: reach, step: reach / 50, value: 0 });
  value.textContent = "0.00";
  slider.addEventListener("input", () => { extras[number] = Number(slider.value); value.textContent = extras[number].toFixed(2); schedule(); });
  line.append(name, slider, value);
  element("others").append(line);
  element("others").hidden = false;
});
new ResizeObserver(schedule).observe(plane);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", schedule);

// `explorer` lets tests and the curious ask the page itself: await explorer.ready; explorer.decodeLatent(z).
const ready = Promise.all([sheet(data.tiles), sheet(data.points.real), sheet(data.points.rebuilt)]).then((sheets) => {
  [tile, realImage, rebuiltImage] = sheets;
  loaded = true;
  show();
});
window.explorer = { ready, decodeLatent: (z) => decode(pointOf(Float32Array.from(z))), moveTo };
