/** The sentences of `reasons` in `messages.ts`, by what the server writes into the history of a picture. */
const REASONS: Readonly<Record<string, string>> = {
  made: "made",
  deleted: "deleted",
  "deleted by an administrator": "deletedByAdministrator",
  "assigned by hand": "byHand",
  "assigned with others": "withOthers",
  "taken from the queue": "fromQueue",
  "the lease ended without a draft": "leaseEnded",
  "the doctor has left": "doctorLeft",
  "the doctor's request": "byDoctor",
  reassigned: "reassigned",
  "the readers agree": "agree",
  "the readers disagree": "disagree",
  "the readers disagree, and no further doctor is free": "noneFree",
  "the readers still disagree": "stillDisagree",
  "settled by an administrator": "settled",
  "ground truth corrected": "corrected",
};

/** The sentence of a reason; undefined for one that is not known, whose text stands for itself. */
export function reasonKey(reason: string): string | undefined {
  return Object.hasOwn(REASONS, reason) ? `reasons.${REASONS[reason]}` : undefined;
}

const STATES = [200, 201, 202, 300, 301, 302, 303, 304];

/** The sentence of the state of a job (200 to 202) or of a picture (300 to 304); undefined for none. */
export function stateKey(state: number | null): string | undefined {
  return state !== null && STATES.includes(state) ? `historyStates.${state}` : undefined;
}
