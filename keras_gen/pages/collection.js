"use strict";
const { sheets, side, perRow, pixelated, names, places, labels, classes, colours, groups, copies, unusual, spreads } = pageData("data");
const perSheet = perRow * perRow, count = names.length;
document.body.classList.toggle("pixelated", pixelated);
const pictures = sheets.map((source) => Object.assign(new Image(), { src: source }));
const labelled = labels !== null && classes.length > 1;
const about = (index) => names[index] + (labelled ? `, ${classes[labels[index]]}` : "");

// Draws a thumbnail into a square of a canvas.
function drawThumbnail(context, index, x, y, size) {
  const place = index % perSheet;
  context.drawImage(pictures[Math.floor(index / perSheet)], (place % perRow) * side, Math.floor(place / perRow) * side, side, side, x, y, size, size);
}

function thumbnail(index) {
  const canvas = make("canvas", { width: side, height: side });
  drawThumbnail(canvas.getContext("2d"), index, 0, 0, side);
  return canvas;
}

const sheetOf = (indices, label) => imageSheet({ images: indices.map((index) => ({ name: about(index), picture: thumbnail(index) })), label, onchoose: (number) => choose(indices[number], true) }).element;

// ---------------------------------------------------------------- the map

const map = byId("map"), context = map.getContext("2d");
const view = { x: 0.5, y: 0.5, scale: 1 }; // what is in the middle, and pixels a unit
let fit = 1, chosen = null, shownClass = null, asked = false;
const order = [...Array(count).keys()];

function reset() {
  const xs = places.map(([x]) => x), ys = places.map(([, y]) => y);
  const width = Math.max(...xs) - Math.min(...xs), height = Math.max(...ys) - Math.min(...ys);
  fit = 0.92 * Math.min(map.clientWidth / (width || 1), map.clientHeight / (height || 1));
  Object.assign(view, { x: Math.min(...xs) + width / 2, y: Math.min(...ys) + height / 2, scale: fit });
  redraw();
}

// Pictures grow more slowly than their distances, so that zooming in takes them apart.
const sizeNow = () => Math.min(160, Math.max(4, 0.8 * Math.sqrt((map.clientWidth * map.clientHeight) / count) * (view.scale / fit) ** 0.7));
const screenOf = ([x, y]) => [(x - view.x) * view.scale + map.clientWidth / 2, (y - view.y) * view.scale + map.clientHeight / 2];

function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(draw);
}

function draw() {
  asked = false;
  const ratio = devicePixelRatio || 1, size = sizeNow();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, map.clientWidth, map.clientHeight);
  context.imageSmoothingEnabled = !(pixelated && size > side);
  for (const index of order) {
    const [x, y] = screenOf(places[index]);
    if (x < -size || y < -size || x > map.clientWidth + size || y > map.clientHeight + size) continue;
    context.globalAlpha = shownClass === null || labels[index] === shownClass ? 1 : 0.08;
    if (labelled) {
      context.fillStyle = colours[labels[index]];
      context.fillRect(x - size / 2 - 1.5, y - size / 2 - 1.5, size + 3, size + 3);
    }
    if (size >= 6 || !labelled) drawThumbnail(context, index, x - size / 2, y - size / 2, size);
  }
  context.globalAlpha = 1;
  if (chosen === null) return;
  const [x, y] = screenOf(places[chosen]);
  context.imageSmoothingEnabled = !pixelated;
  drawThumbnail(context, chosen, x - size / 2, y - size / 2, size);
  context.strokeStyle = getComputedStyle(map).getPropertyValue("--mark");
  context.lineWidth = 4;
  context.strokeRect(x - size / 2 - 3, y - size / 2 - 3, size + 6, size + 6);
}

function zoom(factor, x = map.clientWidth / 2, y = map.clientHeight / 2) {
  const scale = Math.min(Math.max(view.scale * factor, fit * 0.5), fit * 200);
  view.x += (x - map.clientWidth / 2) * (1 / view.scale - 1 / scale);
  view.y += (y - map.clientHeight / 2) * (1 / view.scale - 1 / scale);
  view.scale = scale;
  redraw();
}

function move(dx, dy) {
  view.x -= dx / view.scale;
  view.y -= dy / view.scale;
  redraw();
}

// The image drawn on top at a place of the canvas.
function imageAt(x, y, reach = sizeNow() / 2 + 2) {
  return order.findLast((index) => {
    const [left, top] = screenOf(places[index]);
    return Math.abs(left - x) <= reach && Math.abs(top - y) <= reach && (shownClass === null || labels[index] === shownClass);
  });
}

function choose(index, goThere = false) {
  chosen = index;
  const large = make("canvas", { width: side, height: side, role: "img", "aria-label": about(index) });
  drawThumbnail(large.getContext("2d"), index, 0, 0, side);
  const group = groups.find((members) => members.includes(index));
  byId("chosen").replaceChildren(large, make("p", {}, make("b", {}, names[index])), ...(labelled ? [make("p", {}, classes[labels[index]])] : []),
    ...(group ? [make("p", { className: "quiet" }, "Its copies:"), sheetOf(group.filter((member) => member !== index), "its copies")] : []));
  if (goThere) {
    [view.x, view.y] = places[index];
    view.scale = Math.max(view.scale, fit * 4);
    map.scrollIntoView({ block: "nearest" });
  }
  redraw();
}

