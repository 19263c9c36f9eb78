import type { CDPSession, Page } from "playwright-core";

/** Chromium's virtual authenticator, which a page has from now on (DevTools protocol, domain WebAuthn). */
export interface Authenticator {
  /** Whether somebody is there who touches it; it then also takes what the browser suggests at once. */
  present(is: boolean): Promise<void>;
  /** Whether it finds that the person is who they should be. */
  verified(is: boolean): Promise<void>;
  credentials(): Promise<number>;
}

export async function addAuthenticator(page: Page): Promise<Authenticator> {
  const session: CDPSession = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable");
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    present: async (enabled) => {
      await session.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled });
    },
    verified: async (isUserVerified) => {
      await session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
    },
    credentials: async () => {
      const { credentials } = await session.send("WebAuthn.getCredentials", { authenticatorId });
      return credentials.length;
    },
  };
}
