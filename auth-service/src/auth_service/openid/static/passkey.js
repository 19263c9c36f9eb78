// Signs in with a passkey. Without this script, or where the browser has no passkeys, the form alone is there.
"use strict";

const button = document.getElementById("passkey");
const failed = document.getElementById("passkey-failed");
const path = "/api/passkeys/sign-in";

async function post(to, body) {
  const answer = await fetch(to, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${to}: ${answer.status}`);
  return answer.json();
}

async function signIn() {
  failed.hidden = true;
  button.disabled = true;
  try {
    const { publicKey } = await post(`${path}/options`);
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
    const credential = await navigator.credentials.get({ publicKey: options });
    await post(path, { credential: credential.toJSON() });
    location.assign(button.dataset.next);
  } catch {
    failed.hidden = false;
    button.disabled = false;
    button.focus();
  }
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  button.hidden = false;
  button.addEventListener("click", signIn);
}
