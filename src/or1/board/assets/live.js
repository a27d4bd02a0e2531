// The live page: once a second it reads the steps that it lacks.

const POLL_MS = 1000;
let token = data.token;

/** The data after a reply: its steps follow the first ones of the page, or it replaces all of them. */
function continued(old, reply) {
  if (reply.first === null) return reply.data;
  const runs = reply.data.runs.map((run, i) => {
    const known = old.runs[i], first = reply.first[i];
    const before = (key) => (key in known.series ? known.series[key].slice(0, first) : Array(first).fill(null));
    const series = Object.fromEntries(Object.entries(run.series).map(([key, tail]) => [key, before(key).concat(tail)]));
    return { ...run, steps: known.steps.slice(0, first).concat(run.steps), series };
  });
  return { ...reply.data, runs };
}

/** One request; the words for the state of the page. */
async function read() {
  let reply;
  try {
    reply = await fetch(`/data?since=${encodeURIComponent(token)}`, { cache: "no-store" });
    if (reply.status === 204) return "live";
    if (reply.status !== 200) return "waiting for the run";
    reply = await reply.json();
  } catch {
    return "not connected: or1 report --live has ended";
  }
  token = reply.token;
  window.or1.update(continued(data, reply));
  return "live";
}

async function poll() {
  document.querySelector("header .state").textContent = await read();
  setTimeout(poll, POLL_MS);
}

document.querySelector("footer").textContent = `or1 ${data.version}. This page follows the run: it reads new steps from this machine.`;
poll();