const fingers = new Map();
let dragged = 0;
map.addEventListener("pointerdown", (event) => {
  map.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
  dragged = fingers.size > 1 ? 99 : 0;
  map.classList.add("moving");
  hideTooltip();
});
map.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId), now = [event.offsetX, event.offsetY];
  if (!before) {
    const index = imageAt(...now);
    return index === undefined ? hideTooltip() : showTooltip(about(index), event.clientX, event.clientY);
  }
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
    move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  } else move(now[0] - before[0], now[1] - before[1]);
  dragged += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
  fingers.set(event.pointerId, now);
});
for (const name of ["pointerup", "pointercancel"]) {
  map.addEventListener(name, (event) => {
    fingers.delete(event.pointerId);
    map.classList.toggle("moving", fingers.size > 0);
    if (name === "pointercancel" || dragged > 6) return;
    const index = imageAt(event.offsetX, event.offsetY);
    if (index !== undefined) choose(index);
  });
}
map.addEventListener("pointerleave", hideTooltip);
map.addEventListener("wheel", (event) => {
  event.preventDefault();
  hideTooltip();
  zoom(2 ** (-event.deltaY * (event.deltaMode ? 0.05 : 0.0025)), event.offsetX, event.offsetY);
}, { passive: false });
map.addEventListener("keydown", (event) => {
  const nearestToMiddle = () => order.reduce((best, index) => (distance(index) < distance(best) ? index : best));
  const distance = (index) => Math.hypot(places[index][0] - view.x, places[index][1] - view.y);
  const actions = {
    ArrowLeft: () => move(60, 0), ArrowRight: () => move(-60, 0), ArrowUp: () => move(0, 60), ArrowDown: () => move(0, -60),
    "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), "0": reset, Enter: () => choose(nearestToMiddle()),
  };
  if (!actions[event.key] || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  actions[event.key]();
});

// ---------------------------------------------------------------- classes, groups, spreads

function addControls() {
  for (const [name, title, action] of [["+", "zoom in", () => zoom(1.6)], ["−", "zoom out", () => zoom(1 / 1.6)], ["Show all", "", reset]]) {
    const button = make("button", { type: "button" }, name);
    if (title) button.setAttribute("aria-label", title);
    button.addEventListener("click", action);
    byId("controls").append(button);
  }
  if (!labelled) return;
  const show = (label) => {
    shownClass = label;
    redraw();
  };
  if (classes.length > 20) {
    const select = make("select", { "aria-label": "class that is shown" }, make("option", { value: "" }, "all classes"), ...classes.map((name, label) => make("option", { value: label }, name)));
    select.addEventListener("change", () => show(select.value === "" ? null : Number(select.value)));
    byId("controls").append(select);
    return;
  }
  const buttons = classes.map((name, label) => {
    const dot = make("i");
    dot.style.setProperty("--colour", colours[label]);
    const button = make("button", { type: "button", className: "class", "aria-pressed": "false" }, dot, name);
    button.addEventListener("click", () => {
      show(shownClass === label ? null : label);
      buttons.forEach((other, number) => other.setAttribute("aria-pressed", String(number === shownClass)));
    });
    return button;
  });
  byId("controls").append(...buttons);
}

function addGroups() {
  byId("groups")?.append(...groups.map((members, number) => {
    const exact = members.filter((member) => member in copies).length;
    const kind = exact === members.length - 1 ? "exact copies" : exact ? `near-copies, ${exact} of them exact` : "near-copies";
    return make("div", { className: "group" }, make("p", { className: "quiet" }, `${members.length} images, ${kind}`), sheetOf(members.slice(0, 60), `group ${number + 1}`));
  }));
  byId("unusual").append(sheetOf(unusual, "images most unlike all others"));
}

function addSpread({ name, unit, counts, edges, members }) {
  const highest = Math.max(...counts), below = make("div");
  const bars = counts.map((number, bar) => {
    const filled = make("span");
    filled.style.height = `${(100 * number) / highest}%`;
    const tip = `${brief(edges[bar])} to ${brief(edges[bar + 1])}: ${number} ${number === 1 ? "image" : "images"}`;
    const button = make("button", { type: "button", "aria-label": tip, "aria-pressed": "false", "data-tip": tip, disabled: number === 0 }, filled);
    button.addEventListener("click", () => {
      bars.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      below.replaceChildren(make("p", { className: "quiet" }, `${name} ${tip}`), sheetOf(members[bar], tip));
    });
    return button;
  });
  const ends = make("div", { className: "ends quiet" }, make("span", {}, brief(edges[0])), make("span", {}, brief(edges.at(-1))));
  byId("spreads").append(make("figure", {}, make("figcaption", {}, `${name}, ${unit}`), make("div", { className: "bars", role: "group", "aria-label": name }, ...bars), ends, below));
}

// All is drawn once the sheets are decoded; tests wait for it.
const ready = Promise.all(pictures.map((picture) => picture.decode())).then(() => {
  addControls();
  addGroups();
  spreads.forEach(addSpread);
  new ResizeObserver(() => {
    const ratio = devicePixelRatio || 1;
    Object.assign(map, { width: Math.round(map.clientWidth * ratio), height: Math.round(map.clientHeight * ratio) });
    if (fit === 1) reset();
    redraw();
  }).observe(map);
});
