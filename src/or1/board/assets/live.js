// The live page: twice a second it reads the steps that it lacks.

const POLL_MS = 500;
let token;

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
  state.packed = {}; // the rollouts are read again when their tab is opened
  window.or1.update(continued(data, reply));
  return "live";
}

/** The rollouts of a run, from the server and not from a block of the page; it waits while there is no reply. */
inflate = async (id) => {
  for (;;) {
    try {
      const reply = await fetch(`/rollouts?run=${id.split("-").pop()}`, { cache: "no-store" });
      if (reply.status === 200) return await reply.json();
    } catch { /* not connected: the header says so */ }
    await new Promise((again) => setTimeout(again, POLL_MS));
  }
};

async function poll() {
  document.querySelector("header .state").textContent = await read();
  setTimeout(poll, POLL_MS);
}

addEventListener("DOMContentLoaded", () => {
  token = data.token;
  document.querySelector("footer").textContent = `or1 ${data.version}. This page follows the run: it reads new steps from this machine.`;
  poll();
});
