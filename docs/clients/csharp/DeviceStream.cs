using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Threading.Channels;
using System.Threading.Tasks;
using Grpc.Core;
using Grpc.Net.Client;
using Signaling.V1;

namespace Example.Calls;

/// <summary>
/// One device at the signaling service: its stream, and the session that outlives it.
/// <c>Send</c> is once, whatever happens; what the service says goes to <c>handle</c>, once and in order.
/// Everything here runs in one synchronization context: call both from the same one, such as that of the screen.
/// </summary>
public sealed class DeviceStream(Uri address, Func<Task<string>> token, Func<ConnectResponse, Task> handle)
{
    private static readonly StatusCode[] StayAway =
    [
        StatusCode.Aborted, StatusCode.PermissionDenied, StatusCode.InvalidArgument, StatusCode.FailedPrecondition,
    ];

    private readonly List<ConnectRequest> unacked = [];
    private readonly List<ConnectRequest> refused = []; // the service cannot say that it stored them
    private string? sessionId; // none: this process remembers nothing
    private uint sent, processed, acked;
    private ChannelWriter<ConnectRequest>? stream; // once it is welcomed
    private bool isAckDue, isTurnedAway;
    private int failures;

    public void Send(string callId, ConnectRequest request)
    {
        request.CallId = callId;
        request.Seq = ++sent;
        unacked.Add(request);
        Write(request);
    }

    public async Task RunAsync()
    {
        while (true)
        {
            try
            {
                await ConnectAsync();
                continue; // drained: that wait was the jitter
            }
            catch (RefusedException)
            {
                // the service cannot reach its data: come back, and send it again
            }
            catch (RpcException failure)
            {
                var needsToken = failure.StatusCode == StatusCode.Unauthenticated;
                if (StayAway.Contains(failure.StatusCode) || (needsToken && isTurnedAway)) throw;
                isTurnedAway |= needsToken;
            }
            var bound = Math.Min(30, 0.5 * (1 << Math.Min(failures++, 6)));
            await Task.Delay(TimeSpan.FromSeconds(Random.Shared.NextDouble() * bound));
        }
    }

    private async Task ConnectAsync()
    {
        var headers = new Metadata { { "authorization", $"Bearer {await token()}" } };
        using var channel = Open();
        using var call = new SignalingService.SignalingServiceClient(channel).Connect(headers);
        var requests = Channel.CreateUnbounded<ConnectRequest>();
        requests.Writer.TryWrite(First());
        _ = WriteAsync(requests.Reader, call.RequestStream);
        try
        {
            await foreach (var response in call.ResponseStream.ReadAllAsync())
            {
                await ReceiveAsync(response, requests.Writer);
            }
        }
        finally
        {
            stream = null;
            requests.Writer.TryComplete();
        }
    }

    private GrpcChannel Open() => GrpcChannel.ForAddress(address, new GrpcChannelOptions
    {
        DisposeHttpClient = true,
        HttpHandler = new SocketsHttpHandler
        {
            KeepAlivePingDelay = TimeSpan.FromSeconds(20),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        },
    });

    private ConnectRequest First()
    {
        var hello = new Hello { Agent = "app/1.0" };
        if (sessionId is not null) hello.SessionId = sessionId;
        return new ConnectRequest { Hello = hello, Ack = processed };
    }

    private static async Task WriteAsync(
        ChannelReader<ConnectRequest> requests, IClientStreamWriter<ConnectRequest> writer)
    {
        try
        {
            await foreach (var request in requests.ReadAllAsync()) await writer.WriteAsync(request);
            await writer.CompleteAsync();
        }
        catch (Exception failure) when (failure is RpcException or InvalidOperationException)
        {
            // the stream is over: why, the reading side hears
        }
    }

    private async Task ReceiveAsync(ConnectResponse response, ChannelWriter<ConnectRequest> outbox)
    {
        var isWelcome = response.PayloadCase == ConnectResponse.PayloadOneofCase.Welcome;
        if (isWelcome) Begin(response);
        unacked.RemoveAll(one => one.Seq <= response.Ack);
        if (isWelcome)
        {
            stream = outbox;
            unacked.ForEach(Write);
        }
        if (response.Draining is { } draining) _ = LeaveAsync(draining.ReconnectAfter.ToTimeSpan(), outbox);
        if (response.Error is { Code: ErrorCode.Unavailable } error && response.Seq == 0)
        {
            refused.AddRange(unacked.Where(one => one.Seq == error.InReplyTo));
            throw new RefusedException();
        }
        if (response.Seq == 0 || response.Seq > processed) await handle(response);
        if (response.Seq <= processed) return;
        processed = response.Seq;
        OweAck();
    }

    private void Begin(ConnectResponse response)
    {
        if (!response.Welcome.Resumed && sessionId is not null)
        {
            unacked.Clear();
            refused.Clear();
            sent = processed = 0;
        }
        sessionId = response.Welcome.SessionId;
        acked = processed;
        isAckDue = isTurnedAway = false;
        failures = 0;
        var overtaken = refused.Where(one => one.Seq < response.Ack).ToList(); // the others go out as they are
        refused.Clear();
        overtaken.ForEach(one => Send(one.CallId, one.Clone()));
    }

    private void Write(ConnectRequest request)
    {
        if (stream is null) return; // it goes out with the welcome
        request.Ack = acked = processed;
        stream.TryWrite(request);
    }

    private async void OweAck()
    {
        if (processed - acked >= 32) SendAck();
        else if (!isAckDue)
        {
            isAckDue = true;
            await Task.Delay(200);
            isAckDue = false;
            SendAck();
        }
    }

    private void SendAck()
    {
        if (processed == acked || stream is null) return;
        acked = processed;
        stream.TryWrite(new ConnectRequest { Ack = acked });
    }

    private static async Task LeaveAsync(TimeSpan wait, ChannelWriter<ConnectRequest> outbox)
    {
        await Task.Delay(wait);
        outbox.TryComplete();
    }

    private sealed class RefusedException : Exception;
}
