/* The widgets of every page: slider, player, line chart, sheet of images, tooltip, large pictures, copy and save.

   A page's scripts are joined into one, this file first, so these functions are known to all of them.
   All texts are set as text, never as HTML. */
"use strict";

const byId = (id) => document.getElementById(id);

// Makes an element: make("p", { className: "quiet" }, "text", otherElement).
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

// Returns the data that came with the page, JSON in a script element.
const pageData = (id) => JSON.parse(byId(id).textContent);

// Returns a number with about four digits.
function brief(value) {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}

// ---------------------------------------------------------------- slider and player

/* A slider with its name and value. `format` turns the number into the shown text; `oninput` gets the number.
   Returns { element, input, value }; setting `value` shows it without calling `oninput`. */
function slider({ name, min = 0, max = 1, step = "any", value = min, format = brief, oninput = () => {} }) {
  const input = make("input", { type: "range", min, max, step, value });
  const output = make("output");
  const element = make("label", { className: "slider" }, make("span", {}, name), input, output);
  const show = () => {
    output.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => { show(); oninput(Number(input.value)); });
  show();
  return {
    element,
    input,
    show,
    get value() { return Number(input.value); },
    set value(number) { input.value = number; show(); },
  };
}

/* A slider over frames with a Play button: frames are whole numbers from 0, shown by `show(frame)`.
   Space and the arrow keys work on whichever control has the focus. Returns { element, slider, playing, stop, set }. */
function player({ name, count, format, show, frame = count - 1, frameMs = 250 }) {
  let timer = null;
  const control = slider({ name, max: Math.max(0, count - 1), step: 1, value: frame, format, oninput: (chosen) => { stop(); show(chosen); } });
  const button = make("button", { type: "button" }, "Play");
  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  }
  function set(chosen) {
    control.value = chosen;
    show(chosen);
  }
  function play() {
    if (control.value >= count - 1) set(0);
    button.textContent = "Pause";
    timer = setInterval(() => {
      set(control.value + 1);
      if (control.value >= count - 1) stop();
    }, frameMs);
  }
  const toggle = () => (timer ? stop() : play());
  button.addEventListener("click", toggle);
  control.input.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
  const element = make("div", { className: "player" }, button, control.element);
  element.hidden = count < 2;
  return { element, slider: control, get playing() { return timer !== null; }, stop, set };
}

// ---------------------------------------------------------------- line chart

const SVG = "http://www.w3.org/2000/svg";
function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Returns about `count` round numbers between two.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const result = [];
  for (let tick = Math.ceil(low / step); tick * step <= high + 1e-9 * step; tick++) result.push(Number((tick * step).toPrecision(12)));
  return result;
}

/* A line chart. It is drawn anew at each width, so that its texts are as large on a phone as on a screen.
   `series` is [{ name, points: [[x, y], ...], dashed, colour }], `colour` a number from 1 to 8 (default: in turn); a
   point whose y is null breaks the line. The keys above it show the values at the pointer, by default the last ones;
   the arrow keys move through them, too.
   Returns the <figure>, which has a method `pointAt(x)`. */
