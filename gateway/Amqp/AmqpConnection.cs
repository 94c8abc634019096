using System.Buffers;
using System.IO.Pipelines;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Gateway.Amqp.Connections;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;
using Granary.Gateway.Sockets;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp;

/// <summary>
/// One open AMQP connection. A single loop reads frames; its state is touched by that loop, by queues that push (<see cref="ILinkOwner"/>), by
/// finished flushes and by the ticker, always under <see cref="LinkSet.Gate"/>. A method that needs another part of the cluster becomes the
/// operation that the loop awaits before the next frame, so that frames take effect in order.
/// </summary>
internal sealed partial class AmqpConnection : ILinkOwner
{
    // A method that a client left behind may still be done with: what follows it was sent before the client went.
    private static readonly TimeSpan PatienceWithoutClient = TimeSpan.FromSeconds(1);

    private readonly IDuplexPipe _transport;
    private readonly AmqpServer _server;
    private readonly AmqpOutput _output;
    private readonly FrameSlicer _frames;
    private readonly BodyInParts _body = new();
    private readonly ITargetedReader? _targeted;
    private readonly Heartbeat _heartbeat;
    private readonly CancellationToken _aborted;
    private readonly CancellationTokenSource _gone;
    private readonly IPeerSigns? _peer;
    private readonly Action _abort;
    private readonly Dictionary<ushort, AmqpChannel> _channels = [];
    private readonly List<(IReplyConsumer Consumer, MessageBatch Reply)> _replies = [];
    private readonly List<(AmqpChannel Channel, AmqpChannelException Error)> _lost = [];
    private AmqpChannel? _lastChannel;

    // Where the next read puts a part of a large body.
    private Memory<byte> _target;
    private ValueTask? _operation;
    private AmqpChannel? _operationChannel;
    private bool _hasReceived;
    private bool _hasPublished;

    private volatile Hold _hold;
    private long? _leftAt;
    private Task? _released;
    private State _state;

    /// <summary>Why the socket is not read.</summary>
    private enum Hold
    {
        None,

        /// <summary>A method is waited for.</summary>
        Operation,

        /// <summary>There is too much on its way, or too little room.</summary>
        Limits,
    }

    private enum State
    {
        Open,

        /// <summary>connection.close was sent: everything but close and close-ok is ignored.</summary>
        Closing,

        Closed,
    }

    /// <param name="peer">What is known of the client while its socket is not read; null if nothing is.</param>
    public AmqpConnection(
        IDuplexPipe transport, AmqpServer server, ConnectionTerms terms, Action abort, CancellationToken aborted, IPeerSigns? peer = null)
    {
        (_transport, _server, Terms, _abort, _aborted, _peer) = (transport, server, terms, abort, aborted, peer);
        _gone = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        Grains = new GrainCalls(server.Grains, terms.Vhost, server.Clock, server.Options.OperationTimeout, server.Log, _gone.Token);
        Links = new LinkSet(server.Grains, server.LocalQueues, Id, terms.Vhost, server.Clock, server.Log) { Owner = this };
        _output = new AmqpOutput(transport.Output, terms.FrameMax, new SendWatch(server.Options.SendTimeout, server.Clock), Links, OnClientLost);
        _targeted = transport.Input as ITargetedReader;
        _frames = new FrameSlicer(terms.FrameMax);
        _heartbeat = new Heartbeat(terms.Heartbeat, server.Clock);
    }

    public ConnectionId Id { get; } = ConnectionId.New();

    public ConnectionTerms Terms { get; }

    public LinkSet Links { get; }

    public AmqpOutput Output => _output;

    public DeliveryWriter Deliveries => _output.Deliveries;

    public SettlementBuffer Settlements { get; } = new();

    public Publisher Publisher { get; } = new();

    public PathCache<PublishPath> Paths { get; } = new();

    public ExclusiveQueues Exclusive { get; } = new();

    public GrainCalls Grains { get; }

    /// <summary>The client is gone: nobody waits for what a method answers.</summary>
    public CancellationToken Gone => _gone.Token;

    public TimeProvider Clock => _server.Clock;

