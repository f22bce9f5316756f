/* The reader's own image: drawn on a canvas or dropped as a file, scaled like the training data, encoded by the network
   in the page. Its posterior is shown in the plane, its reconstruction beside it, and its loss in nats. */
"use strict";

const MNIST_BOX = 20; // MNIST scales a digit into a box of 20 pixels, and puts its centre of mass into the middle
const drawing = byId("drawing");
const source = make("canvas"); // what is encoded, before it is scaled

function setUpDrawing() {
  if (!encoder) return;
  const scale = Math.max(1, Math.round(280 / Math.max(width, height)));
  Object.assign(drawing, { width: width * scale, height: height * scale });
  const grey = channels === 1;
  byId("pen").hidden = grey;
  if (!grey) byId("pencolour").value = isDark() ? "#ffffff" : "#000000";
  byId("centreline").hidden = !data.centreDrawings;
  clearDrawing();
  let last = null;
  const at = (event) => {
    const box = drawing.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * drawing.width, ((event.clientY - box.top) / box.height) * drawing.height];
  };
  const line = (from, to) => {
    const context = drawing.getContext("2d");
    Object.assign(context, { lineWidth: drawing.width / 13, lineCap: "round", strokeStyle: grey ? (isDark() ? "#fff" : "#000") : byId("pencolour").value });
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    fromDrawing();
  };
  drawing.addEventListener("pointerdown", (event) => { drawing.setPointerCapture(event.pointerId); last = at(event); line(last, last); });
  drawing.addEventListener("pointermove", (event) => { if (last) { const next = at(event); line(last, next); last = next; } });
  for (const name of ["pointerup", "pointercancel"]) drawing.addEventListener(name, () => { if (last) { last = null; commit(); } });
  setUpPen(line);
}
// The keys: arrows move a pen by about the width of its line, the space bar puts it down and lifts it.
function setUpPen(line) {
  const tip = byId("pentip"), step = drawing.width / 14;
  let pen = [drawing.width / 2, drawing.height / 4], down = false;
  const show = () => {
    [tip.style.left, tip.style.top] = [`${(100 * pen[0]) / drawing.width}%`, `${(100 * pen[1]) / drawing.height}%`];
    tip.classList.toggle("down", down);
  };
  const lift = () => { if (down) commit(); down = false; show(); };
  drawing.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key === " " || event.key in moves)) return;
    event.preventDefault();
    if (event.key !== " ") {
      const limits = [drawing.width, drawing.height], from = pen;
      pen = pen.map((value, axis) => Math.min(Math.max(value + moves[event.key][axis], 0), limits[axis]));
      if (down) line(from, pen);
    } else if (event.repeat) return; // the space bar is held
    else if (down) lift();
    else { down = true; line(pen, pen); }
    show();
  });
  drawing.addEventListener("blur", lift);
  show();
}
// Whether the training images lie on black: so does the drawing, then.
const isDark = () => { const pixels = realImage(0); return pixels[0] + pixels[1] + pixels[2] < 382; };
function clearDrawing() {
  const context = drawing.getContext("2d");
  context.fillStyle = isDark() ? "#000" : "#fff";
  context.fillRect(0, 0, drawing.width, drawing.height);
  byId("imageproblem").textContent = "";
}

