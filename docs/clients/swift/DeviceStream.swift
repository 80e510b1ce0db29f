/// One device at the signaling service: its stream, and the session that outlives it.
/// `send` is once, whatever happens; what the service says goes to `handle`, once and in order.
import GRPCCore
import GRPCNIOTransportHTTP2

actor DeviceStream {
    let host: String
    let token: @Sendable () async throws -> String
    let handle: @Sendable (SignalingConnectResponse) async throws -> Void
    private var sessionID: String?  // none: this process remembers nothing
    private var sent: UInt32 = 0
    private var processed: UInt32 = 0
    private var acked: UInt32 = 0
    private var unacked: [SignalingConnectRequest] = []
    private var stream: AsyncStream<SignalingConnectRequest>.Continuation?  // once it is welcomed
    private var refused: [SignalingConnectRequest] = []  // the service cannot say that it stored them
    private var isAckDue = false
    private var failures = 0
    private var isTurnedAway = false

    init(host: String, token: @escaping @Sendable () async throws -> String,
         handle: @escaping @Sendable (SignalingConnectResponse) async throws -> Void) {
        (self.host, self.token, self.handle) = (host, token, handle)
    }

    func send(_ callID: String, _ payload: SignalingConnectRequest.OneOf_Payload) {
        sent += 1
        unacked.append(.with { $0.seq = sent; $0.callID = callID; $0.payload = payload })
        if let last = unacked.last { write(last) }  // or later, with the welcome
    }

    func run() async throws {
        let stayAway: [RPCError.Code] = [.aborted, .permissionDenied, .invalidArgument, .failedPrecondition]
        while true {
            do {
                try await connect()
                continue  // drained: that wait was the jitter
            } catch is Refused {
                // the service cannot reach its data: come back, and send it again
            } catch let failure as RPCError {
                let needsToken = failure.code == .unauthenticated
                if stayAway.contains(failure.code) || (needsToken && isTurnedAway) { throw failure }
                isTurnedAway = isTurnedAway || needsToken
            }
            let bound = min(30, 0.5 * Double(1 << min(failures, 6)))
            failures += 1
            try await Task.sleep(for: .seconds(Double.random(in: 0...bound)))
        }
    }

    private func connect() async throws {
        let (requests, outbox) = AsyncStream.makeStream(of: SignalingConnectRequest.self)
        var hello = SignalingHello.with { $0.agent = "app/1.0" }
        if let sessionID { hello.sessionID = sessionID }
        outbox.yield(.with { $0.hello = hello; $0.ack = processed })
        let credentials: Metadata = try await bearer()
        defer { stream = nil; outbox.finish() }
        try await withGRPCClient(transport: .http2NIOTS(
            target: .dns(host: host, port: 443), transportSecurity: .tls,
            config: .defaults {
                $0.connection.keepalive = .init(
                    time: .seconds(20), timeout: .seconds(5), allowWithoutCalls: false)
            })) { client in
            try await SignalingSignalingService.Client(wrapping: client).connect(
                metadata: credentials,
                requestProducer: { writer in
                    for await request in requests { try await writer.write(request) }
                },
                onResponse: { answers in
                    for try await response in answers.messages {
                        try await self.receive(response, outbox)
                    }
                })
        }
    }

    private func bearer() async throws -> Metadata {
        var metadata = Metadata()
        metadata.addString("Bearer \(try await token())", forKey: "authorization")
        return metadata
    }

    private func receive(
        _ response: SignalingConnectResponse, _ outbox: AsyncStream<SignalingConnectRequest>.Continuation
    ) async throws {
        if case .welcome(let welcome) = response.payload {
            if !welcome.resumed && sessionID != nil {
                (unacked, refused, sent, processed) = ([], [], 0, 0)
            }
            let overtaken = refused.filter { $0.seq < response.ack }  // the others go out as they are
            (refused, stream) = ([], nil)
            for request in overtaken { send(request.callID, request.payload!) }
            (sessionID, stream, acked) = (welcome.sessionID, outbox, processed)
            (failures, isTurnedAway, isAckDue) = (0, false, false)
        }
        unacked.removeAll { $0.seq <= response.ack }
        if case .welcome = response.payload { for request in unacked { write(request) } }
        if case .draining(let draining) = response.payload {
            Task { try await Task.sleep(for: .seconds(draining.reconnectAfter.seconds)); outbox.finish() }
        }
        if case .error(let error) = response.payload, error.code == .unavailable, response.seq == 0 {
            refused += unacked.filter { $0.seq == error.inReplyTo }
            throw Refused()
        }
        if response.seq == 0 || response.seq > processed { try await handle(response) }
        if response.seq > processed { processed = response.seq; oweAck() }
    }

    private func write(_ request: SignalingConnectRequest) {
        acked = processed
        var request = request
        request.ack = processed
        stream?.yield(request)
    }

    private func oweAck() {
        if processed - acked >= 32 { return ack() }
        if isAckDue { return }
        isAckDue = true
        Task { try await Task.sleep(for: .milliseconds(200)); isAckDue = false; ack() }
    }

    private func ack() {
        if processed > acked { acked = processed; stream?.yield(.with { $0.ack = acked }) }
    }
}

private struct Refused: Error {}