    /// <summary>Completes when nothing of the connection is left at any queue, as far as they can be reached. The socket does not wait for it.</summary>
    public Task Released => _released ?? Task.CompletedTask;

    public Router Router => _server.Router;

    public ReplyRegistry Replies => _server.Replies;

    public AmqpOptions Options => _server.Options;

    /// <summary>The client asks on and does not read the answers: it is not read either.</summary>
    public bool IsBackedUp => _output.IsBackedUp;

    private ILogger Log => _server.Log;

    /// <summary>Runs until the connection has ended; <see cref="Released"/> is when it has left nothing behind.</summary>
    public async Task RunAsync()
    {
        try
        {
            await ReadLoopAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_gone.IsCancellationRequested)
        {
            LogAborted(Log);
        }
        catch (IOException exception)
        {
            LogLost(Log, exception);
        }
        finally
        {
            lock (Links.Gate)
            {
                _state = State.Closed;
            }

            _ = ReleaseAsync();
            await WaitForEndAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Called a few times a second.</summary>
    public void Tick()
    {
        lock (Links.Gate)
        {
            NoteWhetherLeft();
            var action = _heartbeat.Tick(_hasReceived || IsSilenceExcused, _output.HasSent);
            _hasReceived = _output.HasSent = false;
            if (action == HeartbeatAction.PeerIsDead)
            {
                LogPeerIsDead(Log, Terms.Heartbeat);
                _abort();
                return;
            }

            if (_output.IsStuck())
            {
                LogReadsNothing(Log, Options.SendTimeout);
                _abort();
                return;
            }

            if (action == HeartbeatAction.Send && _state != State.Closed)
            {
                _output.WriteHeartbeat();
                _output.Flush();
            }

            if (!_hasPublished)
            {
                Publisher.Chunks.Forget();
            }

            _hasPublished = false;
        }

        Links.Tick();
    }

    // The client's silence says nothing while it may be the broker's doing.
    private bool IsSilenceExcused => _hold switch
    {
        Hold.Operation => _peer is null || _peer.TakeHeard() || _peer.MayBeStuck,
        Hold.Limits => true,
        _ => false,
    };

    // Whoever is not read is not heard to leave either. What it had sent before is taken, if that does not last.
    private void NoteWhetherLeft()
    {
        if (_hold == Hold.None || _peer is not { HasLeft: true })
        {
            _leftAt = null;
            return;
        }

        var now = Clock.GetTimestamp();
        _leftAt ??= now;
        if (Clock.GetElapsedTime(_leftAt.Value, now) >= (_hold == Hold.Operation ? PatienceWithoutClient : Options.OperationTimeout))
        {
            // Elsewhere: what it ends may go on at once, and this holds the gate.
            _ = _gone.CancelAsync();
        }
    }

    /// <summary>Writes a method from wherever an operation has got to.</summary>
    public void Send<T>(ushort channel, in T method)
        where T : struct, IMethod
    {
        lock (Links.Gate)
        {
            if (_state == State.Open)
            {
                _output.Write(channel, method);
            }
        }
    }

    /// <summary>Makes the read loop await this before it goes on. Under the gate.</summary>
    public void Begin(AmqpChannel? channel, ValueTask operation)
    {
        if (operation.IsCompletedSuccessfully)
        {
            return;
        }

        (_operationChannel, _operation) = (channel, operation);
    }

    /// <summary>Keeps a reply until the gate is left: another connection's gate must not be taken under this one.</summary>
    public void Reply(IReplyConsumer consumer, in MessageBatch reply) => _replies.Add((consumer, reply));

    /// <summary>Takes deliveries that come from no queue.</summary>
    public void Push(AmqpConsumer consumer, in MessageBatch batch)
    {
        lock (Links.Gate)
        {
            if (_state == State.Open)
            {
                Deliveries.Add(consumer, new Core.Links.DeliverySlice(batch, 0, Redelivered: false));
                _output.Flush();
            }
        }
    }

    /// <summary>Closes a channel once the links have done with what they are at.</summary>
    public void Lose(AmqpChannel channel, AmqpChannelException error) => _lost.Add((channel, error));

    public void AfterLinks()
    {
        if (_lost.Count > 0)
        {
            foreach (var (channel, error) in _lost)
            {
                FailChannel(channel, error);
            }

            _lost.Clear();
        }

        _output.Flush();
    }

    private async Task ReadLoopAsync()
    {
        while (_state != State.Closed)
        {
            var read = await _transport.Input.ReadAsync(_aborted).ConfigureAwait(false);
            if (read.IsCanceled)
            {
                return;
            }

            var buffer = read.Buffer;
            try
            {
                while (Process(ref buffer, _targeted?.TakeTargeted() ?? 0))
                {
                    _hold = Hold.Operation;
                    await FinishOperationAsync().ConfigureAwait(false);
                    await WaitForReaderAsync().ConfigureAwait(false);
                }
            }
            finally
            {
                _transport.Input.AdvanceTo(buffer.Start, buffer.End);
            }

            if (_targeted is not null)
            {
                _targeted.Target = _target;
            }

            if (read.IsCompleted || _state == State.Closed)
            {
                return;
            }

            await WaitForReaderAsync().ConfigureAwait(false);
            // While so much is on its way the socket is not read: TCP holds the publisher.
            if (!Links.IsWithin(PublishLimits.Connection))
            {
                _hold = Hold.Limits;
                await Links.WaitForRoomAsync(PublishLimits.Connection.Half).WaitAsync(Gone).ConfigureAwait(false);
            }

            if (_server.Alarms.IsRaised && _hasPublished)
            {
                _hold = Hold.Limits;
                await HoldAsync().ConfigureAwait(false);
            }

            _hold = Hold.None;
        }
    }

    // Handles whole frames; true when an operation must be awaited before the rest.
    private bool Process(ref ReadOnlySequence<byte> buffer, int targeted)
    {
        Router.EndLostLeases();
        lock (Links.Gate)
        {
            _hasReceived = true;
            try
            {
                _body.Received(_target[..targeted].Span);
                do
                {
                    HandleWhole(ref buffer);
                }
                while (_operation is null && _state != State.Closed && TakeBody(ref buffer));
            }
            catch (AmqpConnectionException exception)
            {
                Fail(exception);
            }
            finally
            {
                _frames.Release(ref buffer);
            }

            Publisher.Seal();
            Settlements.Emit();
            Links.Flush();
            _output.Flush();
            _target = _targeted is not null && buffer.IsEmpty ? _body.Target : default;
        }

        PostReplies();
        return _operation is not null;
    }

    private void HandleWhole(ref ReadOnlySequence<byte> buffer)
    {
        while (_operation is null && _state != State.Closed && !_body.IsUnderWay && _frames.TryNext(ref buffer, out var type, out var channel, out var payload))
        {
            if (!Dispatch(type, channel, payload))
            {
                // The frame waits for the operation and is handled once more after it.
                _frames.Repeat();
                break;
            }
        }
    }

    // True when a body frame has ended that was too large to be waited for.
    private bool TakeBody(ref ReadOnlySequence<byte> buffer)
    {
        if (!_body.IsUnderWay)
        {
            if (_state != State.Open || !_frames.IsBody(buffer, out var number, out var length)
                || !_channels.TryGetValue(number, out var channel) || channel.BodyIntake is not { } intake)
            {
                return false;
            }

            _body.Begin(intake, length);
            _frames.BeginBody();
        }

        return _body.TryTake(_frames, ref buffer);
    }

    private bool Dispatch(FrameType type, ushort number, ReadOnlySpan<byte> payload)
    {
        if (number == 0)
        {
            OnConnectionFrame(type, payload);
            return true;
        }

        if (_state == State.Closing)
        {
            return true;
        }

        var channel = _lastChannel;
        if (channel?.Number != number && !_channels.TryGetValue(number, out channel))
        {
            OpenChannel(type, number, payload);
            return true;
        }

        _lastChannel = channel;
        try
        {
            return channel!.OnFrame(type, payload);
        }
        catch (AmqpChannelException exception)
        {
            FailChannel(channel!, exception);
            return true;
        }
    }

    private void OpenChannel(FrameType type, ushort number, ReadOnlySpan<byte> payload)
    {
        if (type == FrameType.Heartbeat)
        {
            throw new AmqpConnectionException(ReplyCode.UnexpectedFrame, $"heartbeat frame on channel {number}");
        }

        var id = type == FrameType.Method ? MethodFrame.ReadId(payload, out _) : 0;
        if (id != MethodId.ChannelOpen)
        {
            throw new AmqpConnectionException(ReplyCode.ChannelError, "expected 'channel.open'", id);
        }

        if (number > Terms.ChannelMax || _channels.Count >= Terms.ChannelMax)
        {
            throw new AmqpConnectionException(
                ReplyCode.NotAllowed, $"number of channels opened ({_channels.Count}) has reached the negotiated channel_max ({Terms.ChannelMax})", id);
        }

        _channels.Add(number, new AmqpChannel(this, number));
        _output.Write(number, new ChannelOpenOk());
    }

    // Not held for a reason of the broker's own: a client that reads nothing for two heartbeats is as good as dead.
    private async ValueTask WaitForReaderAsync()
    {
        while (IsBackedUp)
        {
            _hold = Hold.None;
            await _output.WaitForRoomAsync().WaitAsync(Gone).ConfigureAwait(false);
        }
    }

    private async ValueTask FinishOperationAsync()
    {
        var (operation, channel) = (_operation!.Value, _operationChannel);
        try
        {
            await operation.ConfigureAwait(false);
        }
        catch (AmqpChannelException exception) when (channel is not null)
        {
            lock (Links.Gate)
            {
                FailChannel(channel, exception);
            }
        }
        catch (AmqpException exception)
        {
            lock (Links.Gate)
            {
                Fail(exception);
            }
        }
        catch (OperationCanceledException) when (_state != State.Open && !_gone.IsCancellationRequested)
        {
            // A commit of a channel that went with the connection. The client's close-ok is still to be read.
            LogOperationAbandoned(Log);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogOperationFailed(Log, exception);
            lock (Links.Gate)
            {
                Fail(new AmqpConnectionException(ReplyCode.InternalError, exception.Message, 0, exception));
            }
        }
        finally
        {
            _operation = null;
        }
    }

    private void FailChannel(AmqpChannel channel, AmqpChannelException exception)
    {
        if (_state != State.Open || channel.IsClosing)
        {
            return;
        }

        LogChannelFailed(Log, channel.Number, exception.Text);
        channel.Release();
        channel.IsClosing = true;
        _output.Write(channel.Number, new ChannelClose(exception.ReplyCode, exception.Text, exception.ClassId, exception.MethodId));
    }

    /// <summary>The channel's number is free again.</summary>
    public void Forget(AmqpChannel channel)
    {
        _channels.Remove(channel.Number);
        _lastChannel = null;
    }

    // Once, whoever comes first.
    private Task ReleaseAsync()
    {
        lock (Links.Gate)
        {
            if (_released is null)
            {
                foreach (var channel in _channels.Values)
                {
                    channel.Release();
                }

                _channels.Clear();
                _lastChannel = null;
                Publisher.Seal();
                Settlements.Emit();
                _released = LetGoAsync();
            }

            return _released;
        }
    }

    private async Task LetGoAsync()
    {
        try
        {
            await Links.CloseAsync().WaitAsync(_server.Impatient).ConfigureAwait(false);
            var grains = new GrainCalls(_server.Grains, Terms.Vhost, Clock, Options.OperationTimeout, Log, _server.Impatient);
            await Exclusive.DeleteAllAsync(name => grains.QueueAsync(name, queue => queue.DeleteAsync(Id, ifUnused: false, ifEmpty: false)))
                .WaitAsync(_server.Impatient).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            LogNotLetGo(Log);
        }
    }

    public void NotePublished() => _hasPublished = true;

    private void OnClientLost()
    {
        _state = State.Closed;
        _transport.Input.CancelPendingRead();
    }

    private void PostReplies()
    {
        if (_replies.Count == 0)
        {
            return;
        }

        foreach (var (consumer, reply) in _replies)
        {
            consumer.Receive(reply);
        }

        _replies.Clear();
    }
}
