/** What index.html has, each by its id and with its type. */

function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`index.html has no ${kind.name} called ${id}`);
}

export const elements = {
  connection: find("connection", HTMLParagraphElement),
  who: find("who", HTMLParagraphElement),
  signOut: find("sign-out", HTMLButtonElement),

  door: find("door", HTMLElement),
  signIn: find("sign-in", HTMLFormElement),
  name: find("name", HTMLInputElement),
  drawn: find("drawn", HTMLInputElement),
  doorNote: find("door-note", HTMLParagraphElement),

  phone: find("phone", HTMLDivElement),
  status: find("status", HTMLParagraphElement),
  dial: find("dial", HTMLFormElement),
  callee: find("callee", HTMLInputElement),

  stage: find("stage", HTMLDivElement),
  remote: find("remote", HTMLVideoElement),
  remoteName: find("remote-name", HTMLElement),
  waiting: find("waiting", HTMLParagraphElement),
  local: find("local", HTMLVideoElement),
  localName: find("local-name", HTMLElement),
  timer: find("timer", HTMLParagraphElement),
  mediaNote: find("media-note", HTMLParagraphElement),
  hear: find("hear", HTMLButtonElement),
  mute: find("mute", HTMLButtonElement),
  blind: find("blind", HTMLButtonElement),
  hangUp: find("hang-up", HTMLButtonElement),

  drop: find("drop", HTMLButtonElement),
  dropLabel: find("drop-label", HTMLSpanElement),
  fail: find("fail", HTMLButtonElement),

  partyMe: find("party-me", HTMLSpanElement),
  partyPeer: find("party-peer", HTMLSpanElement),
  scroll: find("scroll", HTMLDivElement),
  ladder: find("ladder", HTMLOListElement),
  clear: find("clear", HTMLButtonElement),

  incoming: find("incoming", HTMLDialogElement),
  incomingText: find("incoming-text", HTMLParagraphElement),
  answer: find("answer", HTMLButtonElement),
  decline: find("decline", HTMLButtonElement),
};
