// Fills the front page: the addresses of this server, and the regions, again every five seconds.
"use strict";
for (const origin of document.querySelectorAll(".origin")) origin.replaceWith(location.origin);
const note = document.querySelector(".note"), table = document.querySelector("table"), body = table.tBodies[0];
function cell(row, text, isNumber) {
  const cell = row.insertCell();
  cell.textContent = text;
  if (isNumber) cell.className = "number";
}
async function show() {
  try {
    const answer = await fetch("/regions");
    const { regions, detail } = await answer.json();
    if (!answer.ok) throw new Error(detail);
    body.replaceChildren();
    for (const region of regions) {
      const row = body.insertRow();
      cell(row, region.region);
      cell(row, region.trips.toLocaleString("en"), true);
      cell(row, region.first_at.slice(0, 10));
      cell(row, region.last_at.slice(0, 10));
    }
    table.hidden = regions.length === 0;
    note.hidden = regions.length > 0;
    note.textContent = "No trips yet: upload a CSV as above.";
  } catch (error) {
    note.hidden = false;
    note.textContent = "The regions can't be shown: " + error.message;
  }
}
show();
setInterval(() => { if (!document.hidden) show(); }, 5000);
