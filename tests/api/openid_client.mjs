// A web page of somebody else signs a person in: discovery, authorization code with PKCE, userinfo, refreshing, signing
// out. The client is openid-client; the browser is what is left of one without its window.
//
//     node openid_client.mjs <the platform> <client_id> <redirect URI> <name> <password>

import { strict as assert } from "node:assert";
import * as oidc from "openid-client";

const [server, clientId, redirectUri, username, password] = process.argv.slice(2);
const origin = new URL(redirectUri).origin;

class Browser {
  cookies = new Map();

  async fetch(url, { form, from } = {}) {
    const headers = {
      cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
      "accept-language": "en",
      "sec-fetch-site": from ?? "none",
    };
    const body = form && new URLSearchParams(form);
    const answer = await fetch(url, { method: form ? "POST" : "GET", headers, body, redirect: "manual" });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (/max-age=0/i.test(cookie)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const location = answer.headers.get("location");
    if (!location) return { url: new URL(url), status: answer.status, page: await answer.text() };
    const next = new URL(location, url);
    return next.origin === new URL(server).origin ? this.fetch(next) : { url: next, status: answer.status };
  }

  submit(shown, fields) {
    const action = /<form method="post" action="([^"]+)"/.exec(shown.page)[1].replaceAll("&amp;", "&");
    return this.fetch(new URL(action, shown.url), { form: fields, from: "same-origin" });
  }
}

// As a page of another origin: what its browser would not let it read is an error.
async function readable(url, options) {
  const headers = new Headers(options.headers);
  headers.set("origin", origin);
  const answer = await fetch(url, { ...options, headers });
  assert.equal(answer.headers.get("access-control-allow-origin"), origin, url);
  return answer;
}

async function signIn(browser, config, parameters = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const asked = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid profile predict",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
    ...parameters,
  });
  let shown = await browser.fetch(asked, { from: "cross-site" });
  if (shown.page?.includes('name="password"')) shown = await browser.submit(shown, { username, password });
  if (shown.page?.includes('name="decision"')) {
    const account = /name="account" value="(\d+)"/.exec(shown.page)[1];
    shown = await browser.submit(shown, { account, decision: "allow" });
  }
  assert.equal(shown.url.origin, origin, shown.page);
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  return { callback: shown.url, redeem: () => oidc.authorizationCodeGrant(config, shown.url, checks) };
}

const insecure = { execute: [oidc.allowInsecureRequests], [oidc.customFetch]: readable };
const config = await oidc.discovery(new URL(server), clientId, undefined, oidc.None(), insecure);
assert.equal(config.serverMetadata().issuer, server);

const browser = new Browser();
const { redeem } = await signIn(browser, config);
const tokens = await redeem();
assert.equal(tokens.scope, "openid profile predict");
const { sub } = tokens.claims();
const info = await oidc.fetchUserInfo(config, tokens.access_token, sub);
assert.equal(info.preferred_username, username);

const api = new URL("/api/predictions", server);
const called = await oidc.fetchProtectedResource(config, tokens.access_token, api, "GET");
assert.deepEqual(await called.json(), { predictions: [], next_cursor: null });
const sessions = new URL("/api/sessions", server);
await assert.rejects(oidc.fetchProtectedResource(config, tokens.access_token, sessions, "GET"), { status: 403 });

const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
assert.notEqual(refreshed.refresh_token, tokens.refresh_token);

// Signed in and allowed before: nothing is asked again, not even where nothing may be asked.
const again = await (await signIn(browser, config, { prompt: "none" })).redeem();
assert.equal(again.claims().sub, sub);

await oidc.tokenRevocation(config, again.refresh_token);
await assert.rejects(oidc.refreshTokenGrant(config, again.refresh_token), { error: "invalid_grant" });

// A code that comes again takes away what it was exchanged for.
const twice = await signIn(browser, config);
const taken = await twice.redeem();
await assert.rejects(twice.redeem(), { error: "invalid_grant" });
await assert.rejects(oidc.refreshTokenGrant(config, taken.refresh_token), { error: "invalid_grant" });

const leaving = oidc.buildEndSessionUrl(config, {
  id_token_hint: tokens.id_token,
  post_logout_redirect_uri: redirectUri,
  state: "bye",
});
const left = await browser.fetch(leaving, { from: "cross-site" });
assert.equal(left.url.href, `${redirectUri}?state=bye`);
assert.equal(browser.cookies.size, 0);
await assert.rejects(oidc.refreshTokenGrant(config, refreshed.refresh_token), { error: "invalid_grant" });
await assert.rejects(signIn(browser, config, { prompt: "none" }).then(({ redeem }) => redeem()), {
  error: "login_required",
});
console.log("signed in and out");
