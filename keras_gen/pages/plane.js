/* The plane: a mosaic of what the network makes there, dots, circles of the prior, the reader's posterior, and the spot. */
"use strict";

const plane = byId("plane");
const NEAR = 12; // CSS pixels within which a dot is taken
const shown = { mosaic: true, dots: true, prior: true };
const hiddenLabels = new Set();
const shapeOf = (label) => Math.floor(label / 10) % 4; // as in figures/colours.py: colours begin anew, shapes differ

const toScreen = ([x, y], size, [left, right, bottom, top] = planeRange()) => [((x - left) / (right - left)) * size, ((top - y) / (top - bottom)) * size];
const labelOf = (number) => data.points?.labels?.[number] ?? null;
const visible = (number) => shown.dots && !hiddenLabels.has(labelOf(number)) && (!conditional || labelOf(number) === state.classes[0]);

// Where the codes lie in the plane: computed anew when the plane changes.
let dots = [], dotsKey = "";
function updateDots() {
  const key = [state.basis, ...state.axes].join();
  if (key === dotsKey) return;
  dotsKey = key;
  dots = codes.map(place);
}
function nearestDot(x, y) {
  const size = plane.clientWidth, range = planeRange(), [spotX, spotY] = toScreen([x, y], size, range);
  let near = null, best = NEAR * NEAR;
  dots.forEach((dot, number) => {
    if (!visible(number)) return;
    const [dotX, dotY] = toScreen(dot, size, range), distance = (dotX - spotX) ** 2 + (dotY - spotY) ** 2;
    if (distance < best) [best, near] = [distance, number];
  });
  return near;
}

// ---------------------------------------------------------------- the mosaic
const mosaic = { canvas: make("canvas"), key: "", cells: 0 };
function mosaicKey() { // what the mosaic depends on: all but the place in the plane
  const off = pointAt(0, 0);
  return [state.basis, ...state.axes, ...state.classes, state.mix, state.length, ...Array.from(off, (value) => value.toFixed(3))].join();
}
let growing = 0;
function mosaicGrew() { // to draw all dots anew for each cell would take longer than the cells
  growing ||= setTimeout(() => { growing = 0; staticKey = ""; schedule(); }, 120);
}
const paintMosaic = afterRest(() => {
  const key = mosaicKey();
  if (key === mosaic.key || !shown.mosaic) return;
  mosaic.key = key;
  const columns = decoder.quick ? 24 : 12, rows = Math.max(2, Math.round((columns * width) / height));
  Object.assign(mosaic.canvas, { width: columns * width, height: rows * height });
  const context = mosaic.canvas.getContext("2d"), cell = make("canvas");
  const [left, right, bottom, top] = planeRange();
  const cells = []; // coarse ones come first, and finer ones over them
  for (const size of [4, 2, 1]) {
    for (let row = 0; row < rows; row += size) for (let column = 0; column < columns; column += size) {
      const x = left + ((column + size / 2) / columns) * (right - left), y = top - ((row + size / 2) / rows) * (top - bottom);
      cells.push({ row, column, size, z: pointAt(x, y) });
    }
  }
  mosaic.cells = 0;
  decoder.many(cells.map(({ z }) => effective(z)), labelRow(), (pixels, number) => {
    const { row, column, size } = cells[number];
    paint(cell, pixels);
    context.imageSmoothingEnabled = false;
    context.drawImage(cell, column * width, row * height, size * width, size * height);
    mosaic.cells++;
    mosaicGrew();
  }, () => mosaic.key === key);
});

