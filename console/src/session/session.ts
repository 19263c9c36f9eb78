import { computed, readonly, ref, watch } from "vue";
import { api, ok, onUnauthorized, SELF, type Schema } from "@/api/client";
import { Problem } from "@/api/problem";
import { forgetPages } from "@/components/pages";

export type Account = Schema<"YeldaAccount">;

/** What an account may do (docs of TheYelda: `authority`). */
export const Authority = { NONE: 100, ADMIN: 101, DOCTOR: 102, GUEST: 103, EXPERT: 104 } as const;

const UNAUTHORIZED = 401;

const account = ref<Account | null>(null);
const asked = ref(false);
let waiting: Promise<boolean> | null = null;
let decide: (signedIn: boolean) => void = () => undefined;
const ended = ref(false);

/** Who is signed in. The session itself is a cookie that no script can read; this is only what the server says of it. */
export const session = {
  account: readonly(account),
  /** Whether the session has ended while its account was at work: the reader is asked to sign in again, where they are. */
  ended: readonly(ended),
  isAdministrator: computed(() => account.value?.authority === Authority.ADMIN),
  labels: computed(() =>
    [Authority.DOCTOR, Authority.EXPERT].some((each) => each === account.value?.authority),
  ),
};

// What one account has read is not there for the next one, who may go back to its pages.
watch(() => account.value?.account_id, forgetPages, { flush: "sync" });

/** Asks the server who is signed in, once. Throws if it does not say: that does not make the reader a stranger. */
export async function restore(): Promise<void> {
  if (asked.value) return;
  try {
    account.value = await ownAccount();
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== UNAUTHORIZED) throw error;
    account.value = null;
  }
  asked.value = true;
}

/** Opens a session. Throws `Problem`: 401 with the server's reason. */
export async function signIn(username: string, password: string): Promise<void> {
  await ok(api.POST("/api/authorization", { body: { username, password } }));
  await enter();
}

/** Opens a session for the account of a passkey. Throws `Problem`: 401 if it is not known, or waits for approval. */
export async function signInWithPasskey(credential: Schema<"AuthenticationCredential">): Promise<void> {
  await ok(api.POST("/api/passkeys/sign-in", { body: { credential } }));
  await enter();
}

/** Takes note of the session that was opened. */
async function enter(): Promise<void> {
  const before = account.value;
  account.value = await ownAccount();
  asked.value = true;
  tabs.postMessage(account.value.account_id);
  if (before !== null && before.account_id !== account.value.account_id) {
    location.reload(); // what is on the page belongs to the account that was signed in before
    return;
  }
  settle(true);
}

/** Tells the other tabs, which have the same cookie, which account is signed in now: its id, or null for none. */
const tabs = new BroadcastChannel("lightbox.session");
tabs.onmessage = ({ data }: MessageEvent<number | null>) => {
  if (account.value === null) return;
  if (data !== account.value.account_id) {
    account.value = null; // what is under way ends with its account, so that the browser does not ask whether to stay
    location.reload();
  } else if (ended.value) settle(true);
};

/** Makes an account, which an administrator has to approve. Throws `Problem`. */
export async function signUp(username: string, password: string): Promise<void> {
  await ok(api.POST("/api/accounts", { body: { username, password } }));
}

/** Ends the session. Throws `Problem` if the server has not ended it, and then the reader is still signed in. */
export async function signOut(): Promise<void> {
  try {
    await ok(api.DELETE("/api/authorization"));
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== UNAUTHORIZED) throw error; // else it had ended before
  }
  leave();
}

/** Ends all sessions of the account, this one too. Throws `Problem` if the server has not ended them. */
export async function signOutEverywhere(): Promise<void> {
  await ok(api.DELETE("/api/sessions"));
  leave();
}

/** Takes note that the reader has signed out, here and in the other tabs. */
function leave(): void {
  forget();
  tabs.postMessage(null);
}

/** Takes note that there is no session any more, and that the reader does not sign in again to go on. */
export function forget(): void {
  account.value = null;
  settle(false);
}

/** Reads the own account anew, after it was changed. */
export async function refresh(): Promise<void> {
  account.value = await ownAccount();
}

async function ownAccount(): Promise<Account> {
  const { account_id } = await ok(api.GET("/api/self"));
  return ok(api.GET("/api/accounts/{account_id}", { params: { path: { account_id } } }));
}

function settle(signedIn: boolean): void {
  ended.value = false;
  waiting = null;
  decide(signedIn);
}

let asking: Promise<boolean> | null = null;

/** Whether the server still knows the session. Requests that ask at the same time share the question. */
function isAlive(): Promise<boolean> {
  asking ??= fetch(SELF)
    .then(({ status }) => status !== UNAUTHORIZED)
    .catch(() => true) // The server does not answer: that does not end a session.
    .finally(() => (asking = null));
  return asking;
}

onUnauthorized(async () => {
  if (account.value === null) return false;
  if (waiting === null && (await isAlive())) return true;
  if (session.account.value === null) return false; // they have signed out meanwhile
  ended.value = true;
  waiting ??= new Promise((resolve) => {
    decide = resolve;
  });
  return waiting;
});
