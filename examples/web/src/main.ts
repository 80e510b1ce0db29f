/** The page: somebody signs in, and this tab becomes a device of theirs. */
import { claimTab } from "signaling-client";

import { Device, type Service } from "./device.js";
import { elements } from "./elements.js";
import { Ladder } from "./ladder.js";
import { deviceName } from "./naming.js";
import { Stage } from "./stage.js";

const REMEMBERED = "signaling-demo"; // in the tab alone: a tab that is loaded again is signed in

interface Person {
  readonly userId: string;
  readonly isDrawn: boolean;
}

const ladder = new Ladder();
const stage = new Stage();
let device: Device | undefined;

elements.signIn.addEventListener("submit", (event) => {
  event.preventDefault();
  void signIn({ userId: userIdOf(elements.name.value), isDrawn: elements.drawn.checked });
});
elements.signOut.addEventListener("click", () => void signOut());
elements.dial.addEventListener("submit", (event) => {
  event.preventDefault();
  device?.call(userIdOf(elements.callee.value));
});
elements.drop.addEventListener("click", () => device?.drop());

const person = remembered();
if (person) void signIn(person);
else elements.name.focus();

async function signIn(person: Person): Promise<void> {
  elements.doorNote.textContent = "";
  const tab = await claimTab();
  const { userId, isDrawn } = person;
  const { deviceId, memory } = tab;
  device = new Device(await service(), { userId, isDrawn, deviceId, memory }, ladder, stage);
  enter(userId, deviceId);
  try {
    sessionStorage.setItem(REMEMBERED, JSON.stringify(person));
    await device.connect();
  } catch (error) {
    leave(`The service does not let you in: ${error instanceof Error ? error.message : error}`);
  }
}

async function signOut(): Promise<void> {
  await device?.close();
  leave("");
}

function enter(userId: string, deviceId: string): void {
  ladder.name("me", userId);
  elements.who.textContent = `${userId}, ${deviceName(deviceId)}`;
  elements.door.hidden = true;
  elements.phone.hidden = elements.who.hidden = elements.signOut.hidden = false;
  elements.callee.focus();
}

function leave(note: string): void {
  device = undefined;
  sessionStorage.removeItem(REMEMBERED);
  ladder.clear();
  elements.doorNote.textContent = note;
  elements.phone.hidden = elements.who.hidden = elements.signOut.hidden = true;
  elements.door.hidden = false;
  elements.name.focus();
}

function remembered(): Person | undefined {
  const text = sessionStorage.getItem(REMEMBERED);
  return text === null ? undefined : (JSON.parse(text) as Person);
}

/** The id behind a name, so that Bob and bob are the same; ids have no spaces. */
function userIdOf(name: string): string {
  return name.trim().toLowerCase().replace(/\s+/gu, "-");
}

/** Where the service is, says whoever serves this page. */
async function service(): Promise<Service> {
  const response = await fetch("service.json");
  return (await response.json()) as Service;
}
