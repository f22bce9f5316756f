"use strict";
const { names, grids, curves } = pageData("data");

if (byId("grids")) {
  const shown = grids.runs.map((pictures, run) => {
    const picture = make("img", { alt: "", className: "pictures" }), caption = make("figcaption");
    if (pictures.length) byId("grids").append(make("figure", {}, picture, caption));
    return (epoch) => {
      const found = pictures.findLast((one) => one.epoch <= epoch);
      picture.hidden = !found;
      if (found) picture.src = found.source;
      picture.alt = caption.textContent = found ? `${names[run]}, epoch ${found.epoch}` : `${names[run]}: no images yet`;
    };
  });
  const show = (frame) => shown.forEach((showRun) => showRun(grids.epochs[frame]));
  const frames = player({ name: "epoch", count: grids.epochs.length, format: (frame) => String(grids.epochs[frame]), show });
  byId("player").append(frames.element);
  show(grids.epochs.length - 1);
}

if (byId("curves")) {
  const letters = names.map((name) => name[0]);
  const buttons = ["epoch", "minutes of training"].map((name, column) => {
    const button = make("button", { type: "button" }, `by ${name.split(" ")[0].replace("minutes", "minute")}`);
    button.addEventListener("click", () => draw(column, name));
    return button;
  });
  byId("axis").append(...buttons);
  function draw(column, xName) {
    buttons.forEach((button, number) => button.setAttribute("aria-pressed", String(number === column)));
    byId("curves").replaceChildren(...curves.map(({ title, unit, lines }) => lineChart({
      title, unit, xName,
      series: lines.map(({ run, heldOut, points }) => ({
        name: letters[run] + (heldOut ? ", held-out" : ""), dashed: heldOut, colour: run + 1,
        points: points.filter((point) => point[column] !== null).map((point) => [point[column], point[2]]),
      })),
    })));
  }
  draw(0, "epoch");
}
largePictures();