// ---------------------------------------------------------------- from a picture to the network's pixels
function fromDrawing() {
  Object.assign(source, { width: drawing.width, height: drawing.height });
  source.getContext("2d", { willReadFrequently: true }).drawImage(drawing, 0, 0);
  encodeSource(byId("centre").checked && data.centreDrawings);
}
async function fromFile(file) {
  byId("imageproblem").textContent = "";
  let picture;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    byId("imageproblem").textContent = `${file.name} is not an image that this browser can read; a PNG or JPEG will do.`;
    return;
  }
  // The centre, as large as the training images' shape allows, on white where it is transparent.
  const scale = Math.min(picture.width / width, picture.height / height);
  const [wide, high] = [width * scale, height * scale];
  Object.assign(source, { width: Math.max(1, Math.round(wide)), height: Math.max(1, Math.round(high)) });
  const context = source.getContext("2d", { willReadFrequently: true });
  if (channels < 4) { context.fillStyle = "#fff"; context.fillRect(0, 0, source.width, source.height); }
  context.drawImage(picture, (picture.width - wide) / 2, (picture.height - high) / 2, wide, high, 0, 0, source.width, source.height);
  encodeSource(false);
  commit();
}
// Returns a picture scaled down in steps of a half, so that each of its pixels counts.
function scaledDown(canvas) {
  let current = canvas;
  while (current.width >= 4 * width && current.height >= 4 * height) {
    const half = make("canvas", { width: current.width >> 1, height: current.height >> 1 });
    half.getContext("2d").drawImage(current, 0, 0, half.width, half.height);
    current = half;
  }
  const result = make("canvas", { width, height }), context = result.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(current, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
// Returns a canvas on which the drawing is as large and as centred as MNIST's digits are; the canvas itself if empty.
function centred(canvas) {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let left = canvas.width, right = -1, top = canvas.height, bottom = -1, mass = 0, sumX = 0, sumY = 0;
  for (let y = 0, at = 0; y < canvas.height; y++) for (let x = 0; x < canvas.width; x++, at += 4) {
    if (!pixels[at]) continue;
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    mass += pixels[at];
    sumX += pixels[at] * x;
    sumY += pixels[at] * y;
  }
  if (!mass) return canvas;
  const unit = canvas.width / width, factor = (MNIST_BOX * unit) / Math.max(right - left + 1, bottom - top + 1);
  const result = make("canvas", { width: canvas.width, height: canvas.height }), context = result.getContext("2d");
  context.fillRect(0, 0, result.width, result.height);
  context.setTransform(factor, 0, 0, factor, result.width / 2 - (factor * sumX) / mass, result.height / 2 - (factor * sumY) / mass);
  context.drawImage(canvas, 0, 0);
  return result;
}
function encodeSource(centre) {
  const pixels = scaledDown(centre ? centred(source) : source), invert = byId("invert").checked;
  const image = new Float32Array(height * width * channels);
  for (let spot = 0; spot < height * width; spot++) {
    const [red, green, blue, alpha] = pixels.subarray(4 * spot, 4 * spot + 4);
    // Grey as Pillow computes it.
    const values = channels === 1 ? [0.299 * red + 0.587 * green + 0.114 * blue] : [red, green, blue, alpha];
    const share = channels === 4 ? alpha / 255 : 1; // networks see premultiplied colours
    for (let channel = 0; channel < channels; channel++) {
      const level = invert && channel < 3 ? 255 - values[channel] : values[channel];
      image[spot * channels + channel] = (channel < 3 ? level * share : level) / 255;
    }
  }
  encodeImage(image);
}

// ---------------------------------------------------------------- the posterior, and the loss
// Takes an image with values from 0 to 1; the spot goes to the mean of its posterior.
function encodeImage(image) {
  if (Math.max(...image) - Math.min(...image) < 0.02) {
    state.posterior = null;
    byId("imageproblem").textContent = "The image is empty: draw something, or choose a picture with some contrast.";
    schedule();
    return;
  }
  byId("imageproblem").textContent = "";
  const [low, high] = data.pixelRange;
  const values = encoder.run(image.map((value) => low + value * (high - low)), labelRow());
  const mean = values.slice(0, data.latentDim), logVar = values.slice(data.latentDim);
  state.posterior = { image, mean, logVar, deviation: logVar.map((value) => Math.exp(value / 2)), epsilon: null };
  state.z = Float32Array.from(mean);
  state.seed = null;
  schedule();
}
function sampleAgain() {
  const { mean, deviation } = state.posterior;
  const epsilon = mean.map(() => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));
  state.posterior = { ...state.posterior, epsilon };
  state.z = mean.map((value, number) => value + deviation[number] * epsilon[number]);
  schedule();
  commit();
}
const sampleOf = ({ mean, deviation, epsilon }) => (epsilon ? mean.map((value, number) => value + deviation[number] * epsilon[number]) : mean);

// Minus log p(x|z) in nats, as keras_gen.models.losses computes it; `logits` are the decoder's before its sigmoid, and
// `logScale` is the logarithm of the scale of a discretised logistic.
function reconstructionLoss(image, logits, likelihood, logScale) {
  const softplus = (value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
  const half = 0.5 / 255, rate = Math.exp(-(logScale ?? 0)), within = Math.log(-Math.expm1(-2 * half * rate));
  let sum = 0;
  logits.forEach((logit, number) => {
    const x = image[number];
    if (likelihood === "gaussian") {
      const deviation = 0.1, error = (x - 1 / (1 + Math.exp(-logit))) / deviation;
      sum += 0.5 * error * error + Math.log(deviation) + 0.5 * Math.log(2 * Math.PI);
      return;
    }
    if (likelihood === "discretized_logistic") {
      const error = x - 1 / (1 + Math.exp(-logit));
      const upToIt = softplus(-(error + half) * rate), fromItOn = softplus((error - half) * rate);
      sum += x < half ? upToIt : x > 1 - half ? fromItOn : upToIt + fromItOn - within;
      return;
    }
    const distance = Math.abs(logit);
    sum += Math.max(logit, 0) - logit * x + Math.log1p(Math.exp(-distance));
    if (likelihood === "continuous_bernoulli") sum -= distance < 0.05 ? Math.log(2) + (logit * logit) / 12 : Math.log(distance / Math.tanh(distance / 2));
  });
  return sum;
}
function lossTerms({ image, mean, logVar, ...rest }) {
  const reconstruction = reconstructionLoss(image, decoder.logits(sampleOf({ mean, ...rest }), labelRow()), data.loss.likelihood, data.loss.logScale);
  const kl = -0.5 * logVar.reduce((sum, value, number) => sum + 1 + value - mean[number] ** 2 - Math.exp(value), 0);
  return { reconstruction, kl, loss: reconstruction + data.loss.beta * kl };
}
let posteriorShown = "";
function showPosterior() {
  const { posterior } = state;
  byId("posterior").hidden = !posterior;
  const key = posterior ? [...sampleOf(posterior), ...(labelRow() ?? [])].join() : "";
  if (key === posteriorShown) return;
  posteriorShown = key;
  if (!posterior) return;
  paint(byId("own"), toPixels(posterior.image, data.imageShape, [0, 1]));
  decoder.many([sampleOf(posterior)], labelRow(), (pixels) => paint(byId("ownrebuilt"), pixels), () => state.posterior === posterior);
  const { reconstruction, kl, loss } = lossTerms(posterior);
  byId("ownloss").textContent = `Loss ${loss.toFixed(1)} nats = reconstruction ${reconstruction.toFixed(1)} + ${data.loss.beta === 1 ? "" : `${brief(data.loss.beta)} × `}KL ${kl.toFixed(2)}`;
  const listed = (vector) => `${Array.from(vector.slice(0, 4), (value) => value.toFixed(2)).join(", ")}${vector.length > 4 ? ", …" : ""}`.replaceAll("-", "−");
  byId("ownsample").textContent = `Posterior: mean ${listed(posterior.mean)}; deviation ${listed(posterior.deviation)}; in the plane, the ellipses of 1 and 2 standard deviations (sd). ` + (posterior.epsilon ? `z = mean + deviation × ε, with ε = ${listed(posterior.epsilon)}` : "z = mean");
}

if (byId("drawing")) {
  byId("cleardrawing").addEventListener("click", () => { clearDrawing(); state.posterior = null; schedule(); commit(); });
  byId("sampleagain").addEventListener("click", sampleAgain);
  byId("toplane").addEventListener("click", () => { plane.scrollIntoView(); plane.focus({ preventScroll: true }); });
  takeFiles(byId("file"), fromFile);
  for (const id of ["centre", "invert"]) byId(id).addEventListener("change", () => { if (source.width && state.posterior) { encodeSource(id === "centre" && byId("centre").checked); commit(); } });
}
