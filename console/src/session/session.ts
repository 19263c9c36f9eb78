import { computed, readonly, ref } from "vue";
import { api, ok, onSessionEnded, type Schema } from "@/api/client";
import { Problem } from "@/api/problem";

export type Account = Schema<"YeldaAccount">;

/** What an account may do (docs of TheYelda: `authority`). */
export const Authority = { NONE: 100, ADMIN: 101, DOCTOR: 102, GUEST: 103, EXPERT: 104 } as const;

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

/** Asks the server who is signed in, once. */
export async function restore(): Promise<void> {
  if (asked.value) return;
  try {
    account.value = await ownAccount();
  } catch (error) {
    if (!(error instanceof Problem) || error.status === 0) throw error;
    account.value = null;
  }
  asked.value = true;
}

/** Opens a session. Throws `Problem`: 401 with the server's reason. */
export async function signIn(username: string, password: string): Promise<void> {
  await ok(api.POST("/api/authorization", { body: { username, password } }));
  const before = account.value;
  account.value = await ownAccount();
  asked.value = true;
  if (before !== null && before.account_id !== account.value.account_id) {
    location.reload(); // what is on the page belongs to the account that was signed in before
    return;
  }
  settle(true);
}

/** Makes an account, which an administrator has to approve. Throws `Problem`. */
export async function signUp(username: string, password: string): Promise<void> {
  await ok(api.POST("/api/accounts", { body: { username, password } }));
}

export async function signOut(): Promise<void> {
  await api.DELETE("/api/authorization");
  forget();
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

onSessionEnded(() => {
  if (account.value === null) return Promise.resolve(false);
  ended.value = true;
  waiting ??= new Promise((resolve) => {
    decide = resolve;
  });
  return waiting;
});