function lineChart({ title, xName = "epoch", unit = "", series, format = brief }) {
  const lines = series
    .map((line, number) => ({ ...line, stroke: `var(--series-${((line.colour ?? number + 1) - 1) % 8 + 1})`, points: line.points.filter(([x]) => Number.isFinite(x)) }))
    .filter((line) => line.points.length);
  const finite = lines.flatMap((line) => line.points.filter(([, y]) => Number.isFinite(y)));
  const xs = [...new Set(lines.flatMap((line) => line.points.map(([x]) => x)))].sort((a, b) => a - b);
  const svg = makeSvg("svg", { tabindex: 0, role: "slider", "aria-label": `${title}: values by ${xName}`, "aria-valuemin": xs[0], "aria-valuemax": xs.at(-1) });
  const place = make("output");
  const values = lines.map(() => make("output"));
  const sample = (line) => makeSvg("svg", { viewBox: "0 0 32 12", "aria-hidden": "true" }, makeSvg("path", { d: "M1 6H31", class: "line", style: `stroke: ${line.stroke}`, "stroke-width": 3, ...(line.dashed ? { "stroke-dasharray": "6 4" } : {}) }));
  const keys = make("ul", { className: "keys" }, make("li", {}, `${xName} `, place), ...lines.map((line, number) => make("li", {}, sample(line), ` ${line.name} `, values[number])));
  const figure = make("figure", { className: "chart" }, make("figcaption", {}, title + (unit ? `, in ${unit}` : "")), keys, svg);
  let index = xs.length - 1, mark = () => {};

  // The last point at or before an x: lines may end earlier, or have points at other places.
  const valueAt = (line, x) => line.points.findLast(([at, y]) => at <= x && Number.isFinite(y))?.[1];
  function select(chosen) {
    index = Math.min(Math.max(chosen, 0), xs.length - 1);
    place.textContent = format(xs[index]);
    lines.forEach((line, number) => { values[number].textContent = format(valueAt(line, xs[index]) ?? NaN); });
    svg.setAttribute("aria-valuenow", xs[index]);
    svg.setAttribute("aria-valuetext", `${xName} ${place.textContent}: ${lines.map((line, number) => `${line.name} ${values[number].textContent}`).join(", ")}`);
    mark();
  }
  const nearest = (x) => xs.reduce((best, value, number) => (Math.abs(value - x) < Math.abs(xs[best] - x) ? number : best), 0);

  function draw() {
    const width = Math.max(260, Math.round(figure.clientWidth) || 600), height = Math.round(Math.min(Math.max(width * 0.5, 190), 340));
    const low = Math.min(...finite.map(([, y]) => y)), high = Math.max(...finite.map(([, y]) => y));
    const space = (high - low || Math.abs(high) || 1) * 0.05;
    const yTicks = ticks(low - space, high + space, height / 50), labels = yTicks.map(brief);
    const left = 14 + 7 * Math.max(...labels.map((label) => label.length)), right = width - 12, bottom = height - 34, top = 8;
    const xOf = (x) => left + ((x - xs[0]) / (xs.at(-1) - xs[0] || 1)) * (right - left);
    const yOf = (y) => bottom - ((y - low + space) / (high - low + 2 * space)) * (bottom - top);
    const marks = makeSvg("g");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren(
      ...yTicks.flatMap((tick, number) => [makeSvg("path", { class: "axis", d: `M${left} ${yOf(tick)}H${right}` }), makeSvg("text", { x: left - 6, y: yOf(tick) + 4, "text-anchor": "end" }, labels[number])]),
      ...ticks(xs[0], xs.at(-1), Math.min(xs.length, width / 80)).map((tick) => makeSvg("text", { x: xOf(tick), y: bottom + 16, "text-anchor": "middle" }, brief(tick))),
      makeSvg("text", { x: (left + right) / 2, y: height - 3, "text-anchor": "middle" }, xName),
      ...lines.map((line) => makeSvg("path", { class: "line", style: `stroke: ${line.stroke}`, d: path(line.points, xOf, yOf), ...(line.dashed ? { "stroke-dasharray": "6 4" } : {}) })),
      marks,
    );
    mark = () => {
      const x = xOf(xs[index]);
      const dots = lines.map((line) => [line, valueAt(line, xs[index])]).filter(([, y]) => y !== undefined);
      marks.replaceChildren(
        makeSvg("path", { class: "cursor", d: `M${x} ${top}V${bottom}` }),
        ...dots.map(([line, y]) => makeSvg("circle", { cx: x, cy: yOf(y), r: 4, style: `fill: ${line.stroke}` })),
      );
    };
    mark();
    svg.onpointermove = svg.onpointerdown = (event) => {
      const box = svg.getBoundingClientRect();
      const share = ((event.clientX - box.left) * (width / box.width) - left) / (right - left);
      select(nearest(xs[0] + share * (xs.at(-1) - xs[0])));
    };
  }
  svg.addEventListener("pointerleave", () => select(xs.length - 1));
  svg.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: index - 1, ArrowDown: index - 1, ArrowRight: index + 1, ArrowUp: index + 1, Home: 0, End: xs.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    select(moves[event.key]);
  });
  if (finite.length) {
    new ResizeObserver(draw).observe(figure);
    select(index);
  }
  figure.pointAt = (x) => select(nearest(x));
  return figure;
}

function path(points, xOf, yOf) {
  let text = "", pen = "M";
  for (const [x, y] of points) {
    if (Number.isFinite(y)) text += `${pen}${xOf(x).toFixed(1)} ${yOf(y).toFixed(1)}`;
    pen = Number.isFinite(y) ? "L" : "M";
  }
  return text.replace(/M([^ML]+)(?=M|$)/g, "M$1h.1"); // a point alone is a dot
}

