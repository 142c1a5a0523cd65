const island = (id) => JSON.parse(document.getElementById(id).textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const dark = matchMedia("(prefers-color-scheme: dark)");

/* Charts: records are chosen by the selects of the figure and handed to the specification. */
const charts = island("data");
const palettes = island("palette");
const NARROW = 520;
const figures = all("[data-chart]");

function theme(width) {
  const narrow = width < NARROW;
  const palette = palettes[dark.matches ? "dark" : "light"];
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const text = { labelColor: colour("soft"), titleColor: colour("soft"), labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal" };
  return {
    background: null,
    font: getComputedStyle(document.body).fontFamily,
    axis: { ...text, gridColor: colour("grid"), domainColor: colour("line"), tickColor: colour("line") },
    axisY: narrow ? { labelFontSize: 9, labelLineHeight: 10 } : { labelLineHeight: 12 },
    axisTop: { labelAngle: narrow ? -90 : -40 },
    legend: { ...text, labelColor: colour("ink"), labelLimit: 170, columns: Math.max(1, Math.floor((width - 100) / 190)) },
    mark: { color: palette[0] },
    text: { fontSize: narrow ? 8 : 11 },
    range: { category: palette, heatmap: [colour("low"), colour("high")] },
    view: { stroke: null },
    params: { ink: colour("ink"), paper: colour("paper"), wrap: narrow ? 20 : 44 },
  };
}

function chosen(figure) {
  const { keys, records } = charts[figure.dataset.chart];
  let rows = records;
  for (const key of keys) {
    const select = figure.querySelector(`select[data-key="${key}"]`);
    const values = [...new Set(rows.map((row) => row[key]))];
    const wanted = values.includes(select.value) ? select.value : values[0];
    select.replaceChildren(...values.map((value) => new Option(value, value, false, value === wanted)));
    rows = rows.filter((row) => row[key] === wanted);
  }
  return rows;
}

async function draw(figure) {
  const plot = figure.querySelector(".plot");
  const { params, ...config } = theme(plot.clientWidth);
  const spec = structuredClone(charts[figure.dataset.chart].spec);
  for (const param of spec.params ?? []) if (param.name in params) param.value = params[param.name];
  spec.data = { name: "records", values: chosen(figure) };
  figure.view?.finalize();
  plot.style.minHeight = figure.view && `${plot.offsetHeight}px`;
  const options = { mode: "vega-lite", renderer: "svg", config, tooltip: { theme: dark.matches ? "dark" : "light" } };
  options.actions = plot.clientWidth >= NARROW && { export: true, source: false, compiled: false, editor: false };
  options.downloadFileName = figure.dataset.chart;
  figure.view = await window.vegaEmbed(plot, spec, options);
  plot.style.minHeight = "";
  figure.dataset.drawn = "yes";
}

for (const figure of figures) {
  chosen(figure);
  figure.addEventListener("change", ({ target }) => {
    const { key } = target.dataset;
    for (const other of figures) {
      const select = other.querySelector(`select[data-key="${key}"]`);
      const known = select && (other === figure || [...select.options].some((option) => option.value === target.value));
      if (!known) continue;
      select.value = target.value;
      chosen(other);
      if (other.dataset.drawn) draw(other);
    }
  });
}
const near = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => { near.unobserve(target); draw(target); }),
  { rootMargin: "600px" },
);
figures.forEach((figure) => near.observe(figure));
const redraw = (every) => figures.filter((figure) => every || figure.dataset.drawn).forEach(draw);
dark.addEventListener("change", () => redraw(false));
addEventListener("beforeprint", () => redraw(true));

/* Tables: a click on a heading sorts by it; numbers first in descending order, text in ascending order. */
for (const button of all("table.sortable thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const body = button.closest("table").tBodies[0];
    const number = head.classList.contains("number");
    const first = number ? "descending" : "ascending";
    const order = head.ariaSort === first ? (number ? "ascending" : "descending") : first;
    all("th", head.parentElement).forEach((th) => th.removeAttribute("aria-sort"));
    head.ariaSort = order;
    const key = (row) => row.cells[head.cellIndex].dataset.sort;
    const value = (text) => (text === "-inf" ? -Infinity : Number(text));
    const compare = number ? (a, b) => value(key(a)) - value(key(b)) : (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
    const sign = order === "ascending" ? 1 : -1;
    body.append(...[...body.rows].sort((a, b) => sign * compare(a, b)));
  });
}

/* Gallery: one panel per language, one player at a time, and the same place in the next codec. */
const listen = document.getElementById("listen");
const language = document.getElementById("language");
const show = () => all(".panel").forEach((panel) => { panel.hidden = panel.dataset.panel !== language.value; });
if (language) {
  language.addEventListener("change", () => { all("audio").forEach((audio) => audio.pause()); show(); });
  document.getElementById("contrast").addEventListener("change", ({ target }) => listen.classList.toggle("show-contrast", target.checked));
  show();
}
for (const card of all(".card")) {
  const audio = card.querySelector("audio");
  const head = card.querySelector(".head");
  const follow = () => {
    head.style.left = `${(100 * audio.currentTime) / (audio.duration || 1)}%`;
    if (!audio.paused) requestAnimationFrame(follow);
  };
  audio.addEventListener("play", () => {
    const others = all("audio", card.closest(".panel")).filter((other) => other !== audio);
    const running = others.find((other) => !other.paused);
    others.forEach((other) => other.pause());
    if (running && !card.sought) audio.currentTime = running.currentTime;
    card.sought = false;
    all(".card.playing").forEach((other) => other.classList.remove("playing"));
    card.classList.add("playing");
    follow();
  });
  audio.addEventListener("seeked", follow);
  card.querySelector(".spectrogram").addEventListener("click", async (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width;
    card.sought = true;
    if (!(audio.duration > 0)) {
      audio.load();
      audio.preload = "auto";
      await new Promise((resolve) => audio.addEventListener("loadedmetadata", resolve, { once: true }));
    }
    audio.currentTime = part * audio.duration;
    audio.play();
  });
}

/* Navigation: mark the section in view. */
const links = new Map(all("nav li a").map((link) => [link.hash.slice(1), link]));
const spy = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(target.id)?.setAttribute("aria-current", "true");
    }
  },
  { rootMargin: "-10% 0px -80% 0px" },
);
all("main > section").forEach((section) => spy.observe(section));
