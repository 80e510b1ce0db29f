package example.calls

import com.signaling.v1.ConnectRequest
import com.signaling.v1.ConnectRequestKt
import com.signaling.v1.ConnectResponse
import com.signaling.v1.ErrorCode
import com.signaling.v1.SignalingServiceGrpcKt.SignalingServiceCoroutineStub
import com.signaling.v1.connectRequest
import com.signaling.v1.copy
import com.signaling.v1.hello
import io.grpc.Grpc
import io.grpc.Metadata
import io.grpc.Status
import io.grpc.StatusException
import io.grpc.TlsChannelCredentials
import java.util.concurrent.TimeUnit
import kotlin.math.min
import kotlin.random.Random
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.SendChannel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.consumeAsFlow
import kotlinx.coroutines.launch

private val AUTHORIZATION = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER)
private val STAY_AWAY = setOf(
    Status.Code.ABORTED,
    Status.Code.PERMISSION_DENIED,
    Status.Code.INVALID_ARGUMENT,
    Status.Code.FAILED_PRECONDITION,
)

private class RefusedException : Exception()

/**
 * One device at the signaling service: its stream, and the session that outlives it.
 *
 * [send] is once, whatever happens; what the service says goes to [handle], once and in order.
 * Everything here runs on one thread: call [run] and [send] on the same one, such as the main one.
 */
class DeviceStream(
    private val target: String,
    private val token: suspend () -> String,
    private val handle: suspend (ConnectResponse) -> Unit,
) {
    private var sessionId: String? = null // none: this process remembers nothing
    private var sent = 0
    private var processed = 0
    private var acked = 0
    private val unacked = ArrayDeque<ConnectRequest>()
    private val refused = mutableListOf<ConnectRequest>() // the service cannot say that it stored them
    private var stream: SendChannel<ConnectRequest>? = null // once it is welcomed
    private var isAckDue = false
    private var failures = 0
    private var isTurnedAway = false

    fun send(callId: String, payload: ConnectRequestKt.Dsl.() -> Unit) =
        enqueue(connectRequest { this.callId = callId; payload() })

    suspend fun run() {
        while (true) {
            try {
                connect()
                continue // drained: that wait was the jitter
            } catch (failure: RefusedException) {
                // the service cannot reach its data: come back, and send it again
            } catch (failure: StatusException) {
                val code = failure.status.code
                val needsToken = code == Status.Code.UNAUTHENTICATED
                if (code in STAY_AWAY || needsToken && isTurnedAway) throw failure
                isTurnedAway = isTurnedAway || needsToken
            }
            delay(Random.nextLong(min(30_000L, 500L shl min(failures++, 6))))
        }
    }

    private suspend fun connect() = coroutineScope {
        val headers = Metadata().apply { put(AUTHORIZATION, "Bearer ${token()}") }
        val channel = Grpc.newChannelBuilder(target, TlsChannelCredentials.create())
            .keepAliveTime(20, TimeUnit.SECONDS)
            .keepAliveTimeout(5, TimeUnit.SECONDS)
            .build()
        val outbox = Channel<ConnectRequest>(Channel.UNLIMITED)
        outbox.trySend(first())
        try {
            SignalingServiceCoroutineStub(channel)
                .connect(outbox.consumeAsFlow(), headers)
                .collect { response -> receive(response, outbox) }
        } finally {
            stream = null
            coroutineContext.cancelChildren()
            channel.shutdownNow()
        }
    }

    private fun first(): ConnectRequest {
        val remembered = sessionId
        val greeting = hello {
            agent = "app/1.0"
            if (remembered != null) sessionId = remembered
        }
        return connectRequest { hello = greeting; ack = processed }
    }

    private suspend fun CoroutineScope.receive(response: ConnectResponse, outbox: SendChannel<ConnectRequest>) {
        if (response.hasWelcome()) begin(response)
        while (unacked.isNotEmpty() && unacked.first().seq <= response.ack) unacked.removeFirst()
        if (response.hasWelcome()) {
            stream = outbox
            unacked.forEach(::write)
        }
        if (response.hasDraining()) {
            launch { delay(response.draining.reconnectAfter.seconds * 1000); outbox.close() }
        }
        if (response.error.code == ErrorCode.ERROR_CODE_UNAVAILABLE && response.seq == 0) {
            refused += unacked.filter { it.seq == response.error.inReplyTo }
            throw RefusedException()
        }
        if (response.seq == 0 || response.seq > processed) handle(response)
        if (response.seq > processed) {
            processed = response.seq
            oweAck()
        }
    }

    private fun begin(response: ConnectResponse) {
        if (!response.welcome.resumed && sessionId != null) {
            unacked.clear()
            refused.clear()
            sent = 0
            processed = 0
        }
        sessionId = response.welcome.sessionId
        acked = processed
        isAckDue = false
        failures = 0
        isTurnedAway = false
        val overtaken = refused.filter { it.seq < response.ack } // the others go out as they are
        refused.clear()
        overtaken.forEach(::enqueue)
    }

    private fun enqueue(request: ConnectRequest) {
        sent += 1
        unacked += request.copy { seq = sent }
        if (stream != null) write(unacked.last())
    }

    private fun write(request: ConnectRequest) {
        acked = processed
        stream?.trySend(request.copy { ack = processed })
    }

    private fun CoroutineScope.oweAck() {
        if (processed - acked >= 32) return sendAck()
        if (isAckDue) return
        isAckDue = true
        launch { delay(200); isAckDue = false; sendAck() }
    }

    private fun sendAck() {
        if (processed == acked) return
        acked = processed
        stream?.trySend(connectRequest { ack = processed })
    }
}
