/* The report: the grid of each epoch, charts, large pictures, copying, and the refreshing while the run trains. */
"use strict";
const data = pageData("data");

let film = null;
if (data.grids.length) {
  film = player({
    name: "epoch",
    count: data.grids.length,
    format: (frame) => `${data.grids[frame].epoch}`,
    show: (frame) => { byId("grid").src = data.grids[frame].source; },
  });
  byId("player").append(film.element);
}
for (const id of ["losses", "scores"]) byId(id)?.append(...data[id].map(lineChart));
const dialog = largePictures();
for (const box of document.querySelectorAll(".copied")) box.append(copyButton(box.querySelector("pre").textContent));

/* While the run trains, the page loads itself again, unless the reader is using it. If it has not been written again for
   much longer than it should have taken, the training was cut off: the page says so, and rests. */
const CHECK_SECONDS = 5;
function inUse() {
  return film?.playing || (film && film.slider.value < data.grids.length - 1) || dialog.open || document.hidden || !getSelection().isCollapsed;
}
if (data.live) {
  const loaded = Date.now();
  const timer = setInterval(() => {
    const age = Date.now() / 1000 - data.live.written;
    if (age > 4 * data.live.nextSeconds + 60) {
      clearInterval(timer);
      byId("state").append(" It has not been written since: the training was cut off, or has paused. The commands below continue it.");
    } else if (Date.now() - loaded > 1000 * CHECK_SECONDS && age > data.live.nextSeconds / 2 && !inUse()) {
      location.reload();
    }
  }, 1000 * CHECK_SECONDS);
}
