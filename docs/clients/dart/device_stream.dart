import 'dart:async';
import 'dart:math';

import 'package:grpc/grpc.dart';

import 'gen/dart/signaling/v1/signaling.pbgrpc.dart';

const _stayAway = [
  StatusCode.aborted,
  StatusCode.permissionDenied,
  StatusCode.invalidArgument,
  StatusCode.failedPrecondition,
];

class _Refused implements Exception {}

/// One device at the signaling service: its stream, and the session that outlives it.
///
/// [send] is once, whatever happens; what the service says goes to `handle`, once and in order.
class DeviceStream {
  DeviceStream(this._host, this._token, this._handle);

  final String _host;
  final Future<String> Function() _token;
  final Future<void> Function(ConnectResponse) _handle;
  String? _sessionId; // none: this process remembers nothing
  int _sent = 0;
  int _processed = 0;
  int _acked = 0;
  final List<ConnectRequest> _unacked = [];
  final List<ConnectRequest> _refused = []; // the service cannot say that it stored them
  StreamController<ConnectRequest>? _stream; // once it is welcomed
  Timer? _ackTimer;
  Timer? _leaveTimer;
  int _failures = 0;
  bool _isTurnedAway = false;

  void send(String callId, ConnectRequest request) {
    request
      ..callId = callId
      ..seq = ++_sent;
    _unacked.add(request);
    _write(request);
  }

  Future<void> run() async {
    while (true) {
      try {
        await _connect();
        continue; // drained: that wait was the jitter
      } on _Refused {
        // the service cannot reach its data: come back, and send it again
      } on GrpcError catch (failure) {
        final needsToken = failure.code == StatusCode.unauthenticated;
        if (_stayAway.contains(failure.code) || (needsToken && _isTurnedAway)) rethrow;
        _isTurnedAway = _isTurnedAway || needsToken;
      }
      final bound = min(30000, 500 << min(_failures++, 6));
      await Future<void>.delayed(Duration(milliseconds: Random().nextInt(bound)));
    }
  }

  Future<void> _connect() async {
    final options = CallOptions(metadata: {'authorization': 'Bearer ${await _token()}'});
    final channel = ClientChannel(
      _host,
      options: const ChannelOptions(
        keepAlive: ClientKeepAliveOptions(
          pingInterval: Duration(seconds: 20),
          timeout: Duration(seconds: 5),
        ),
      ),
    );
    final outbox = StreamController<ConnectRequest>()..add(_first());
    try {
      final responses = SignalingServiceClient(channel).connect(outbox.stream, options: options);
      await for (final response in responses) {
        await _receive(response, outbox);
      }
    } finally {
      _stream = null;
      _ackTimer?.cancel();
      _leaveTimer?.cancel();
      unawaited(outbox.close());
      await channel.terminate();
    }
  }

  ConnectRequest _first() {
    final hello = Hello()..agent = 'app/1.0';
    final remembered = _sessionId;
    if (remembered != null) hello.sessionId = remembered;
    return ConnectRequest()
      ..hello = hello
      ..ack = _processed;
  }

  Future<void> _receive(ConnectResponse response, StreamController<ConnectRequest> outbox) async {
    if (response.hasWelcome()) _begin(response);
    _unacked.removeWhere((one) => one.seq <= response.ack);
    if (response.hasWelcome()) {
      _stream = outbox;
      _unacked.forEach(_write);
    }
    if (response.hasDraining()) {
      final wait = Duration(seconds: response.draining.reconnectAfter.seconds.toInt());
      _leaveTimer = Timer(wait, outbox.close);
    }
    if (response.error.code == ErrorCode.ERROR_CODE_UNAVAILABLE && response.seq == 0) {
      _refused.addAll(_unacked.where((one) => one.seq == response.error.inReplyTo));
      throw _Refused();
    }
    if (response.seq == 0 || response.seq > _processed) await _handle(response);
    if (response.seq <= _processed) return;
    _processed = response.seq;
    _oweAck();
  }

  void _begin(ConnectResponse response) {
    if (!response.welcome.resumed && _sessionId != null) {
      _unacked.clear();
      _refused.clear();
      _sent = _processed = 0;
    }
    _sessionId = response.welcome.sessionId;
    _acked = _processed;
    _failures = 0;
    _isTurnedAway = false;
    final overtaken = _refused.where((one) => one.seq < response.ack).toList();
    _refused.clear(); // the others go out as they are
    for (final one in overtaken) {
      send(one.callId, one.deepCopy());
    }
  }

  void _write(ConnectRequest request) {
    final stream = _stream;
    if (stream == null || stream.isClosed) return; // it goes out with the welcome
    request.ack = _acked = _processed;
    stream.add(request);
  }

  void _oweAck() {
    if (_processed - _acked >= 32) return _sendAck();
    if (_ackTimer?.isActive ?? false) return;
    _ackTimer = Timer(const Duration(milliseconds: 200), _sendAck);
  }

  void _sendAck() {
    final stream = _stream;
    if (_processed == _acked || stream == null || stream.isClosed) return;
    _acked = _processed;
    stream.add(ConnectRequest()..ack = _acked);
  }
}
