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

// A passkey belongs to the name of a host (WebAuthn Level 3, section 5.1.2), and a page that was opened by an IP address
// has none.
const isAddress = location.hostname.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(location.hostname);

if (!isAddress && window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  button.hidden = false;
  button.addEventListener("click", signIn);
}
