"use strict";
const grids = JSON.parse(document.getElementById("grids").textContent);
const slider = document.getElementById("slider");
if (slider) slider.addEventListener("input", () => {
  const { epoch, source } = grids[Number(slider.value)];
  document.getElementById("grid").src = source;
  document.getElementById("epoch").textContent = epoch;
  slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
});
