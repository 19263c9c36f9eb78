import { api, ok } from "@/api/client";
import type { Account } from "@/session/session";

/**
 * Changes a password with nothing but the present one, in a session of its own: the change ends that with all others, and
 * where it is refused it is ended here, so that no attempt leaves one. Throws `Problem`: 401 if the present password is
 * wrong.
 */
export async function changePassword(account: Account, present: string, chosen: string): Promise<void> {
  const { username, account_id } = account;
  const apart = { credentials: "omit" } as const; // the cookie stays that of the reader's own session
  const opened = await ok(
    api.POST("/api/authorization", { body: { username, password: present }, ...apart }),
  );
  const own = { headers: { authorization: `Bearer ${opened.access_token}` }, ...apart };
  try {
    const params = { path: { account_id } };
    await ok(api.PUT("/api/accounts/{account_id}", { params, body: { password: chosen }, ...own }));
  } catch (error) {
    await api.DELETE("/api/authorization", own).catch(() => undefined);
    throw error;
  }
}