// ---------------------------------------------------------------- drawing
let ink = {}, unit = 1; // texts and dots grow as the page's text does: its size, of 16 pixels
function readStyle() {
  const style = getComputedStyle(document.documentElement);
  unit = parseFloat(style.fontSize) / 16;
  ink = Object.fromEntries(["back", "ink", "quiet", "mark", "line"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
function circle(context, [x, y], radius) { context.beginPath(); context.arc(x, y, radius, 0, 2 * Math.PI); }
function write(context, text, x, y, size, colour = ink.ink) {
  const half = context.measureText(text).width / 2 + 3;
  if (context.textAlign === "center") x = Math.min(Math.max(x, half), size - half);
  Object.assign(context, { lineWidth: 4, lineJoin: "round", strokeStyle: ink.back, fillStyle: colour });
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}
function dotPath(context, [x, y], shape, radius) {
  const corners = { 1: [[-1, -1], [1, -1], [1, 1], [-1, 1]], 2: [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]], 3: [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]] }[shape];
  if (!corners) return circle(context, [x, y], radius);
  context.beginPath();
  corners.forEach(([a, b], number) => context[number ? "lineTo" : "moveTo"](x + radius * a, y + radius * b));
  context.closePath();
}

// What does not change while the spot moves is drawn once, on a canvas of its own.
const background = make("canvas");
let staticKey = "";
function drawBackground(size, ratio) {
  const key = [dotsKey, size, ratio, mosaic.key, shown.mosaic, shown.dots, shown.prior, ...hiddenLabels, state.classes[0], ink.back].join();
  if (key === staticKey) return;
  staticKey = key;
  background.width = background.height = Math.round(size * ratio);
  const context = background.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = ink.back;
  context.fillRect(0, 0, size, size);
  Object.assign(context, { font: "12px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  if (shown.mosaic && mosaic.cells) {
    context.imageSmoothingEnabled = mosaic.canvas.width > size * ratio;
    context.drawImage(mosaic.canvas, 0, 0, size, size);
  }
  const range = planeRange();
  if (shown.mosaic && !mosaic.cells) write(context, "computing the images of the plane …", size / 2, size / 2, size, ink.quiet);
  dots.forEach((dot, number) => {
    if (!visible(number)) return;
    const label = labelOf(number);
    dotPath(context, toScreen(dot, size, range), label === null ? 0 : shapeOf(label), size < 450 ? 2 : 3);
    Object.assign(context, { lineWidth: 1.5, strokeStyle: "#fff", fillStyle: label === null ? "#1f77d0" : data.classes[label].colour });
    if (shown.mosaic) context.stroke();
    context.fill();
  });
  if (shown.prior) drawPrior(context, size);
  if (shown.dots && data.points?.labels && data.named && !conditional) drawNames(context, size);
  drawTicks(context, size);
}
function drawPrior(context, size) {
  const [left, right] = planeRange(), centre = place(new Float32Array(data.latentDim));
  for (const share of data.priorShares) {
    const radius = Math.sqrt(-2 * Math.log(1 - share));
    circle(context, toScreen(centre, size), (radius / (right - left)) * size);
    for (const [colour, dash] of [["#000", []], ["#fff", [5, 5]]]) { // seen on dark and on bright images
      Object.assign(context, { lineWidth: 1.2, strokeStyle: colour });
      context.setLineDash(dash);
      context.stroke();
    }
    context.setLineDash([]);
    // Below the centre or, where that is outside the plane, as near to it on the circle as there is room.
    const turns = Array.from({ length: 72 }, (_, number) => ((number % 2 ? 1 : -1) * Math.ceil(number / 2) * Math.PI) / 36);
    const spots = turns.map((turn) => toScreen([centre[0] + radius * Math.sin(turn), centre[1] - radius * Math.cos(turn)], size));
    const free = spots.find(([across, down]) => across > 70 && across < size - 50 && down > 10 && down < size - 45);
    if (free) write(context, `${Math.round(share * 100)}% of the prior`, ...free, size);
  }
}
function drawNames(context, size) {
  context.font = "bold 15px system-ui, sans-serif";
  data.classes.forEach(({ name }, label) => {
    const own = dots.filter((_, number) => labelOf(number) === label);
    if (own.length < data.fewestNamed || hiddenLabels.has(label)) return;
    const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    write(context, name, ...toScreen([median(own.map(([x]) => x)), median(own.map(([, y]) => y))], size), size);
  });
}
function drawTicks(context, size) {
  const [left, right, bottom, top] = planeRange();
  context.font = "12px system-ui, sans-serif";
  for (const [low, high, across] of [[left, right, true], [bottom, top, false]]) {
    for (const tick of ticks(low, high, 6)) {
      const [x, y] = toScreen([tick, tick], size);
      if ((across ? x : size - y) < 50 || (across ? x : y) > size - 16 || (!across && y < 12)) continue;
      context.textAlign = across ? "center" : "left";
      write(context, brief(tick), across ? x : 4, across ? size - 9 : y, size);
    }
  }
  context.textAlign = "center";
  write(context, basis().names[state.axes[0]], size / 2, size - 25, size);
  context.save();
  context.translate(44, size / 2);
  context.rotate(-Math.PI / 2);
  write(context, basis().names[state.axes[1]], 0, 0, 1e6);
  context.restore();
}

// The posterior's ellipses of 1 and 2 standard deviations, as it lies in the plane.
function drawPosterior(context, size) {
  const { mean, deviation } = state.posterior, centre = place(mean);
  const [first, second] = state.axes.map((axis) => basis().directions[axis].map((value, number) => value * deviation[number]));
  const a = Math.sqrt(dot(first, first)) || 1e-9, b = dot(first, second) / a, c = Math.sqrt(Math.max(dot(second, second) - b * b, 0));
  for (const count of [1, 2]) {
    const points = Array.from({ length: 64 }, (_, number) => {
      const turn = (number / 64) * 2 * Math.PI;
      return toScreen([centre[0] + count * a * Math.cos(turn), centre[1] + count * (b * Math.cos(turn) + c * Math.sin(turn))], size);
    });
    context.beginPath();
    points.forEach(([x, y], number) => context[number ? "lineTo" : "moveTo"](x, y));
    context.closePath();
    for (const [colour, lineWidth] of [[ink.back, 5], [ink.mark, 2.5]]) { Object.assign(context, { strokeStyle: colour, lineWidth }); context.stroke(); }
    write(context, `${count} sd`, ...points[48].map((value, axis) => value + (axis ? 9 : 0)), size);
  }
}
function cross(context, [x, y]) {
  for (const [colour, lineWidth] of [[ink.back, 6], [ink.mark, 3]]) {
    context.beginPath();
    for (const [a, b] of [[10, 0], [0, 10]]) { context.moveTo(x - a, y - b); context.lineTo(x + a, y + b); }
    Object.assign(context, { strokeStyle: colour, lineWidth });
    context.stroke();
  }
}
function drawPlane(near) {
  const size = plane.clientWidth / unit, ratio = (window.devicePixelRatio || 1) * unit;
  updateDots();
  drawBackground(size, ratio);
  if (plane.width !== background.width) plane.width = plane.height = background.width;
  const context = plane.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(background, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  Object.assign(context, { font: "bold 14px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  const ring = (spot, radius) => { for (const [colour, lineWidth] of [[ink.back, 5], [ink.mark, 2.5]]) { circle(context, spot, radius); Object.assign(context, { strokeStyle: colour, lineWidth }); context.stroke(); } };
  for (const mark of basis().marks) {
    const spot = toScreen([mark.x, mark.y], size);
    ring(spot, 5);
    write(context, mark.name, spot[0], spot[1] - 15, size);
  }
  const [a, b] = state.ends;
  if (a && b) {
    const points = Array.from({ length: 25 }, (_, number) => toScreen(place(between(a, b, number / 24)), size));
    context.beginPath();
    points.forEach(([x, y], number) => context[number ? "lineTo" : "moveTo"](x, y));
    for (const [colour, lineWidth] of [[ink.back, 5], [ink.mark, 2]]) { Object.assign(context, { strokeStyle: colour, lineWidth }); context.stroke(); }
  }
  state.ends.forEach((end, number) => {
    if (!end) return;
    const spot = toScreen(place(end), size);
    ring(spot, 7);
    write(context, "AB"[number], spot[0] + 15, spot[1] - 11, size);
  });
  if (state.posterior) drawPosterior(context, size);
  if (near !== null) ring(toScreen(dots[near], size), 7);
  cross(context, toScreen(place(state.z), size));
}

// ---------------------------------------------------------------- pointer and keys
const fromPointer = (event) => {
  const box = plane.getBoundingClientRect(), [left, right, bottom, top] = planeRange();
  const x = left + ((event.clientX - box.left - plane.clientLeft) / plane.clientWidth) * (right - left);
  const y = top - ((event.clientY - box.top - plane.clientTop) / plane.clientHeight) * (top - bottom);
  return [Math.min(Math.max(x, left), right), Math.min(Math.max(y, bottom), top)];
};
function moveTo(x, y) {
  stopMix();
  setCoordinates([[state.axes[0], x], [state.axes[1], y]]);
  schedule();
}
let pressedAt = null;
plane.addEventListener("pointerdown", (event) => {
  if (event.button > 0) return;
  plane.setPointerCapture(event.pointerId);
  pressedAt = [event.clientX, event.clientY];
  hideTooltip();
  moveTo(...fromPointer(event));
});
plane.addEventListener("pointermove", (event) => {
  if (pressedAt || byId("follow").checked) return moveTo(...fromPointer(event));
  const near = nearestDot(...fromPointer(event));
  if (near === null) return hideTooltip();
  const label = labelOf(near);
  showTooltip(`held-out image ${data.points.numbers[near]}${label === null ? "" : `, label ${data.classes[label].name}`}`, event.clientX, event.clientY);
});
plane.addEventListener("pointerleave", hideTooltip);
plane.addEventListener("pointerup", (event) => {
  if (!pressedAt) return;
  const still = Math.hypot(event.clientX - pressedAt[0], event.clientY - pressedAt[1]) < 4;
  pressedAt = null;
  const near = nearestDot(...fromPointer(event));
  if (still && near !== null) setPoint(Float32Array.from(codes[near])); // the whole code, not what the plane shows of it
  schedule();
  commit();
});
plane.addEventListener("pointercancel", () => { pressedAt = null; });
plane.addEventListener("keydown", (event) => {
  const [left, right] = planeRange(), far = (event.shiftKey ? 0.05 : 0.01) * (right - left);
  const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
  const [x, y] = place(state.z);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in moves) moveTo(x + moves[event.key][0], y + moves[event.key][1]);
  else if (event.key === "a" || event.key === "b") setEnd("ab".indexOf(event.key));
  else if (event.key === "Enter") setEnd(state.ends[0] && !state.ends[1] ? 1 : 0);
  else if (event.key === "Escape") clearEnds();
  else return;
  event.preventDefault();
});
plane.addEventListener("keyup", (event) => { if (event.key.startsWith("Arrow")) commit(); });
const restyled = () => { readStyle(); schedule(); };
const resized = new ResizeObserver(restyled);
for (const element of [plane, document.documentElement]) resized.observe(element);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyled);
readStyle();
