"use strict";
(() => {
  const WIDTH = 10000;
  const MOST = 5000;

  /* As html_time has it. */
  const time = (ns) => {
    const units = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
    if (ns === 0) return "0 s";
    const [size, name] = units.find(([size]) => Math.abs(ns) >= size) || units[3];
    return Number((ns / size).toPrecision(4)) + " " + name;
  };
  const step = (rough) => {
    const power = 10 ** Math.floor(Math.log10(rough));
    const digit = rough / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
  };

  /* What is under the pointer: the browser's own tips come late, and never on a touch. */
  const tip = document.getElementById("tip");
  for (const title of document.querySelectorAll("svg title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  const tell = (event) => {
    const text = event.target.dataset && event.target.dataset.tip;
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const right = window.scrollX + document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = Math.max(0, Math.min(event.pageX + 12, right)) + "px";
    tip.style.top = event.pageY + 16 + "px";
  };
  document.addEventListener("pointermove", tell);
  document.addEventListener("pointerdown", tell);

  const makeZoom = (plot) => {
    const end = Number(plot.dataset.end);
    const pictures = [...plot.querySelectorAll("svg")];
    const axis = plot.querySelector(".axis");
    let from = 0;
    let span = 1; /* of the whole */

    const draw = () => {
      span = Math.min(1, Math.max(1 / MOST, span));
      from = Math.min(1 - span, Math.max(0, from));
      for (const picture of pictures)
        picture.setAttribute("viewBox", `${from * WIDTH} 0 ${span * WIDTH} ${picture.dataset.h}`);
      plot.classList.toggle("zoomed", span < 1);
      const width = step((end * span) / Math.max(2, Math.min(8, axis.clientWidth / 90)));
      const marks = [];
      for (let at = Math.ceil((from * end) / width) * width; at < (from + span * 0.97) * end; at += width) {
        const mark = document.createElement("span");
        mark.style.left = `${(100 * (at / end - from)) / span}%`;
        mark.textContent = time(Math.round(at));
        marks.push(mark);
      }
      axis.replaceChildren(...marks);
    };
    /* Keeps what is at `place` (0 to 1 of the picture) where it is. */
    const zoom = (factor, place) => {
      const at = from + place * span;
      span = Math.min(1, Math.max(1 / MOST, span * factor));
      from = at - place * span;
      draw();
    };

    const buttons = document.createElement("span");
    buttons.className = "zoom";
    const button = (text, label, action) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.setAttribute("aria-label", label);
      made.addEventListener("click", action);
      buttons.append(made);
    };
    button("+", "zoom in", () => zoom(0.5, 0.5));
    button("−", "zoom out", () => zoom(2, 0.5));
    button("◀", "earlier", () => { from -= span / 4; draw(); });
    button("▶", "later", () => { from += span / 4; draw(); });
    button("all", "show all", () => { from = 0; span = 1; draw(); });
    plot.parentNode.querySelector("h3").append(buttons);

    for (const bars of plot.querySelectorAll(".bars")) {
      const place = (event) => {
        const box = bars.getBoundingClientRect();
        return (event.clientX - box.left) / box.width;
      };
      /* The wheel alone scrolls the page. */
      bars.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.shiftKey) return;
        event.preventDefault();
        const turn = event.deltaY || event.deltaX;
        zoom(turn > 0 ? 1.25 : 0.8, place(event));
      }, { passive: false });
      bars.addEventListener("dblclick", (event) => zoom(0.25, place(event)));
      let held = null;
      bars.addEventListener("pointerdown", (event) => {
        if (span === 1) return;
        held = { x: event.clientX, from };
        bars.setPointerCapture(event.pointerId);
      });
      bars.addEventListener("pointermove", (event) => {
        if (!held) return;
        from = held.from - ((event.clientX - held.x) / bars.clientWidth) * span;
        draw();
      });
      for (const kind of ["pointerup", "pointercancel"])
        bars.addEventListener(kind, () => { held = null; });
    }
    window.addEventListener("resize", draw);
    draw();
  };
  document.querySelectorAll(".plot").forEach(makeZoom);
})();
