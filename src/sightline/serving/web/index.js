// The first page: what there is, and live pictures of the streams.
import { get, headers, whenAllowed } from "/web/session.js";

const LIVE = 4; // A browser opens six connections to a host; each live picture keeps one.
const SHOWN = new Set(["running", "degraded", "paused"]);
const EVERY_MS = 1000;
const RENEW_MS = 4 * 60 * 1000;

const one = (id) => document.getElementById(id);
const figures = new Map();

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function show(figure, live) {
  const kind = live ? "mjpeg" : "snapshot";
  const link = await get(`/streams/${encodeURIComponent(figure.name)}/link?of=${kind}&seconds=600`);
  figure.address = link.url;
  figure.live = live;
  figure.renewAt = Date.now() + RENEW_MS;
  figure.picture.src = link.url;
}

function figureOf(name) {
  const figure = { name, picture: element("img"), state: element("span", "", "state") };
  figure.box = element("figure");
  figure.picture.alt = `live picture of ${name}`;
  const caption = element("figcaption");
  figure.picture.addEventListener("error", () => {
    figure.live = undefined;
  });
  caption.append(element("strong", name), figure.state);
  figure.box.append(figure.picture, caption);
  return figure;
}

async function update() {
  const { streams } = await get("/streams");
  const names = new Set(streams.map((stream) => stream.name));
  for (const [name, figure] of figures) {
    if (names.has(name)) continue;
    figure.box.remove();
    figures.delete(name);
  }
  for (const [index, stream] of streams.entries()) {
    let figure = figures.get(stream.name);
    if (!figure) {
      figure = figureOf(stream.name);
      figures.set(stream.name, figure);
      one("streams").append(figure.box);
    }
    figure.state.textContent = `${stream.state}, ${stream.fps_analyzed.toFixed(1)} FPS`;
    figure.box.title = stream.error ?? "";
    if (!SHOWN.has(stream.state)) {
      figure.live = undefined; // its pictures end here: ask anew once it runs again
      continue;
    }
    const live = index < LIVE;
    if (figure.live !== live || (!live && Date.now() > figure.renewAt)) await show(figure, live);
    else if (!live) figure.picture.src = `${figure.address}&t=${Date.now()}`;
  }
  one("none").hidden = streams.length > 0;
}

async function repeat() {
  try {
    await update();
  } catch (error) {
    console.warn(error);
  }
  setTimeout(repeat, EVERY_MS);
}

await whenAllowed(async () => {
  const status = await get("/status");
  const { models } = await get("/models");
  one("summary").textContent = `Version ${status.version}, ${status.ready ? "ready" : "not ready"}.`;
  one("models").replaceChildren(
    ...models.map((model) => {
      const about = model.backend ? `${model.task}, ${model.classes.length} classes, ${model.backend}` : "";
      return element("li", `${model.name}: ${model.state}${about ? ` (${about})` : ""}`);
    }),
  );
  // A link sends no token: what needs one is tried out in the documentation.
  const asked = "Authorization" in headers();
  for (const link of document.querySelectorAll("a.guarded")) link.hidden = asked;
  one("content").hidden = false;
  repeat();
});