// ---------------------------------------------------------------- sheet of images

/* A sheet of images to click, with arrow keys. `images` is [{ name, picture }], `picture` an <img>, a <canvas> or the
   source of one; `onchoose(number)` is called when one is chosen. Returns { element, choose }; `choose(number)` shows
   which one is chosen without calling `onchoose`. */
function imageSheet({ images, onchoose = () => {}, label = "images", chosen = -1 }) {
  const buttons = images.map(({ name, picture }, number) => {
    const shown = typeof picture === "string" ? make("img", { src: picture, alt: "" }) : picture;
    const button = make("button", { type: "button", title: name, "aria-label": name, "aria-pressed": "false", tabIndex: -1 }, shown);
    button.addEventListener("click", () => { choose(number); onchoose(number); });
    return button;
  });
  const element = make("div", { className: "sheet", role: "group", "aria-label": label }, ...buttons);
  function choose(number) {
    buttons.forEach((button, place) => {
      button.setAttribute("aria-pressed", String(place === number));
      button.tabIndex = place === Math.max(number, 0) ? 0 : -1;
    });
  }
  element.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const columns = buttons.findIndex((button) => button.offsetTop > buttons[0].offsetTop);
    const down = columns < 0 ? buttons.length : columns;
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - down, ArrowDown: at + down, Home: 0, End: buttons.length - 1 };
    if (at < 0 || !buttons[moves[event.key]]) return;
    event.preventDefault();
    buttons[moves[event.key]].focus();
    buttons[moves[event.key]].click();
  });
  choose(chosen);
  return { element, choose };
}

// ---------------------------------------------------------------- tooltip, large pictures, copy, save

// Shows a text near a place of the window; `hideTooltip` takes it away. Elements with `data-tip` do so by themselves.
function showTooltip(text, x, y) {
  const tip = byId("tooltip") ?? document.body.appendChild(make("div", { id: "tooltip", role: "tooltip" }));
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - box.width - 4))}px`;
  tip.style.top = `${y + 16 + box.height > innerHeight ? Math.max(4, y - box.height - 10) : y + 16}px`;
}
function hideTooltip() {
  if (byId("tooltip")) byId("tooltip").hidden = true;
}
for (const name of ["pointerover", "focusin"]) {
  document.addEventListener(name, (event) => {
    const owner = event.target.closest?.("[data-tip]");
    if (!owner) return hideTooltip();
    const box = owner.getBoundingClientRect();
    showTooltip(owner.dataset.tip, event.clientX ?? box.left, event.clientY ?? box.bottom - 12);
  });
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTooltip(); });

// Opens the picture of each <button class="large"> in a dialog; a click or Escape closes it.
function largePictures(root = document) {
  const dialog = document.body.appendChild(make("dialog", { id: "large", "aria-label": "a picture, large" }, make("img", { alt: "" })));
  dialog.addEventListener("click", () => dialog.close());
  for (const button of root.querySelectorAll("button.large")) {
    button.addEventListener("click", () => {
      const { src, alt, className } = button.querySelector("img");
      Object.assign(dialog.firstElementChild, { src, alt, className });
      dialog.showModal();
    });
  }
  return dialog;
}

// A button that copies a text, or what a function returns.
function copyButton(text, name = "Copy") {
  const button = make("button", { type: "button" }, name);
  button.addEventListener("click", async () => {
    const value = typeof text === "function" ? text() : text;
    try {
      await navigator.clipboard.writeText(value);
      button.textContent = "Copied";
    } catch { // a page opened from a file may not be allowed to
      const area = document.body.appendChild(make("textarea", { value, className: "unseen" }));
      area.select();
      button.textContent = document.execCommand("copy") ? "Copied" : "Select the text and copy it";
      area.remove();
      button.focus();
    }
    setTimeout(() => { button.textContent = name; }, 2000);
  });
  return button;
}

// Saves a canvas as a PNG file, each of its pixels drawn `scale` times as wide and high.
function savePicture(canvas, name, scale = 1) {
  const large = make("canvas", { width: canvas.width * scale, height: canvas.height * scale });
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, large.width, large.height);
  large.toBlob((blob) => {
    const link = make("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }, "image/png");
}
