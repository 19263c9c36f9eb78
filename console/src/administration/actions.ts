import type { Schema } from "@/api/client";

export type Action = Schema<"Action">;

/** Every action of the audit trail. The compiler says when the server has another. */
const all: Record<Action, true> = {
  "signed-in": true,
  "sign-in-failed": true,
  "sign-in-slowed": true,
  "session-ended": true,
  "sessions-ended": true,
  "refresh-token-reused": true,
  "authorization-code-reused": true,
  "oauth-client-created": true,
  "oauth-client-changed": true,
  "oauth-client-deleted": true,
  "consent-given": true,
  "consent-revoked": true,
  "passkey-added": true,
  "passkey-renamed": true,
  "passkey-deleted": true,
  "passkey-counter-went-back": true,
  "account-created": true,
  "account-changed": true,
  "account-deleted": true,
  "accounts-imported": true,
  "authority-changed": true,
  "administrator-made": true,
  "password-changed": true,
  "api-key-created": true,
  "api-key-used": true,
  "api-key-revoked": true,
  "signing-key-rotated": true,
  "export-created": true,
  "labelling-image-deleted": true,
  "labelling-job-deleted": true,
  "gallery-group-deleted": true,
  "gallery-groups-merged": true,
  "gallery-picture-deleted": true,
  "drive-item-deleted": true,
  "drive-disconnected": true,
  "gallery-share-created": true,
  "gallery-share-changed": true,
  "gallery-share-revoked": true,
  "collection-picture-deleted": true,
  "retention-rule-changed": true,
  "retention-rule-deleted": true,
};

export const ACTIONS = Object.keys(all).sort() as Action[];

export function isAction(value: string): value is Action {
  return value in all;
}
