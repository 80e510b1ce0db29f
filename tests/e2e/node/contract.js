/**
 * The wire contract, loaded from `protos/` at run time: no generated code, so
 * that a client without a build step is what gets tested.
 *
 * @module contract
 */
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const PROTOS = fileURLToPath(new URL("../../../protos", import.meta.url));

const definition = protoLoader.loadSync("signaling/v1/signaling.proto", {
  includeDirs: [PROTOS],
  defaults: true,
  enums: String,
  longs: Number,
  oneofs: true, // a response names its member in `payload`
});

const { SignalingService } = grpc.loadPackageDefinition(definition).signaling.v1;

const KEEPALIVE_MS = 10_000; // as often as the service lets a client ping

/**
 * A stub with a connection of its own: two devices of one process must not
 * share what two phones would not.
 *
 * @param {string} address `host:port`, plaintext
 * @param {number} [keepaliveMs] a ping after this long, and as long for its answer
 * @returns {grpc.Client}
 */
export function newStub(address, keepaliveMs = KEEPALIVE_MS) {
  return new SignalingService(address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveMs,
  });
}

/**
 * The dev identity of a device.
 *
 * @param {string} userId
 * @param {string} deviceId
 * @returns {grpc.Metadata}
 */
export function identity(userId, deviceId) {
  const metadata = new grpc.Metadata();
  metadata.set("user-id", userId);
  metadata.set("device-id", deviceId);
  return metadata;
}

export const { OK, ABORTED } = grpc.status;
