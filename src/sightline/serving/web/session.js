// Requests with the token of this browser tab, and the form that asks for it.
const KEY = "sightline-token";

export function headers() {
  const token = sessionStorage.getItem(KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

export class Refused extends Error {}

export async function get(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json", ...headers() } });
  if (answer.status === 401) throw new Refused();
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// Calls `start` once the service accepts the token, or needs none.
export async function whenAllowed(start) {
  const form = document.getElementById("login");
  const field = document.getElementById("token");
  const refused = document.getElementById("refused");
  async function attempt(asked) {
    try {
      await start();
      form.hidden = true;
    } catch (error) {
      form.hidden = !(error instanceof Refused);
      refused.textContent = error instanceof Refused && !asked ? "" : "This token is not accepted.";
      if (!(error instanceof Refused)) throw error;
      sessionStorage.removeItem(KEY);
      field.focus();
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, field.value.trim());
    field.value = "";
    attempt(true);
  });
  await attempt(false);
}
