/** How calls end, in plain words. */
import { CallRole, EndReason, type Call, type CallEnd } from "signaling-client";

import { deviceName } from "./naming.js";

type Words = (them: string, isCaller: boolean, end: CallEnd) => string;

const WORDS: Partial<Record<EndReason, Words>> = {
  [EndReason.CANCELLED]: (them, isCaller) =>
    isCaller ? "You gave up calling." : `${them} gave up calling.`,
  [EndReason.DECLINED]: (them, isCaller) => (isCaller ? `${them} declined.` : "You declined."),
  [EndReason.BUSY]: (them, isCaller) => (isCaller ? `${them} is busy.` : "You were busy."),
  [EndReason.UNSUPPORTED]: (them) => `The device of ${them} cannot take such a call.`,
  [EndReason.IGNORED]: () => "You let it ring.",
  [EndReason.NO_ANSWER]: (them, isCaller) =>
    isCaller ? `${them} does not answer.` : `You missed a call from ${them}.`,
  [EndReason.UNAVAILABLE]: (them) => `${them} is not there.`,
  [EndReason.ANSWERED_ELSEWHERE]: (_them, _isCaller, end) =>
    `You answered on another device: ${deviceName(end.endedBy?.deviceId ?? "unknown")}.`,
  [EndReason.DECLINED_ELSEWHERE]: (_them, _isCaller, end) =>
    `You declined on another device: ${deviceName(end.endedBy?.deviceId ?? "unknown")}.`,
  [EndReason.REPLACED]: (them) => `You and ${them} called each other.`,
  [EndReason.CONNECT_FAILED]: () => "The call ended: sound and picture found no way.",
  [EndReason.CONNECTION_LOST]: () => "The call ended: sound and picture did not come back.",
  [EndReason.PEER_GONE]: (them) => `The call ended: ${them} was gone for too long.`,
  [EndReason.NOT_ALLOWED]: (them) => `You are not allowed to call ${them}.`,
  [EndReason.TERMINATED]: () => "The operator of the service ended the call.",
  [EndReason.EXPIRED]: () => "The call ended: it lasted as long as a call may.",
};

const CAUSES: Record<NonNullable<CallEnd["cause"]>, string> = {
  refused: "The service refused the call.",
  session: "The call ended: this tab was away for too long.",
  unread: "The call ended: this tab had stopped listening.",
  closed: "The call ended: you signed out.",
};

/** What a person is told when a call is over. */
export function howItEnded(call: Call, end: CallEnd, them: string, me: string): string {
  if (end.cause !== undefined) {
    return [CAUSES[end.cause], end.error?.message].filter(Boolean).join(" ");
  }
  if (end.reason === EndReason.HANGUP) {
    return end.endedBy?.userId === me ? "You hung up." : `${them} hung up.`;
  }
  const words = WORDS[end.reason] ?? (() => "The call ended.");
  return words(them, call.role === CallRole.CALLER, end);
}
